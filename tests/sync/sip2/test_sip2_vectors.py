"""The table of messages is the one that three independent implementations have, field by field."""

import json
from pathlib import Path

from sync.sip2.fields import REPEATED, SHAPES

_VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "sip2-fields.json").read_text())["messages"]


def test_every_message_has_the_fixed_fields_of_the_vectors() -> None:
    ours = {code: [list(part) for part in shape.fixed] for code, shape in SHAPES.items()}
    assert {code: entry["fixed"] for code, entry in _VECTORS.items()} == {code: ours[code] for code in _VECTORS}


def test_every_message_has_the_variable_fields_of_the_vectors() -> None:
    for code, entry in _VECTORS.items():
        shape = SHAPES[code]
        ours = [[name, name in shape.required, name in REPEATED] for name in shape.fields]
        assert ours == entry["var"], code


def test_the_widths_of_the_whole_table_are_those_of_the_standard() -> None:
    widths = {
        "93": 2,
        "98": 34,
        "24": 35,
        "64": 59,
        "11": 38,
        "12": 22,
        "09": 37,
        "10": 22,
        "66": 27,
        "18": 24,
        "20": 19,
    }
    assert {code: SHAPES[code].width for code in widths} == widths
