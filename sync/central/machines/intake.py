"""A machine's events, taken in exactly once: opened, put in order, applied, and each answered by itself.

    known id, same bytes        -> duplicate, or the refusal it met before
    known id, other bytes       -> refused: idempotencyMismatch
    does not open               -> refused: unreadable, kept as it came
    a loan already answered     -> duplicate: the machine asked under this id, and now reports it
    a loan made without asking  -> the item is out of the door: lent, unless item or patron is unknown or blocked
    entry.granted               -> a visit
    anything else               -> kept as it is

One batch is one transaction. What is refused is kept for staff, and never holds up what stands behind it.
Not responsible for: HTTP (server.py), the ordinary loan (circulation.py).
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import Enum, unique

from sqlalchemy import Connection, exists, insert, select

from kiosk import event as events_
from kiosk.event import Event
from kiosk.model import Credential, EventId, ItemId, PatronId
from sync.central.circulation import items, lending, returning
from sync.central.circulation.outcomes import Lent
from sync.central.desk import Desk
from sync.central.machines import answers, hindsight
from sync.central.machines.received import Met, Received
from sync.central.machines.spoken import loan_answer, return_answer
from sync.central.patrons import admission as patrons
from sync.central.patrons.cards import LookupKey
from sync.central.schema import refused_events, visits
from sync.central.statement import Statement
from sync.rest.wire import (
    EventOutcome,
    EventResult,
    EventsAnswer,
    EventsQuestion,
    LoanAnswer,
    ReturnAnswer,
    SealedEvent,
)
from sync.seal import Opener, SealError, associated


@unique
class Reason(Enum):
    """Why an event is refused, beyond the words of LoanRefusal."""

    UNREADABLE = "unreadable"
    MISMATCH = "idempotencyMismatch"
    SEQUENCE_REUSED = "sequenceReused"
    PATRON_NOT_FOUND = "patronNotFound"
    GIVEN_UP = "givenUp"  # also what a question is told that comes after it was given up


@dataclass(frozen=True, slots=True)
class Arrived:
    """One event off the wire. said: None when it did not open or is no event. digest: of its bytes, sealed."""

    envelope: SealedEvent
    wrapped: bytes
    said: Event | None = field(repr=False)
    digest: str


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What became of an event. detail: from closed sets."""

    outcome: EventOutcome
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _About:
    """Whom and what a refusal is about, for staff. due: of a loan."""

    item: ItemId | None = field(default=None, repr=False)
    due: date | None = None
    patron: PatronId | None = field(default=None, repr=False)
    card_digest: str | None = field(default=None, repr=False)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_NUL = b"\\u0000"  # as JSON has it; no database takes one
_ACCEPTED = _Verdict(EventOutcome.ACCEPTED)
_DUPLICATE = _Verdict(EventOutcome.DUPLICATE)
_IMPLICIT_RETURN = "implicitReturn"  # another patron's loan was ended first; for staff


# --- opening: no database -----------------------------------------------------------------------


def open_batch(opener: Opener, device: str, question: EventsQuestion) -> tuple[Arrived, ...]:
    """Unseals and reads every event of a batch. Raises nothing for what does not open."""
    wrapped = {key.key_id: key.wrapped for key in question.keys}
    return tuple(
        _opened(opener, sealed, wrapped.get(sealed.key_id, b""), _bound(device, question.queue_epoch, sealed))
        for sealed in question.events
    )


def _bound(device: str, epoch: str, sealed: SealedEvent) -> bytes:
    return associated(device, epoch, sealed.sequence, sealed.event_id, sealed.kind, sealed.occurred_at)


def _opened(opener: Opener, envelope: SealedEvent, wrapped: bytes, bound: bytes) -> Arrived:
    digest = hashlib.sha256(bound + envelope.sealed).hexdigest()
    try:
        payload = opener.open(envelope.key_id, wrapped, envelope.sealed, bound)
        said = events_.decode(envelope.kind, payload)
        again = events_.encode(said)  # a half surrogate cannot be written again, and no database takes it
    except (SealError, events_.EventError, UnicodeEncodeError):
        return Arrived(envelope, wrapped, None, digest)
    return Arrived(envelope, wrapped, None if _NUL in again else said, digest)


_ENTER = Statement(insert(visits))


# --- taking in: one transaction -----------------------------------------------------------------


class Intake:
    """One batch of one device, in one transaction. now: desk.at."""

    def __init__(self, connection: Connection, desk: Desk, queue_epoch: str, lookup: LookupKey) -> None:
        self._connection, self._desk, self._epoch, self._lookup = connection, desk, queue_epoch, lookup

    def take(self, batch: tuple[Arrived, ...]) -> EventsAnswer:
        """Applies the batch by sequence; answers in the order asked."""
        received = Received(self._connection, self._desk, self._epoch, [arrived.envelope for arrived in batch])
        order = sorted(range(len(batch)), key=lambda place: batch[place].envelope.sequence)
        verdicts = {place: self._verdict(received, batch[place]) for place in order}
        received.write()
        return EventsAnswer(
            results=tuple(
                EventResult(event_id=arrived.envelope.event_id, outcome=verdict.outcome, reason=verdict.reason)
                for arrived, verdict in ((batch[place], verdicts[place]) for place in range(len(batch)))
            )
        )

    def _verdict(self, received: Received, arrived: Arrived) -> _Verdict:
        event = arrived.envelope
        before = received.before(event.event_id)
        if before is not None:
            return self._again(arrived, before)
        if received.is_taken(event.sequence):
            return self._refuse(arrived, Reason.SEQUENCE_REUSED.value)
        verdict = self._apply(arrived)
        received.add(event, Met(arrived.digest, verdict.outcome.value, verdict.reason, verdict.detail))
        return verdict

    def _again(self, arrived: Arrived, before: Met) -> _Verdict:
        """The verdict this id has met before."""
        if before.digest != arrived.digest:
            return self._refuse(arrived, Reason.MISMATCH.value)
        if before.outcome == EventOutcome.REFUSED.value:
            return _Verdict(EventOutcome.REFUSED, before.reason)
        return _DUPLICATE

    def _apply(self, arrived: Arrived) -> _Verdict:
        match arrived.said:
            case None:
                return self._refuse(arrived, Reason.UNREADABLE.value)
            case events_.ItemLent() as lent:
                return self._lent(arrived, lent)
            case events_.LoanGivenUp(asked, item):
                return self._given_up(asked, item)
            case events_.ItemReturned(item):
                return self._returned(arrived, item)
            case events_.EntryGranted(who):
                return self._visit(arrived, who)
            case _:
                return replace(_ACCEPTED, detail=_detail(arrived.said))

    # --- a loan ---------------------------------------------------------------------------------

    def _lent(self, arrived: Arrived, lent: events_.ItemLent) -> _Verdict:
        about = self._whom(lent)
        if about.patron is None or not patrons.is_known(self._connection, about.patron):
            return self._refuse(arrived, Reason.PATRON_NOT_FOUND.value)
        digest = self._lookup.of_question("loan", about.patron, lent.item)
        match answers.recall(self._connection, self._desk, arrived.envelope.event_id, digest):
            case answers.Mismatch():
                return self._refuse(arrived, Reason.MISMATCH.value)
            case answers.Kept(refused=False):
                return _DUPLICATE
            case answers.Kept() | None as before:
                return self._carried_out(arrived, lent, about.patron, digest, before)

    def _carried_out(
        self, arrived: Arrived, lent: events_.ItemLent, patron: PatronId, digest: str, before: answers.Kept | None
    ) -> _Verdict:
        """Nobody asked, or the answer no was not heard in time: the item is gone with the patron."""
        then = self._then(arrived, lent.item)
        out = lending.carried_out(self._connection, then, patron, lent.item, lent.due)
        answer = loan_answer(out.outcome)
        if answer.refusal:
            return self._refuse(arrived, answer.refusal)
        if isinstance(out.outcome, Lent) and out.outcome.again:
            lending.take_again(self._connection, lent.item, then.at)
        self._answer(then, arrived, digest, answer, before)
        return replace(_ACCEPTED, detail=_IMPLICIT_RETURN if out.ended_another else "")

    def _whom(self, lent: events_.ItemLent) -> _About:
        """A card stands for its patron; an unknown one is remembered by its digest alone."""
        if not isinstance(lent.who, Credential):
            return _About(lent.item, lent.due, lent.who)
        card = self._lookup.of_card(lent.who)
        patron = patrons.of_card(self._connection, card)
        return _About(lent.item, lent.due, patron, None if patron else card)

    def _given_up(self, asked: EventId, item: ItemId) -> _Verdict:
        """The machine heard no answer and did not lend: undo it; a question that comes later lends nothing."""
        never = LoanAnswer(refusal=Reason.GIVEN_UP.value, material_item_number=item)
        done = answers.withdraw(self._connection, self._desk, asked, answers.kept_of(never))
        if done is not None:
            self._undo(item, done)
        return _ACCEPTED

    def _undo(self, item: ItemId, done: answers.Done) -> None:
        """Unless the patron was told yes besides, at this machine or at the one beside it: the loan is of then.

        Who was told yes since has a loan of a later moment already (lending.take_again).
        """
        found, lent = items.find(self._connection, item), items.open_loan(self._connection, item)
        if found is None or lent is None or lent.lent_at != done.at:
            return
        yes = answers.last_yes(self._connection, done.digest, found.seen_at or _LONG_AGO)
        if yes is None:
            lending.undo(self._connection, item, done.at)
        elif yes < done.at:
            items.begin_at(self._connection, lent, yes)
            self._told_meanwhile(item, yes)

    def _told_meanwhile(self, item: ItemId, since: datetime) -> None:
        """A return that was told while the loan seemed to be of a later moment ends it after all."""
        returned = answers.last_yes(self._connection, self._lookup.of_question("return", None, item), since)
        if returned is not None:
            returning.checkin(self._connection, self._desk.earlier(returned), item)

    # --- a return, a visit ----------------------------------------------------------------------

    def _returned(self, arrived: Arrived, item: ItemId) -> _Verdict:
        digest = self._lookup.of_question("return", None, item)
        match answers.recall(self._connection, self._desk, arrived.envelope.event_id, digest):
            case answers.Mismatch():
                return self._refuse(arrived, Reason.MISMATCH.value)
            case answers.Kept(refused=False):
                return _DUPLICATE
            case answers.Kept() | None as before:
                return self._brought_back(arrived, item, digest, before)

    def _brought_back(self, arrived: Arrived, item: ItemId, digest: str, before: answers.Kept | None) -> _Verdict:
        then = self._then(arrived, item)
        answer = return_answer(returning.checkin(self._connection, then, item))
        if answer.refusal:
            return self._refuse(arrived, answer.refusal)
        self._answer(then, arrived, digest, answer, before)
        return _ACCEPTED

    def _visit(self, arrived: Arrived, patron: PatronId) -> _Verdict:
        if not patrons.is_known(self._connection, patron):
            return self._refuse(arrived, Reason.PATRON_NOT_FOUND.value)
        desk, at = self._desk, min(arrived.envelope.occurred_at, self._desk.at)
        _ENTER.run(self._connection, branch_id=desk.branch, device_id=desk.device, patron_id=patron, visited_at=at)
        return _ACCEPTED

    # --- rows -----------------------------------------------------------------------------------

    def _then(self, arrived: Arrived, item: ItemId) -> Desk:
        """The desk at the event's own time."""
        said, now, synced = arrived.envelope.occurred_at, self._desk.at, arrived.envelope.clock_synced
        return self._desk.earlier(hindsight.moment(self._connection, item, said, now, synced=synced))

    def _answer(
        self, then: Desk, arrived: Arrived, digest: str, answer: LoanAnswer | ReturnAnswer, before: answers.Kept | None
    ) -> None:
        """So that the question, should it come late under this id, finds what was done. before: a no, overtaken."""
        if before is not None:
            answers.forget(self._connection, self._desk, arrived.envelope.event_id)
        answers.keep(self._connection, then, arrived.envelope.event_id, digest, answers.kept_of(answer))

    def _about(self, said: Event | None) -> _About:
        match said:
            case events_.ItemLent():
                return self._whom(said)
            case events_.ItemReturned(item) | events_.LoanGivenUp(_, item):
                return _About(item)
            case events_.EntryGranted(who):
                return _About(patron=who)
            case _:
                return _About()

    def _refuse(self, arrived: Arrived, reason: str) -> _Verdict:
        """Kept for staff, once however often it is told: they may do what it says."""
        mine = refused_events.c.device_id == self._desk.device, refused_events.c.event_id == arrived.envelope.event_id
        if not self._connection.execute(select(exists().where(*mine, refused_events.c.reason == reason))).scalar_one():
            self._keep_refused(arrived, reason, self._about(arrived.said))
        return _Verdict(EventOutcome.REFUSED, reason)

    def _keep_refused(self, arrived: Arrived, reason: str, about: _About) -> None:
        unread = arrived.said is None
        known = about.item is not None and items.find(self._connection, about.item) is not None
        self._connection.execute(
            insert(refused_events).values(
                device_id=self._desk.device,
                event_id=arrived.envelope.event_id,
                kind=arrived.envelope.kind,
                reason=reason,
                occurred_at=arrived.envelope.occurred_at,
                refused_at=self._desk.at,
                item_id=about.item if known else None,
                item_digest=self._lookup.of_item(about.item) if about.item and not known else None,
                patron_id=about.patron,
                card_digest=about.card_digest,
                due=about.due,
                wrapped=arrived.wrapped if unread else None,
                sealed=arrived.envelope.sealed if unread else None,
            )
        )


def _detail(said: Event) -> str:
    match said:
        case events_.EntryRefused(why):
            return why.value
        case events_.FaultRaised(fault) | events_.FaultCleared(fault):
            return fault.value
        case events_.DoorClosed(open_s):
            return f"{open_s} s"
        case events_.EventDiscarded(event, _, why):
            return f"{event}: {why.value}"
        case _:
            return ""
