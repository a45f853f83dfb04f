pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Templates as T

// One thing to do in the dock: for a mouse, not for a library.
T.AbstractButton {
    id: button

    implicitWidth: label.implicitWidth + 28
    implicitHeight: 42
    focusPolicy: Qt.StrongFocus

    background: Rectangle {
        radius: 10
        color: button.down ? Theme.lamp : button.hovered ? Theme.halo : Theme.paper
        border.width: button.visualFocus ? 3 : 1
        border.color: Theme.edge
    }

    contentItem: Text {
        id: label

        text: button.text
        color: Theme.ink
        font.pixelSize: 17
        horizontalAlignment: Text.AlignHCenter
        verticalAlignment: Text.AlignVCenter
        Accessible.ignored: true
    }
}
