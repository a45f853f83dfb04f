pragma ComponentBehavior: Bound

import QtQuick

// Something to be noticed, in words with a drawing.
Rectangle {
    id: plate

    required property string text
    required property string icon

    implicitHeight: Math.max(words.implicitHeight, sign.implicitHeight) + 2 * Theme.gap
    radius: Theme.radius
    color: Theme.rustWash
    border.width: Theme.hairline
    border.color: Theme.rust

    Icon {
        id: sign

        anchors.left: parent.left
        anchors.leftMargin: Theme.gap
        anchors.verticalCenter: parent.verticalCenter
        name: plate.icon
        ink: Theme.rust
    }

    Label {
        id: words

        anchors.left: sign.right
        anchors.right: parent.right
        anchors.margins: Theme.gap
        anchors.verticalCenter: parent.verticalCenter
        text: plate.text
        color: Theme.rust
        Accessible.role: Accessible.AlertMessage
        Accessible.name: text
    }
}
