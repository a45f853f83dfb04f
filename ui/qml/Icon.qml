import QtQuick

// A drawing of signs/, in any ink (ui/signs.py). Never alone: words stand beside it.
Image {
    id: icon

    required property string name
    property real size: Theme.px(40)
    property color ink: Theme.ink

    width: size
    height: size
    sourceSize: Qt.size(Math.round(size), Math.round(size))
    source: name !== "" && size > 0 ? "image://sign/" + name + "/" + ink.toString().slice(1) : ""
    Accessible.ignored: true
}
