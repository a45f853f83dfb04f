pragma ComponentBehavior: Bound

import QtQuick

Rectangle {
    id: bar

    required property string network

    signal languageTapped

    height: Theme.bar
    color: Theme.nightDeep

    Owl {
        id: owl

        anchors.left: parent.left
        anchors.leftMargin: Theme.margin
        anchors.verticalCenter: parent.verticalCenter
        mark: true
        size: Theme.px(76)
    }

    Label {
        anchors.left: owl.right
        anchors.leftMargin: Theme.gap
        anchors.verticalCenter: parent.verticalCenter
        visible: bar.network === ""
        text: "Natugle"
        color: Theme.cream
        font.pixelSize: Theme.lead
        font.weight: Font.Bold
    }

    Icon {
        id: cloud

        anchors.left: owl.right
        anchors.leftMargin: Theme.space
        anchors.verticalCenter: parent.verticalCenter
        visible: bar.network !== ""
        name: "cloud"
        size: Theme.px(48)
        ink: Theme.lamp
    }

    Label {
        anchors.left: cloud.right
        anchors.leftMargin: Theme.gap
        anchors.right: other.left
        anchors.rightMargin: Theme.gap
        anchors.verticalCenter: parent.verticalCenter
        visible: bar.network !== ""
        text: bar.network
        color: Theme.cream
        font.pixelSize: Theme.small
    }

    LanguageKey {
        id: other

        anchors.right: parent.right
        anchors.rightMargin: Theme.margin
        height: parent.height
        onClicked: bar.languageTapped()
    }
}
