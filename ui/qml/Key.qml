pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Templates as T

T.AbstractButton {
    id: key

    property string sign: ""
    property bool dark: false

    readonly property color inked: dark && !down ? Theme.cream : Theme.ink

    implicitWidth: Theme.px(156)
    implicitHeight: Theme.target
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.Button
    Accessible.name: text
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    background: Rectangle {
        radius: Theme.radius
        color: key.down ? Theme.lamp : key.dark ? Theme.nightRaised : Theme.paper
        border.width: Theme.hairline
        border.color: key.dark ? Theme.mist : Theme.edge

        FocusRing {
            shown: key.visualFocus
            dark: key.dark
        }
    }

    contentItem: Item {
        Label {
            anchors.centerIn: parent
            visible: key.sign === ""
            text: key.text
            color: key.inked
            font.pixelSize: Theme.title
            font.weight: Font.Bold
            Accessible.ignored: true
        }

        Column {
            anchors.centerIn: parent
            visible: key.sign !== ""

            Icon {
                anchors.horizontalCenter: parent.horizontalCenter
                name: key.sign
                size: Theme.px(46)
                ink: key.inked
            }

            Label {
                anchors.horizontalCenter: parent.horizontalCenter
                text: key.text
                color: key.inked
                font.pixelSize: Theme.small
                wrapMode: Text.NoWrap
                Accessible.ignored: true
            }
        }
    }
}
