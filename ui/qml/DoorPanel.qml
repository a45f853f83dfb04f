pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts

// On the wall beside a door, in all weathers: light on the night, few words, keys for cold fingers.
Scene {
    id: root

    required property string icon
    required property string heading
    required property string advice
    required property int typed
    required property int length
    required property bool keys

    door: true

    GridLayout {
        anchors.fill: parent
        anchors.margins: Theme.margin
        columns: Theme.portrait ? 1 : 2
        columnSpacing: Theme.margin
        rowSpacing: Theme.space

        ColumnLayout {
            Layout.fillWidth: true
            Layout.fillHeight: true
            spacing: Theme.space

            Heading {
                Layout.fillWidth: true
                text: root.heading
                color: Theme.cream
                font.pixelSize: root.keys ? Theme.title : Theme.hero
            }

            Note {
                Layout.fillWidth: true
                text: root.advice
                color: Theme.mist
            }

            PinDots {
                Layout.topMargin: Theme.space
                visible: root.keys
                typed: root.typed
                length: root.length
                dark: true
            }

            Item {
                Layout.fillHeight: true
            }

            RowLayout {
                visible: !(Theme.portrait && root.keys)
                spacing: Theme.space

                Owl {
                    mark: true
                    size: Theme.px(72)
                }

                LanguageKey {
                    onClicked: root.languageTapped()
                }
            }
        }

        PinPad {
            Layout.fillWidth: Theme.portrait
            Layout.fillHeight: !Theme.portrait
            Layout.preferredWidth: Theme.px(380)
            visible: root.keys
            dark: true
            leavable: false
            speaking: Theme.portrait
            onDigitTyped: digit => root.digitTyped(digit)
            onClearTyped: root.clearTyped()
            onLanguageTapped: root.languageTapped()
        }

        Item {
            Layout.preferredWidth: Theme.px(260)
            Layout.preferredHeight: Theme.px(260)
            Layout.alignment: Qt.AlignCenter
            visible: !root.keys

            Disc {
                name: root.icon
            }
        }
    }
}
