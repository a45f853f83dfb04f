import QtQuick

// Where the keyboard is: a ring outside its parent.
Rectangle {
    property bool shown: false
    property bool dark: false

    anchors.fill: parent
    anchors.margins: -2 * Theme.ring
    visible: shown
    color: "transparent"
    radius: Theme.radius + 2 * Theme.ring
    border.width: Theme.ring
    border.color: dark ? Theme.cream : Theme.ink
}
