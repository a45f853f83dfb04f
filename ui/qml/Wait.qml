pragma ComponentBehavior: Bound

import QtQuick

Scene {
    id: root

    Column {
        anchors.centerIn: parent
        width: parent.width - 2 * Theme.margin
        spacing: Theme.space

        HaloOwl {
            anchors.horizontalCenter: parent.horizontalCenter
            size: Theme.px(320)
        }

        Heading {
            width: parent.width
            text: qsTr("Et øjeblik …")
            color: Theme.cream
            horizontalAlignment: Text.AlignHCenter
        }

        Note {
            width: parent.width
            text: qsTr("Vi slår dig op.")
            color: Theme.mist
            horizontalAlignment: Text.AlignHCenter
        }
    }
}
