pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts

Scene {
    id: root

    required property string icon
    required property string heading
    required property string advice

    ColumnLayout {
        anchors.fill: parent
        anchors.margins: Theme.margin
        spacing: Theme.space

        Item {
            Layout.fillHeight: true
        }

        Message {
            Layout.fillWidth: true
            heading: root.heading
            advice: root.advice
            picture: HaloOwl {
                asleep: true
                size: Theme.px(264)
            }
        }

        Item {
            Layout.fillHeight: true
        }

        Rectangle {
            Layout.fillWidth: true
            implicitHeight: way.implicitHeight + 2 * Theme.space
            radius: Theme.radius
            color: Theme.nightRaised

            Row {
                id: way

                anchors.verticalCenter: parent.verticalCenter
                x: Theme.space
                spacing: Theme.gap

                Icon {
                    anchors.verticalCenter: parent.verticalCenter
                    name: "person"
                    ink: Theme.lamp
                }

                Note {
                    width: root.width - 2 * Theme.margin - 3 * Theme.space - Theme.px(40)
                    text: qsTr("Brug en anden automat, eller kom til personalet.")
                    color: Theme.cream
                }
            }
        }
    }
}
