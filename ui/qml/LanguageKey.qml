pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Templates as T

// The name of the other language, in that language.
T.AbstractButton {
    id: key

    implicitWidth: Math.max(Theme.target, label.implicitWidth + 2 * Theme.space)
    implicitHeight: Theme.target
    text: qsTr("English", "the name of the other language: Dansk")
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.Button
    Accessible.name: text
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    contentItem: Item {
        Rectangle {
            anchors.centerIn: parent
            width: parent.width
            height: Theme.px(72)
            radius: height / 2
            color: key.down ? Theme.nightRaised : "transparent"
            border.width: key.visualFocus ? Theme.ring : Theme.hairline
            border.color: key.visualFocus ? Theme.lamp : Theme.mist
        }

        Label {
            id: label

            anchors.centerIn: parent
            text: key.text
            color: Theme.cream
            font.pixelSize: Theme.door ? Theme.small : Theme.body
            wrapMode: Text.NoWrap
            Accessible.ignored: true
        }
    }
}
