pragma Singleton

import QtQuick

// Every size and colour. Lengths are in pixels of a 1280x800 panel (10.1": 118 px are 20 mm) and scale with the window.
QtObject {
    id: theme

    property real width: 1280
    property real height: 800

    // The panel of a door is 7" with 800x480: 105 px are 20 mm.
    property bool door: false

    readonly property bool portrait: height > width
    readonly property real longer: door ? 800 : 1280
    readonly property real shorter: door ? 480 : 800
    readonly property real scale: Math.min((portrait ? height : width) / longer, (portrait ? width : height) / shorter)

    function px(length: real): int {
        return Math.round(length * theme.scale);
    }

    // --- sizes
    readonly property int target: door ? px(105) : px(120)
    readonly property int gap: door ? px(8) : px(16)
    readonly property int space: door ? px(16) : px(32)
    readonly property int margin: door ? px(16) : px(56)
    readonly property int radius: px(18)
    readonly property int ring: px(5)
    readonly property int hairline: px(2)

    readonly property int bar: door ? 0 : px(120)
    readonly property int ribbon: px(44)

    readonly property int small: px(26)
    readonly property int body: px(31)
    readonly property int lead: door ? px(30) : px(38)
    readonly property int title: door ? px(46) : px(58)
    readonly property int notice: px(54)
    readonly property int hero: door ? px(54) : px(84)
    readonly property int figure: px(132)

    // --- colours: the night, the lamp over the desk, paper and bark
    readonly property color night: "#14213D"
    readonly property color nightDeep: "#0C152B"
    readonly property color nightRaised: "#263760"
    readonly property color mist: "#D5DDEE"
    readonly property color cream: "#FBF5E9"
    readonly property color paper: "#FFFFFF"
    readonly property color ink: "#14213D"
    readonly property color inkSoft: "#444C63"
    readonly property color edge: "#857C6B"
    readonly property color lamp: "#F8B739"
    readonly property color lampDown: "#EBA92E"
    readonly property color halo: "#FDE6B4"
    readonly property color bark: "#6B4A35"
    readonly property color barkDark: "#4A3225"
    readonly property color feather: "#E8D3B0"
    readonly property color cover: "#7FA893"
    readonly property color leaf: "#14532D"
    readonly property color leafWash: "#DCEFE1"
    readonly property color rust: "#7A2410"
    readonly property color rustWash: "#FBE3D8"
    readonly property color waitWash: "#FCEBC6"
}
