pragma ComponentBehavior: Bound

import QtQuick

// How many digits have been typed, and how many there are to be.
Row {
    id: dots

    required property int typed
    required property int length
    property bool dark: false

    spacing: Theme.door ? Theme.px(18) : Theme.px(26)
    Accessible.role: Accessible.StaticText
    Accessible.name: qsTr("%1 af %2 cifre").arg(typed).arg(length)

    Repeater {
        model: Math.max(dots.length, dots.typed)

        Rectangle {
            required property int index

            width: Theme.door ? Theme.px(34) : Theme.px(46)
            height: width
            radius: width / 2
            color: index < dots.typed ? (dots.dark ? Theme.lamp : Theme.ink) : "transparent"
            border.width: Theme.px(4)
            border.color: dots.dark ? (index < dots.typed ? Theme.lamp : Theme.mist) : Theme.ink
        }
    }
}
