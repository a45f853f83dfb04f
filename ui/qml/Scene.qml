import QtQuick

// What Main knows of every screen: its words about the network, and what can be tapped on it.
FocusScope {
    required property string network

    property bool door: false

    signal returnTapped
    signal doneTapped
    signal backTapped
    signal digitTyped(string digit)
    signal clearTyped
    signal languageTapped
}
