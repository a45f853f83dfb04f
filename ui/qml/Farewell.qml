pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts

Scene {
    id: root

    required property var lines
    required property int lent
    required property int returned
    required property int refused

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
                    text: root.lent > 0 ? qsTr("God fornøjelse") : qsTr("Tak for det")
                }

                Note {
                    Layout.fillWidth: true
                    visible: root.lent > 0
                    text: qsTr("Du har lånt %n ting.", "", root.lent)
                }

                Note {
                    Layout.fillWidth: true
                    visible: root.returned > 0
                    text: qsTr("Du har afleveret %n ting.", "", root.returned)
                }
            }

            Plate {
                Layout.fillWidth: true
                visible: root.refused > 0
                icon: "hand"
                text: qsTr("%n ting kom ikke med.", "", root.refused)
            }

            ItemList {
                Layout.fillWidth: true
                Layout.fillHeight: true
                lines: root.lines
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

            HaloOwl {
                Layout.alignment: Qt.AlignHCenter
                visible: !Theme.portrait
                size: Theme.px(280)
            }

            Item {
                Layout.fillHeight: true
                visible: !Theme.portrait
            }

            BigButton {
                Layout.fillWidth: true
                Layout.preferredHeight: Theme.px(148)
                text: qsTr("Til forsiden")
                focus: true
                onClicked: root.doneTapped()
            }
        }
    }
}
