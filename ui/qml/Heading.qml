import QtQuick

Text {
    color: Theme.ink
    font.pixelSize: Theme.title
    font.weight: Font.Bold
    lineHeight: 1.05
    wrapMode: Text.WordWrap
    horizontalAlignment: Text.AlignLeft
    Accessible.role: Accessible.Heading
    Accessible.name: text
}
