pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Layouts

// One picture, one heading, one piece of advice, on the night.
GridLayout {
    id: message

    required property string heading
    required property string advice
    property alias picture: picture.data

    columns: Theme.portrait ? 1 : 2
    columnSpacing: Theme.margin
    rowSpacing: Theme.margin

    Item {
        id: picture

        Layout.preferredWidth: Theme.px(264)
        Layout.preferredHeight: Theme.px(264)
        Layout.alignment: Theme.portrait ? Qt.AlignLeft : Qt.AlignVCenter
    }

    ColumnLayout {
        Layout.fillWidth: true
        Layout.alignment: Qt.AlignVCenter
        spacing: Theme.gap

        Heading {
            Layout.fillWidth: true
            text: message.heading
            color: Theme.cream
            font.pixelSize: Theme.notice
        }

        Note {
            Layout.fillWidth: true
            text: message.advice
            color: Theme.mist
        }
    }
}
