pragma ComponentBehavior: Bound

import QtQuick

Scene {
    id: root

    required property string trouble
    required property var lines
    required property int returned
    required property bool leaving

    Board {
        anchors.fill: parent
        focus: true
        heading: qsTr("Aflever")
        prompt: root.lines.length === 0 ? qsTr("Scan det, du vil aflevere, én ting ad gangen.") : qsTr("Scan den næste, eller tryk Færdig.")
        figure: root.returned
        counted: qsTr("afleveret")
        trouble: root.trouble
        done: root.lines.length === 0 ? qsTr("Fortryd") : qsTr("Færdig")
        leaving: root.leaving
        lines: root.lines
        onDoneTapped: root.doneTapped()
    }
}
