"""Every member of the closed lists has words, and they do not tell what a street or a stranger must not know."""

import pytest

from kiosk.checkout.line import Asking, Refused, Returned, Trouble
from kiosk.checkout.offline import Lends
from kiosk.checkout.states import (
    Told,
)
from kiosk.door.face import Show
from kiosk.model import Denial, LoanRefusal, ReturnRefusal
from ui import words
from ui.words import Icon, Said, Words


@pytest.mark.parametrize("why", [*LoanRefusal, *ReturnRefusal, *Trouble])
def test_every_refusal_says_what_is_the_matter_and_what_to_do(why: LoanRefusal | ReturnRefusal | Trouble) -> None:
    icon, said = words.of_outcome(Refused(why))
    assert icon is Icon.HAND
    assert said.source.count(".") == 2


@pytest.mark.parametrize("told", list(Told))
def test_every_notice_has_a_heading_and_advice(told: Told) -> None:
    _whole(words.of_told(told))


@pytest.mark.parametrize("show", [*Show, *Denial])
def test_every_face_of_the_door_has_a_heading_and_advice(show: Show | Denial) -> None:
    _whole(words.of_show(show))


def _whole(said: Said) -> None:
    assert said.heading.source
    assert said.advice.source.endswith(".")


def test_an_unknown_card_and_a_wrong_pin_meet_one_sentence_everywhere() -> None:
    sentence = words.AGAIN
    assert words.of_told(Told.NOT_ACCEPTED).advice == sentence
    assert words.of_show(Denial.NOT_ACCEPTED).advice == sentence
    assert words.of_show(Show.ASK_PIN_AGAIN).advice == sentence


def test_the_street_does_not_learn_why_somebody_may_not_come_in() -> None:
    assert len({words.of_show(why) for why in (Denial.BLOCKED, Denial.UNDERAGE, Denial.NO_PERMISSION)}) == 1


def test_a_held_item_without_a_place_goes_to_the_staff() -> None:
    _, with_place = words.of_outcome(Returned("Hylde 4", held=True, offline=False))
    _, without = words.of_outcome(Returned("", held=True, offline=False))
    assert "personalet" not in with_place.source
    assert "personalet" in without.source


def test_who_holds_a_card_does_not_learn_that_it_is_listed() -> None:
    """The PIN is not asked about while the store is silent: whoever found a card could have it told."""
    said = words.of_told(Told.NOT_UNASKED)
    assert said.heading != words.of_told(Told.BLOCKED).heading
    assert "spær" not in said.advice.source and "personalet" not in said.advice.source


@pytest.mark.parametrize("lends", list(Lends))
def test_who_stands_before_a_machine_without_connection_reads_what_it_does(lends: Lends) -> None:
    said = words.of_offline(lends).source
    assert said.startswith("Ingen forbindelse.") and "aflevere" in said
    assert ("ikke låne" in said) is (lends is Lends.NOBODY)


def test_an_item_that_is_asked_about_is_not_called_lent() -> None:
    assert words.of_outcome(Asking()) == (Icon.WAIT, Words("Et øjeblik …"))
