pragma ComponentBehavior: Bound

import QtQuick

Scene {
    id: root

    required property string trouble
    required property string name
    required property var lines
    required property int lent
    required property bool leaving

    Board {
        anchors.fill: parent
        focus: true
        heading: root.name !== "" ? qsTr("Hej %1").arg(root.name) : qsTr("Lån")
        prompt: root.lines.length === 0 ? qsTr("Scan det, du vil låne, én ting ad gangen.") : qsTr("Scan den næste, eller tryk Færdig.")
        figure: root.lent
        counted: qsTr("lånt")
        trouble: root.trouble
        done: qsTr("Færdig")
        leaving: root.leaving
        lines: root.lines
        onDoneTapped: root.doneTapped()
    }
}
