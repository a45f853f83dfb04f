pragma ComponentBehavior: Bound

import QtQuick
import QtQuick.Window

// The frame around every screen: the bar with the owl, the network and the language, and the ribbon of a demo.
// shown: { screen: name of the QML file, fields: its properties }
Window {
    id: root

    required property var shown
    required property string language
    required property bool demo

    readonly property string other: language === "da" ? "en" : "da"
    readonly property Scene current: loader.item as Scene

    signal returnTapped
    signal doneTapped
    signal backTapped
    signal digitTyped(string digit)
    signal clearTyped
    signal languageTapped(string language)

    color: Theme.night
    title: "Natugle"

    onShownChanged: present()
    Component.onCompleted: present()

    function present() {
        if (loader.source.toString().endsWith("/" + shown.screen + ".qml")) {
            for (const name in shown.fields)
                loader.item[name] = shown.fields[name];
        } else {
            loader.setSource(shown.screen + ".qml", shown.fields);
        }
    }

    Binding {
        target: Theme
        property: "width"
        value: root.width
    }

    Binding {
        target: Theme
        property: "height"
        value: root.height
    }

    Binding {
        target: Theme
        property: "door"
        value: root.current !== null && root.current.door
    }

    Bar {
        id: bar

        anchors.left: parent.left
        anchors.right: parent.right
        network: root.current ? root.current.network : ""
        visible: !Theme.door
        onLanguageTapped: root.languageTapped(root.other)
    }

    Loader {
        id: loader

        anchors.top: bar.bottom
        anchors.left: parent.left
        anchors.right: parent.right
        anchors.bottom: ribbon.top
        focus: true
    }

    Connections {
        target: root.current

        function onReturnTapped() {
            root.returnTapped();
        }
        function onDoneTapped() {
            root.doneTapped();
        }
        function onBackTapped() {
            root.backTapped();
        }
        function onDigitTyped(digit: string) {
            root.digitTyped(digit);
        }
        function onClearTyped() {
            root.clearTyped();
        }
        function onLanguageTapped() {
            root.languageTapped(root.other);
        }
    }

    Rectangle {
        id: ribbon

        anchors.left: parent.left
        anchors.right: parent.right
        anchors.bottom: parent.bottom
        height: root.demo ? Theme.ribbon : 0
        visible: root.demo
        color: Theme.lamp

        Label {
            anchors.centerIn: parent
            text: qsTr("DEMO: ingen rigtige lån")
            font.pixelSize: Theme.small
            font.weight: Font.Bold
        }
    }
}
