import QtQuick

// Every text. A title comes from outside: it is never read as HTML.
Text {
    color: Theme.ink
    font.pixelSize: Theme.body
    textFormat: Text.PlainText
    wrapMode: Text.WordWrap
    horizontalAlignment: Text.AlignLeft
}
