"""The drawings of qml/signs/ for QML, in the ink it asks for: image://sign/check/14213d.

As pixels, not as QML shapes: the software renderer does not clip a shape that a list has scrolled away.
Not responsible for: which drawing stands where (ui/qml, words.Icon).
"""

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtQuick import QQuickImageProvider
from PySide6.QtSvg import QSvgRenderer

SIGNS = Path(__file__).parent / "qml" / "signs"


class Signs(QQuickImageProvider):
    """Qt keeps what it was given, so each drawing is painted once for each ink and size."""

    def __init__(self) -> None:
        super().__init__(QQuickImageProvider.ImageType.Image)

    def requestImage(self, id: str, size: QSize, requestedSize: QSize) -> QImage:
        del size
        name, ink = id.split("/")
        return painted(name, ink, requestedSize)


def painted(name: str, ink: str, size: QSize) -> QImage:
    """ink: six hexadecimal digits."""
    drawing = (SIGNS / f"{name}.svg").read_text(encoding="ascii").replace("currentColor", f"#{ink}")
    image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(drawing.encode()).render(painter)
    painter.end()
    return image
