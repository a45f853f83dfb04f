pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts

// A growing list, how many so far, and the way out.
FocusScope {
    id: board

    required property string heading
    required property string prompt
    required property string figure
    required property string counted
    required property string trouble
    required property string done
    required property bool leaving
    required property var lines

    signal doneTapped

    Rectangle {
        anchors.fill: parent
        color: Theme.cream
    }

    GridLayout {
        anchors.fill: parent
        anchors.margins: Theme.margin
        anchors.topMargin: Theme.px(36)
        anchors.bottomMargin: Theme.px(36)
        columns: Theme.portrait ? 1 : 2
        columnSpacing: Theme.margin
        rowSpacing: Theme.space

        ColumnLayout {
            Layout.fillWidth: true
            Layout.fillHeight: true
            spacing: Theme.px(20)

            ColumnLayout {
                spacing: Theme.px(6)

                Heading {
                    Layout.fillWidth: true
                    text: board.heading
                }

                Note {
                    Layout.fillWidth: true
                    text: board.leaving ? qsTr("Et øjeblik, vi gør de sidste færdige …") : board.prompt
                }
            }

            Plate {
                Layout.fillWidth: true
                visible: board.trouble !== ""
                icon: "wrench"
                text: board.trouble
            }

            ItemList {
                Layout.fillWidth: true
                Layout.fillHeight: true
                visible: board.lines.length > 0
                lines: board.lines
            }

            Rectangle {
                Layout.fillWidth: true
                Layout.fillHeight: true
                visible: board.lines.length === 0
                radius: Theme.radius
                color: "transparent"
                border.width: Theme.hairline
                border.color: Theme.edge

                Icon {
                    anchors.centerIn: parent
                    name: "barcode"
                    size: Theme.px(160)
                    ink: Theme.edge
                }
            }
        }

        ColumnLayout {
            Layout.fillHeight: !Theme.portrait
            Layout.fillWidth: Theme.portrait
            Layout.preferredWidth: Theme.px(300)
            Layout.maximumWidth: Theme.portrait ? -1 : Theme.px(300)
            spacing: Theme.space

            Item {
                Layout.fillHeight: true
                visible: !Theme.portrait
            }

            GridLayout {
                Layout.alignment: Qt.AlignHCenter
                visible: board.figure !== "0"
                columns: Theme.portrait ? 2 : 1
                columnSpacing: Theme.gap
                rowSpacing: 0

                Label {
                    Layout.alignment: Qt.AlignHCenter
                    text: board.figure
                    font.pixelSize: Theme.figure
                    font.weight: Font.Bold
                    Accessible.ignored: true
                }

                Label {
                    Layout.alignment: Qt.AlignHCenter | Qt.AlignVCenter
                    text: board.counted
                    color: Theme.inkSoft
                    font.pixelSize: Theme.lead
                    Accessible.role: Accessible.StaticText
                    Accessible.name: board.figure + " " + text
                }
            }

            Item {
                Layout.fillHeight: true
                visible: !Theme.portrait
            }

            BigButton {
                Layout.fillWidth: true
                Layout.preferredHeight: Theme.px(148)
                text: board.done
                visible: !board.leaving
                focus: true
                onClicked: board.doneTapped()
            }
        }
    }
}
