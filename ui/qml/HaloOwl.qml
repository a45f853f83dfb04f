import QtQuick

// The owl in the light of its lamp.
Rectangle {
    id: halo

    required property real size
    property bool asleep: false

    implicitWidth: size
    implicitHeight: size
    radius: size / 2
    color: asleep ? Theme.nightRaised : Theme.halo

    Owl {
        anchors.centerIn: parent
        anchors.verticalCenterOffset: halo.size * 0.02
        size: halo.size * 0.92
        asleep: halo.asleep
    }
}
