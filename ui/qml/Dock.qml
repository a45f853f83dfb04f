pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts
import QtQuick.Window

// Beside the machine in a demonstration: what a person would do there. groups: [{ title, acts: [label] }]
// news: about what cannot be seen on a screen.
Window {
    id: root

    required property var groups
    required property string news

    signal acted(int group, int act)

    width: 400
    height: 800
    color: Theme.cream
    title: "Natugle dock"

    Flickable {
        anchors.fill: parent
        anchors.margins: 20
        contentHeight: column.implicitHeight
        boundsBehavior: Flickable.StopAtBounds
        clip: true

        ColumnLayout {
            id: column

            width: parent.width
            spacing: 20

            Rectangle {
                Layout.fillWidth: true
                implicitHeight: said.implicitHeight + 24
                radius: 10
                color: Theme.night

                Label {
                    id: said

                    anchors.fill: parent
                    anchors.margins: 12
                    text: root.news
                    color: Theme.cream
                    font.pixelSize: 18
                    wrapMode: Text.Wrap
                }
            }

            Repeater {
                model: root.groups

                ColumnLayout {
                    id: group

                    required property var modelData
                    required property int index

                    Layout.fillWidth: true
                    spacing: 8

                    Label {
                        Layout.fillWidth: true
                        wrapMode: Text.Wrap
                        text: group.modelData.title
                        font.pixelSize: 22
                        font.weight: Font.Bold
                    }

                    Flow {
                        Layout.fillWidth: true
                        spacing: 8

                        Repeater {
                            model: group.modelData.acts

                            DockButton {
                                required property string modelData
                                required property int index

                                text: modelData
                                onClicked: root.acted(group.index, index)
                            }
                        }
                    }
                }
            }

        }
    }
}
