import QtQuick

Label {
    font.pixelSize: Theme.title
    font.weight: Font.Bold
    lineHeight: 1.05
    Accessible.role: Accessible.Heading
    Accessible.name: text
}
