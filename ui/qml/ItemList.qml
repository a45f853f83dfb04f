pragma ComponentBehavior: Bound

import QtQuick

ListView {
    id: list

    required property var lines

    clip: true
    spacing: Theme.px(10)
    model: lines
    boundsBehavior: Flickable.StopAtBounds
    Accessible.role: Accessible.List
    Accessible.name: qsTr("Det, du har scannet")

    delegate: ItemLine {
        required property var modelData

        width: list.width - (scroll.visible ? Theme.space : 0)
        title: modelData.title
        icon: modelData.icon
        words: modelData.words
        due: modelData.due
        place: modelData.place
    }

    // there is more below
    Rectangle {
        parent: list
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.bottom: parent.bottom
        visible: !list.atYEnd
        height: Theme.px(40)

        gradient: Gradient {
            GradientStop {
                position: 0
                color: Qt.alpha(Theme.cream, 0)
            }
            GradientStop {
                position: 1
                color: Theme.cream
            }
        }
    }

    Rectangle {
        id: scroll

        parent: list
        anchors.right: parent.right
        visible: list.contentHeight > list.height
        width: Theme.px(10)
        radius: width / 2
        color: Theme.edge
        y: list.visibleArea.yPosition * list.height
        height: list.visibleArea.heightRatio * list.height
    }
}
