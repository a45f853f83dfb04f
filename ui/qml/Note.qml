import QtQuick

Text {
    color: Theme.inkSoft
    font.pixelSize: Theme.lead
    lineHeight: 1.15
    wrapMode: Text.WordWrap
    horizontalAlignment: Text.AlignLeft
    Accessible.role: Accessible.StaticText
    Accessible.name: text
}
