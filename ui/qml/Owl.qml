import QtQuick
import QtQuick.Shapes

// The tawny owl on its books, 200 by 240. `mark`: the face alone, 120 by 120.
Item {
    id: owl

    property bool mark: false
    property bool asleep: false
    property real size: Theme.px(72)

    implicitWidth: mark ? size : size * 200 / 240
    implicitHeight: size
    Accessible.ignored: true

    component Filled: ShapePath {
        id: filled

        property alias svg: svg.path

        strokeColor: "transparent"
        strokeWidth: 0

        PathSvg {
            id: svg
        }
    }

    component Line: ShapePath {
        id: line

        property alias svg: lineSvg.path

        strokeWidth: 5
        fillColor: "transparent"
        capStyle: ShapePath.RoundCap
        joinStyle: ShapePath.RoundJoin

        PathSvg {
            id: lineSvg
        }
    }

    Shape {
        x: owl.mark ? -40 * scale : 0
        y: owl.mark ? -14 * scale : 0
        width: 200
        height: 240
        scale: owl.size / (owl.mark ? 120 : 240)
        transformOrigin: Item.TopLeft

        // body, wings, breast
        Filled {
            fillColor: Theme.bark
            svg: owl.mark ? "M100 16 C66 16 43 40 43 74 C43 108 66 132 100 132 C134 132 157 108 157 74 C157 40 134 16 100 16 Z" : "M100 14 C62 14 40 40 40 78 C40 96 34 112 34 138 C34 172 62 196 100 196 C138 196 166 172 166 138 C166 112 160 96 160 78 C160 40 138 14 100 14 Z"
        }
        Filled {
            fillColor: Theme.barkDark
            svg: owl.mark ? "" : "M36 118 C26 142 30 176 54 194 C60 168 58 138 44 112 Z M164 118 C174 142 170 176 146 194 C140 168 142 138 156 112 Z"
        }
        Filled {
            fillColor: Theme.feather
            svg: owl.mark ? "" : "M100 122 C76 122 64 142 66 162 C68 182 84 194 100 194 C116 194 132 182 134 162 C136 142 124 122 100 122 Z"
        }
        Line {
            strokeColor: Theme.bark
            svg: owl.mark ? "" : "M84 146 l5 6 l5 -6 M106 146 l5 6 l5 -6 M95 162 l5 6 l5 -6 M79 166 l4 5 l4 -5 M113 166 l4 5 l4 -5 M95 180 l5 5 l5 -5"
        }
        // the two discs of the face, the crown between them
        Filled {
            fillColor: Theme.feather
            svg: "M100 60 C92 44 78 38 66 42 C50 47 46 66 52 84 C58 102 80 110 100 120 C120 110 142 102 148 84 C154 66 150 47 134 42 C122 38 108 44 100 60 Z"
        }
        Filled {
            fillColor: owl.asleep ? "transparent" : Theme.nightDeep
            svg: "M75 58 a17 17 0 0 1 0 34 a17 17 0 0 1 0 -34 Z M125 58 a17 17 0 0 1 0 34 a17 17 0 0 1 0 -34 Z"
        }
        Filled {
            fillColor: owl.asleep ? "transparent" : Theme.paper
            svg: "M81 64 a5 5 0 0 1 0 10 a5 5 0 0 1 0 -10 Z M131 64 a5 5 0 0 1 0 10 a5 5 0 0 1 0 -10 Z"
        }
        Line {
            strokeColor: owl.asleep ? Theme.barkDark : "transparent"
            svg: "M60 76 q15 13 30 0 M110 76 q15 13 30 0"
        }
        Filled {
            fillColor: Theme.lamp
            svg: "M100 80 C106 82 109 88 107 94 C105 100 102 104 100 107 C98 104 95 100 93 94 C91 88 94 82 100 80 Z"
        }
        // the books it sits on
        Filled {
            fillColor: owl.mark ? "transparent" : Theme.lamp
            svg: "M22 198 H178 a5 5 0 0 1 5 5 V213 a5 5 0 0 1 -5 5 H22 a5 5 0 0 1 -5 -5 V203 a5 5 0 0 1 5 -5 Z"
        }
        Filled {
            fillColor: owl.mark ? "transparent" : Theme.cover
            svg: "M14 220 H168 a5 5 0 0 1 5 5 V235 a5 5 0 0 1 -5 5 H14 a5 5 0 0 1 -5 -5 V225 a5 5 0 0 1 5 -5 Z"
        }
        Filled {
            fillColor: owl.mark ? "transparent" : Theme.rust
            svg: "M26 220 h14 v20 h-14 Z M150 198 h10 v20 h-10 Z"
        }
        // claws
        Line {
            strokeColor: owl.mark ? "transparent" : Theme.barkDark
            svg: "M80 192 v7 M88 193 v7 M112 193 v7 M120 192 v7"
        }
    }
}
