"""Names say what a thing is. These words say nothing, so they occur in no module, class or function of the product."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("kiosk", "drivers", "ui", "sync", "config")
SAY_NOTHING = frozenset(
    (
        "manager",
        "helper",
        "util",
        "common",
        "base",
        "misc",
        "handler",
        "controller",
        "service",
        "data",
        "info",
        "process",
    )
)
# Names that SQLAlchemy and asyncio call.
GIVEN_BY_OTHERS = frozenset({"process_bind_param", "process_result_value", "data_received"})

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def names(source: str, stem: str) -> Iterator[str]:
    yield stem
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Definition):
            yield node.name


def words(name: str) -> set[str]:
    """The words of snake_case and CamelCase, lower case, also without a plural's s."""
    parted = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return {word.removesuffix("s") for word in parted.split("_")} | set(parted.split("_"))


def test_no_module_class_or_function_is_named_with_a_word_that_says_nothing() -> None:
    empty = [
        f"{path.relative_to(ROOT)}: {name}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in (*path.relative_to(ROOT).parent.parts, *names(path.read_text(encoding="utf-8"), path.stem))
        if words(name) & SAY_NOTHING and name not in GIVEN_BY_OTHERS
    ]
    assert empty == []


@pytest.mark.parametrize("name", ["DoorManager", "card_data", "_base", "process", "FeigServiceLine", "utils"])
def test_the_words_are_found_in_either_way_of_writing(name: str) -> None:
    assert words(name) & SAY_NOTHING


@pytest.mark.parametrize("name", ["Database", "baseline", "informed", "processing_time", "dated"])
def test_a_word_inside_a_word_is_another_word(name: str) -> None:
    assert not words(name) & SAY_NOTHING
