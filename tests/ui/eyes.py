"""What can be seen of a window from outside: its texts, its buttons, where they lie."""

from collections.abc import Iterator

from PySide6.QtCore import QRectF
from PySide6.QtQuick import QQuickItem

from ui.window import Surface


def seen(surface: Surface) -> list[QQuickItem]:
    """Every visible item, in the order of the tree, laid out and painted."""
    surface.app.processEvents()
    surface.root.grabWindow()
    return list(_below(surface.root.contentItem()))


def _below(item: QQuickItem) -> Iterator[QQuickItem]:
    for child in item.childItems():
        if child.isVisible():
            yield child
            yield from _below(child)


def texts(surface: Surface) -> list[QQuickItem]:
    return [item for item in seen(surface) if item.inherits("QQuickText") and item.property("text")]


def words(surface: Surface) -> list[str]:
    return [str(item.property("text")) for item in texts(surface)]


def buttons(surface: Surface) -> list[QQuickItem]:
    return [item for item in seen(surface) if item.inherits("QQuickAbstractButton")]


def button(surface: Surface, text: str) -> QQuickItem:
    return next(item for item in buttons(surface) if item.property("text") == text)


def box(item: QQuickItem) -> QRectF:
    """In pixels of the window."""
    return item.mapRectToScene(QRectF(0, 0, item.width(), item.height()))


def above(item: QQuickItem, kind: str) -> QQuickItem | None:
    """The nearest ancestor of this C++ class."""
    parent = item.parentItem()
    while parent is not None and not parent.inherits(kind):
        parent = parent.parentItem()
    return parent
