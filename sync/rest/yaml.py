"""Block YAML 1.2 of dicts, lists and plain values: what a person reads in a diff.

Not responsible for: reading YAML, keys that are no text.
"""

import json
import re
from collections.abc import Iterator
from typing import TypeAlias

Node: TypeAlias = "dict[str, Node] | list[Node] | str | int | float | bool | None"

_PLAIN = re.compile(r"[A-Za-z/$][A-Za-z0-9/_.$-]*(?: [A-Za-z0-9/_.,()-]+)*")
_WORDS_OF_YAML = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def written(node: Node) -> str:
    return "\n".join(_lines(node)) + "\n"


def _lines(node: Node) -> Iterator[str]:
    match node:
        case dict() if node:
            for name, value in node.items():
                yield from _under(f"{_scalar(name)}:", value)
        case list() if node:
            for value in node:
                first, *rest = _lines(value)
                yield f"- {first}"
                yield from map(_indented, rest)
        case _:
            yield _scalar(node)


def _under(head: str, value: Node) -> Iterator[str]:
    """A key with its value: beside it, or in the lines below it."""
    if isinstance(value, (dict, list)) and value:
        yield head
        yield from map(_indented, _lines(value))
    elif isinstance(value, str) and "\n" in value and value == value.strip():
        yield f"{head} |-"
        yield from map(_indented, value.splitlines())
    else:
        yield f"{head} {_scalar(value)}"


def _indented(line: str) -> str:
    return f"  {line}" if line else ""


def _scalar(value: Node) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML:
        return value
    return json.dumps(value, ensure_ascii=False)
