pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts

Scene {
    id: root

    required property bool lends

    GridLayout {
        anchors.fill: parent
        anchors.margins: Theme.margin
        columns: Theme.portrait ? 1 : 2
        columnSpacing: Theme.margin
        rowSpacing: Theme.space

        Item {
            Layout.row: 0
            Layout.column: Theme.portrait ? 0 : 1
            Layout.fillWidth: Theme.portrait
            Layout.fillHeight: true
            Layout.preferredWidth: Theme.px(430)

            HaloOwl {
                anchors.centerIn: parent
                size: Theme.portrait ? Theme.px(520) : Theme.px(430)
            }
        }

        ColumnLayout {
            Layout.row: Theme.portrait ? 1 : 0
            Layout.column: 0
            Layout.fillWidth: true
            Layout.fillHeight: !Theme.portrait
            spacing: Theme.space

            Item {
                Layout.fillHeight: true
            }

            Heading {
                Layout.fillWidth: true
                text: root.lends ? qsTr("Vil du låne?") : qsTr("Vil du aflevere?")
                color: Theme.cream
                font.pixelSize: Theme.hero
            }

            RowLayout {
                spacing: Theme.px(24)

                Icon {
                    name: root.lends ? "card" : "cloud"
                    size: Theme.px(80)
                    ink: Theme.lamp
                }

                Note {
                    Layout.fillWidth: true
                    text: root.lends ? qsTr("Scan dit sundhedskort eller\u00a0lånerkort.") : qsTr("Lån må vente, til der er forbindelse\u00a0igen.")
                    color: Theme.cream
                }
            }

            Item {
                Layout.fillHeight: true
            }

            BigButton {
                Layout.fillWidth: true
                Layout.preferredHeight: Theme.px(148)
                text: qsTr("Aflever uden kort")
                sign: "return"
                dark: true
                focus: true
                onClicked: root.returnTapped()
            }
        }
    }
}
