pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts

Scene {
    id: root

    required property int typed
    required property int length
    required property string again

    Rectangle {
        anchors.fill: parent
        color: Theme.cream
    }

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

            Item {
                Layout.fillHeight: true
            }

            Heading {
                Layout.fillWidth: true
                text: qsTr("Tast din pinkode")
            }

            PinDots {
                Layout.topMargin: Theme.gap
                Layout.bottomMargin: Theme.gap
                typed: root.typed
                length: root.length
            }

            Plate {
                Layout.fillWidth: true
                visible: root.again !== ""
                icon: "pin"
                text: root.again
            }

            Item {
                Layout.fillHeight: true
            }
        }

        PinPad {
            Layout.fillWidth: Theme.portrait
            Layout.fillHeight: !Theme.portrait
            Layout.preferredHeight: Theme.portrait ? Theme.px(610) : -1
            Layout.preferredWidth: Theme.px(560)
            onDigitTyped: digit => root.digitTyped(digit)
            onClearTyped: root.clearTyped()
            onBackTapped: root.backTapped()
        }
    }
}
