pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts

// Ten digits and one key that takes them all away. Keeps none of them.
GridLayout {
    id: pad

    property bool dark: false
    property bool leavable: true
    property bool speaking: false

    signal backTapped
    signal languageTapped
    signal digitTyped(string digit)
    signal clearTyped

    columns: 3
    columnSpacing: Theme.gap
    rowSpacing: Theme.gap
    uniformCellWidths: true
    layoutDirection: Qt.LeftToRight

    Repeater {
        model: ["1", "2", "3", "4", "5", "6", "7", "8", "9"]

        Key {
            id: digit

            required property string modelData

            text: modelData
            dark: pad.dark
            Layout.fillWidth: true
            Layout.fillHeight: true
            onClicked: pad.digitTyped(digit.modelData)
        }
    }

    Key {
        visible: pad.leavable
        text: qsTr("Fortryd")
        sign: "back"
        dark: pad.dark
        Layout.row: 3
        Layout.column: 0
        Layout.fillWidth: true
        Layout.fillHeight: true
        onClicked: pad.backTapped()
    }

    LanguageKey {
        visible: pad.speaking
        Layout.row: 3
        Layout.column: 0
        Layout.fillWidth: true
        Layout.fillHeight: true
        onClicked: pad.languageTapped()
    }

    Key {
        text: "0"
        dark: pad.dark
        Layout.row: 3
        Layout.column: 1
        Layout.fillWidth: true
        Layout.fillHeight: true
        onClicked: pad.digitTyped("0")
    }

    Key {
        text: qsTr("Slet")
        sign: "erase"
        dark: pad.dark
        Layout.row: 3
        Layout.column: 2
        Layout.fillWidth: true
        Layout.fillHeight: true
        onClicked: pad.clearTyped()
    }
}
