pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Templates as T

// One thing to do. `quiet`: the other thing, beside it. `dark`: it stands on the night.
T.AbstractButton {
    id: button

    property string sign: ""
    property bool quiet: false
    property bool dark: false

    readonly property color inked: quiet && dark ? Theme.cream : Theme.ink

    implicitHeight: Math.max(Theme.target, row.implicitHeight + Theme.gap)
    implicitWidth: row.implicitWidth + 2 * Theme.space
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.Button
    Accessible.name: text
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    background: Rectangle {
        radius: Theme.radius
        color: button.quiet ? (button.down ? (button.dark ? Theme.nightRaised : Theme.halo) : "transparent") : (button.down ? Theme.lampDown : Theme.lamp)
        border.width: button.quiet ? Theme.hairline * 1.5 : 0
        border.color: button.dark ? Theme.mist : Theme.ink

        FocusRing {
            shown: button.visualFocus
            dark: button.dark
        }
    }

    contentItem: Item {
        implicitWidth: row.implicitWidth
        implicitHeight: row.implicitHeight

        Row {
            id: row

            anchors.centerIn: parent
            spacing: Theme.gap

            Icon {
                anchors.verticalCenter: parent.verticalCenter
                visible: button.sign !== ""
                name: button.sign
                size: Theme.px(52)
                ink: button.inked
            }

            Label {
                anchors.verticalCenter: parent.verticalCenter
                text: button.text
                color: button.inked
                font.pixelSize: Theme.lead
                font.weight: Font.Bold
                wrapMode: Text.NoWrap
                Accessible.ignored: true
            }
        }
    }
}
