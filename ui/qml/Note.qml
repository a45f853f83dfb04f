import QtQuick

Label {
    color: Theme.inkSoft
    font.pixelSize: Theme.lead
    lineHeight: 1.15
    Accessible.role: Accessible.StaticText
    Accessible.name: text
}
