pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts

Scene {
    id: root

    required property string icon
    required property string heading
    required property string advice
    required property bool returns

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
            picture: Disc {
                name: root.icon
            }
        }

        Item {
            Layout.fillHeight: true
        }

        GridLayout {
            Layout.fillWidth: true
            columns: Theme.portrait ? 1 : 2
            columnSpacing: Theme.gap
            rowSpacing: Theme.gap
            uniformCellWidths: true

            BigButton {
                Layout.fillWidth: true
                text: qsTr("Aflever")
                sign: "return"
                dark: true
                quiet: true
                visible: root.returns
                onClicked: root.returnTapped()
            }

            BigButton {
                Layout.fillWidth: true
                text: qsTr("Til forsiden")
                dark: true
                focus: true
                onClicked: root.backTapped()
            }
        }
    }
}
