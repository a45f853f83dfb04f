pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts

// An item, what became of it, and when or where it goes.
Rectangle {
    id: line

    required property string title
    required property string icon
    required property string words
    required property string due
    required property string place

    readonly property bool refused: icon === "hand"
    readonly property bool settled: icon === "check"

    implicitHeight: Math.max(Theme.px(104), row.implicitHeight + 2 * Theme.px(12))
    radius: Theme.radius
    color: Theme.paper
    border.width: Theme.hairline
    border.color: refused ? Theme.rust : Theme.edge
    Accessible.role: Accessible.ListItem
    Accessible.name: [title, words, due, place].filter(part => part !== "").join(". ")

    RowLayout {
        id: row

        anchors.left: parent.left
        anchors.right: parent.right
        anchors.verticalCenter: parent.verticalCenter
        anchors.leftMargin: Theme.px(20)
        anchors.rightMargin: Theme.px(24)
        spacing: Theme.px(20)

        Rectangle {
            implicitWidth: Theme.px(68)
            implicitHeight: implicitWidth
            radius: implicitWidth / 2
            color: line.settled ? Theme.leafWash : line.refused ? Theme.rustWash : Theme.waitWash

            Icon {
                anchors.centerIn: parent
                name: line.icon
                ink: line.settled ? Theme.leaf : line.refused ? Theme.rust : Theme.ink
            }
        }

        ColumnLayout {
            Layout.fillWidth: true
            spacing: Theme.px(2)

            Label {
                Layout.fillWidth: true
                text: line.title
                font.weight: Font.Bold
                wrapMode: Text.Wrap
                Accessible.ignored: true
            }

            Label {
                Layout.fillWidth: true
                text: line.words
                color: line.settled ? Theme.leaf : line.refused ? Theme.rust : Theme.inkSoft
                font.pixelSize: Theme.small
                Accessible.ignored: true
            }
        }

        ColumnLayout {
            Layout.fillWidth: false
            Layout.minimumWidth: Layout.preferredWidth
            Layout.preferredWidth: Math.min(Math.max(label.implicitWidth, answer.implicitWidth), line.width * 0.36)
            visible: line.due !== "" || line.place !== ""
            spacing: Theme.px(2)

            Label {
                id: label

                Layout.fillWidth: true
                text: line.due !== "" ? qsTr("Aflever senest") : qsTr("Læg den her")
                color: Theme.inkSoft
                font.pixelSize: Theme.small
                horizontalAlignment: Text.AlignRight
                Accessible.ignored: true
            }

            Label {
                id: answer

                Layout.fillWidth: true
                text: line.due !== "" ? line.due : line.place
                font.weight: Font.Bold
                horizontalAlignment: Text.AlignRight
                Accessible.ignored: true
            }
        }
    }
}
