import QtQuick

// A drawing in the light of the lamp.
Rectangle {
    id: disc

    required property string name

    anchors.fill: parent
    radius: width / 2
    color: name === "welcome" ? Theme.cover : Theme.lamp

    Icon {
        anchors.centerIn: parent
        name: disc.name
        size: disc.width * 0.54
        ink: Theme.ink
    }
}
