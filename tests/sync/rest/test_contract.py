import ast
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from kiosk.loop import system_clock
from sync import seal
from sync.central import start
from sync.central.database import Database
from sync.central.web import enrolment, refusal, server
from sync.central.web.questions import Site
from sync.rest import contract, wire
from sync.rest.words import WORDS
from sync.rest.yaml import written
from tests.sync.central.library import HandClock, copy_of, first_start

WEB = Path(refusal.__file__).parent
BODIES = [
    body
    for body in vars(wire).values()
    if isinstance(body, type) and issubclass(body, BaseModel) and body.__module__ == wire.__name__
]


def test_the_committed_document_is_the_generated_one() -> None:
    assert contract.FILE.read_text() == written(contract.document()), "python -m sync.rest.contract --write"


def test_every_route_of_the_store_is_in_the_document_and_the_other_way_round(tmp_path: Path) -> None:
    home = copy_of(first_start(tmp_path / "first"), tmp_path / "store")
    opener = seal.Opener(seal.load_private(home.seal_private))
    site = Site(Database(home.database), start.locks(home), opener, HandClock(), system_clock)
    with closing(site):
        main, enrolling = server.application(site, home), enrolment.application(site, home)
    for app, is_enrolling in ((main, False), (enrolling, True)):
        routes = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
        routes = {(method, path) for method, path in routes if path.startswith(wire.PREFIX)}  # not Cicero's XML
        said = {(op.method, op.path) for op in contract.OPERATIONS if op.enrolling is is_enrolling}
        assert {route for route in routes if route[0] != "HEAD"} == said


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_every_field_of_every_body_is_described(body: type[BaseModel]) -> None:
    for name, field in body.model_fields.items():
        said = WORDS.get(f"{body.__name__}.{field.alias}", WORDS.get(field.alias or name, ""))
        assert len(said) > 5, f"{body.__name__}.{field.alias}"


def test_no_word_is_described_that_no_body_has() -> None:
    names = {field.alias for body in BODIES for field in body.model_fields.values()}
    bodies = {body.__name__ for body in BODIES}
    for word in WORDS:
        body, _, name = word.rpartition(".")
        assert name in names
        assert not body or body in bodies


def test_every_error_code_of_the_store_is_in_the_document() -> None:
    used = {code for file in WEB.glob("*.py") for code in _codes(ast.parse(file.read_text()))}
    said = {error.code for op in contract.OPERATIONS for error in op.all_errors}
    assert len(used) > 8
    assert used == said


def _codes(tree: ast.Module) -> set[str]:
    """What is given as errorCode: the second of Refusal(status, code, ...), the first of code_refused(code, ...)."""
    named = {"Refusal": 1, "code_refused": 0}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    given = [call.args[named[name]] for call in calls if (name := _name(call.func)) in named]
    constants = {"SESSION_EXPIRED": refusal.SESSION_EXPIRED}
    texts = {str(node.value) for node in given if isinstance(node, ast.Constant)}
    return texts | {constants[node.id] for node in given if isinstance(node, ast.Name) and node.id in constants}


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def test_every_operation_says_its_errors_and_every_reference_leads_somewhere() -> None:
    document: Any = contract.document()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert {"200", "400", "500"} <= operation["responses"].keys()
            assert ("401" in operation["responses"]) == ("enrolment" not in operation["tags"])
            assert re.findall(r"{(\w+)}", path) == [
                p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"
            ]
    for reference in set(re.findall(r"#/components/[\w/-]+", written(document))):
        there = document
        for step in reference.removeprefix("#/").split("/"):
            there = there[step]
        assert there


# --- questions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("control", ["\0", "\n", "\x1f", "\x7f", "\x85"])
@pytest.mark.parametrize("field", ["patronId", "materialItemNumber"])
def test_no_text_of_a_question_holds_a_control_character(field: str, control: str) -> None:
    sent = {"patronId": "9", "materialItemNumber": "1"}
    wire.LoanQuestion.model_validate(sent)
    for odd in (control, f"1{control}", f"{control}1"):
        with pytest.raises(ValidationError):
            wire.LoanQuestion.model_validate(sent | {field: odd})


@pytest.mark.parametrize("key", ["AAA", "AA=A", "AAAA\n", "A*AA", "ÆÆÆÆ"])
def test_what_is_not_base64_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        wire.WrappedKey.model_validate({"keyId": "1", "wrapped": key})


def test_a_number_written_as_text_is_refused() -> None:
    with pytest.raises(ValidationError):
        wire.RenewalsQuestion.model_validate_json('{"loanIds": ["1"]}')


# --- YAML ---------------------------------------------------------------------------------------

nodes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=9), inner)
    ),
    max_leaves=15,
)


@settings(deadline=None)  # the first one imports PyYAML
@given(nodes)
def test_what_is_written_is_read_back_as_it_was(node: Any) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML reads what is written")
    assert yaml.safe_load(written(node)) == node


def test_lines_stay_lines() -> None:
    assert written({"says": "one\n\ntwo", "list": [{"a": 1, "b": []}]}) == (
        "says: |-\n  one\n\n  two\nlist:\n  - a: 1\n    b: []\n"
    )
