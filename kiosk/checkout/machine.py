"""The self-checkout machine: from a card to a receipt, and returns without one.

    Start --card--> AskingPin --PIN--> Verifying --known--> Lending --done--> Farewell --> Start
      |                                     `--refused--> AskingPin or Notice
      `--return--> Returning --done--> Farewell --> Start

An item on the screen as lent or returned is on the disk: Record stands before the screen is told.
Not responsible for: what may be lent (the store; offline.py when it is silent), words and pictures (ui/).
"""

from dataclasses import dataclass, replace
from typing import assert_never

from kiosk.checkout.line import (
    Asking,
    Lent,
    Line,
    Lines,
    Refused,
    Returned,
    Trouble,
    asking,
    pending,
    settled,
    with_line,
)
from kiosk.checkout.offline import Lends, MayLend, MayNot, OfflineRules, may_lend, open_to
from kiosk.checkout.states import (
    AskCheckin,
    AskCheckout,
    AskingPin,
    AskWho,
    BackTapped,
    DoneTapped,
    Effect,
    Farewell,
    Forget,
    Given,
    KnowledgeSilent,
    Known,
    Lending,
    LoanMade,
    LoanRefused,
    LoanSilent,
    LookUp,
    Notice,
    NotKnown,
    NotRecorded,
    Record,
    Returning,
    ReturnMade,
    ReturnRefused,
    ReturnSilent,
    ReturnTapped,
    Rules,
    Saw,
    Stage,
    Start,
    State,
    Told,
    Verifying,
    _Said,
)
from kiosk.event import FaultCleared, FaultRaised, ItemLent, ItemReturned, LoanGivenUp, Who
from kiosk.fault import OUTBOX, STRAINED, Cleared, Fault, Raised
from kiosk.model import (
    AuthRefusal,
    CardSwiped,
    ClearTyped,
    CodeScanned,
    Credential,
    DigitTyped,
    EnterTyped,
    EventId,
    ItemId,
    Now,
    Pin,
    Question,
    Standing,
    Tick,
    Unreadable,
)

_LENDS_NOTHING_UNASKED = STRAINED | {Fault.STORE_REFUSES_DEVICE}

Step = tuple[State, tuple[Effect, ...]]
_Stage = tuple[Stage, tuple[Effect, ...]]


@dataclass(frozen=True, slots=True)
class _At:
    """Where and when a step is taken. remembers: the site lends to cards that were lately seen, so they are kept."""

    now: Now
    rules: Rules
    offline: bool
    remembers: bool

    def after(self, seconds: float) -> float:
        return self.now.mono + seconds


def step(state: State, given: Given, now: Now, rules: Rules) -> Step:
    """Decide what one input means. Pure: same arguments, same answer."""
    after, effects = _stepped(state, given, now, rules)
    return replace(after, lends=open_to(_at(after, now, rules).rules.offline, now)), effects


def _stepped(state: State, given: Given, now: Now, rules: Rules) -> Step:
    match given:
        case Raised(fault) if fault in OUTBOX or fault in state.faults:
            return replace(state, faults=state.faults | {fault}), ()  # what cannot be written is not recorded
        case Raised(fault):
            return replace(state, faults=state.faults | {fault}), (Record(FaultRaised(fault)),)
        case Cleared(fault) if fault in state.faults:
            return replace(state, faults=state.faults - {fault}), (Record(FaultCleared(fault)),)
        case Cleared():
            return state, ()
        case Tick():
            broken = sorted(state.faults & OUTBOX, key=lambda fault: fault.value)
            stage, effects = _staged(state.stage, given, _at(state, now, rules))
            # While nothing can be written, each tick tries: when a Record is refused, the unit raises the fault again.
            tries = tuple(Record(FaultCleared(fault)) for fault in broken)
            return replace(state, stage=stage, faults=state.faults - OUTBOX), (*effects, *tries)
        case _:
            stage, effects = _staged(state.stage, given, _at(state, now, rules))
            return replace(state, stage=stage), effects


def _at(state: State, now: Now, rules: Rules) -> _At:
    """A machine that the store has shut out lends to nobody: what it would lend, it could never tell."""
    remembers = rules.offline.lends is Lends.SEEN
    if state.faults & _LENDS_NOTHING_UNASKED:
        rules = replace(rules, offline=OfflineRules(Lends.NOBODY))
    return _At(now, rules, state.offline, remembers)


def _staged(stage: Stage, given: _Said, at: _At) -> _Stage:
    match stage:
        case Start():
            return _start(stage, given, at)
        case Notice():
            return _notice(stage, given, at)
        case AskingPin():
            return _asking_pin(stage, given, at)
        case Verifying():
            return _verifying(stage, given, at)
        case Lending():
            return _lending(stage, given, at)
        case Returning():
            return _returning(stage, given, at)
        case Farewell():
            return _farewell(stage, given, at)
        case _:
            assert_never(stage)


def _start(stage: Start | Notice | Farewell, given: _Said, at: _At) -> _Stage:
    match given:
        case CardSwiped(card):
            return _ask_pin(card, at)
        case CodeScanned(code):
            return _ask_pin(Credential(code), at)
        case Unreadable():
            return _tell(Told.UNREADABLE, at)
        case ReturnTapped():
            return Returning((), False, at.after(at.rules.idle_s)), ()
        case DigitTyped() | ClearTyped() | EnterTyped() | DoneTapped() | BackTapped():
            return stage, ()
        case Known() | NotKnown() | KnowledgeSilent() | NotRecorded() | Tick():
            return stage, ()
        case LoanMade() | LoanRefused() | LoanSilent() | ReturnMade() | ReturnRefused() | ReturnSilent():
            return stage, ()
        case _:
            assert_never(given)


def _notice(stage: Notice | Farewell, given: _Said, at: _At) -> _Stage:
    match given:
        case Tick() if at.now.mono >= stage.deadline:
            return Start(), ()
        case BackTapped() | DoneTapped():
            return Start(), ()
        case _:
            return _start(stage, given, at)


def _farewell(stage: Farewell, given: _Said, at: _At) -> _Stage:
    match given:
        case NotRecorded(event):
            return replace(stage, lines=_nothing_unwritten(stage.lines, event)), ()
        case _:
            return _notice(stage, given, at)


def _asking_pin(stage: AskingPin, given: _Said, at: _At) -> _Stage:
    match given:
        case DigitTyped(digit):
            typed = replace(stage, pin=stage.pin.typed(digit), again=False, deadline=at.after(at.rules.idle_s))
            return _verify_when_whole(typed, at)
        case ClearTyped() if len(stage.pin):
            return replace(stage, pin=Pin(), deadline=at.after(at.rules.idle_s)), ()
        case ClearTyped() | BackTapped():
            return Start(), ()
        case CardSwiped(card):
            return _ask_pin(card, at)
        case CodeScanned(code):
            return _ask_pin(Credential(code), at)
        case Tick() if at.now.mono >= stage.deadline:
            return Start(), ()
        case Unreadable() | EnterTyped() | ReturnTapped() | DoneTapped():
            return stage, ()
        case Known() | NotKnown() | KnowledgeSilent() | NotRecorded() | Tick():
            return stage, ()
        case LoanMade() | LoanRefused() | LoanSilent() | ReturnMade() | ReturnRefused() | ReturnSilent():
            return stage, ()
        case _:
            assert_never(given)


def _verifying(stage: Verifying, given: _Said, at: _At) -> _Stage:
    match given:
        case Known(asked) | NotKnown(asked) | KnowledgeSilent(asked) if asked != stage.asked:
            return stage, ()
        case Known(asked, borrower) if borrower.blocks:
            return _tell(Told.BLOCKED, at, *_forgotten(asked.card, at))
        case Known(asked, borrower, standing):
            return _lend_to(borrower.patron, borrower.first_name, standing, at), _seen(asked.card, standing, at)
        case NotKnown(asked, AuthRefusal.LOCKED_OUT):
            return _tell(Told.LOCKED_OUT, at, *_forgotten(asked.card, at))
        case NotKnown(asked) if stage.tries_left > 1:
            again = AskingPin(asked.card, Pin(), stage.tries_left - 1, True, at.after(at.rules.idle_s))
            return again, _forgotten(asked.card, at)
        case NotKnown(asked):
            return _tell(Told.NOT_ACCEPTED, at, *_forgotten(asked.card, at))
        case KnowledgeSilent(asked, standing):
            return _unverified(asked.card, standing, at)
        case Tick() if at.now.mono >= stage.deadline:
            return _unverified(stage.asked.card, Standing.UNTOLD, at)
        case CardSwiped() | CodeScanned() | Unreadable() | DigitTyped() | ClearTyped() | EnterTyped():
            return stage, ()
        case ReturnTapped() | DoneTapped() | BackTapped() | NotRecorded() | Tick():
            return stage, ()
        case LoanMade() | LoanRefused() | LoanSilent() | ReturnMade() | ReturnRefused() | ReturnSilent():
            return stage, ()
        case _:
            assert_never(given)


def _lending(stage: Lending, given: _Said, at: _At) -> _Stage:
    match given:
        case CodeScanned(code) if not stage.leaving:
            return _lend(replace(stage, deadline=at.after(at.rules.idle_s)), ItemId(code), at)
        case LoanMade(event, loan) if line := asking(stage.lines, event):
            lent = replace(line, title=loan.title, outcome=Lent(loan.due, offline=False))
            recorded = Record(ItemLent(stage.who, line.item, loan.due, offline=False), event)
            return _leave_when_settled(_with(stage, lent), at, recorded)
        case LoanRefused(event, refused) if line := asking(stage.lines, event):
            kept = replace(line, title=refused.title, outcome=Refused(refused.why))
            return _leave_when_settled(_with(stage, kept), at)
        case LoanSilent(event) if line := asking(stage.lines, event):
            return _lend_offline(stage, line, at, asked=True)
        case NotRecorded(event):
            return _leave_when_settled(replace(stage, lines=_nothing_unwritten(stage.lines, event)), at)
        case DoneTapped() | BackTapped() | CardSwiped():
            return _leave_when_settled(replace(stage, leaving=True, deadline=at.after(at.rules.verify_s)), at)
        case Tick() if at.now.mono >= stage.deadline and stage.leaving:
            return _lend_all_offline(stage, at)
        case Tick() if at.now.mono >= stage.deadline:
            return _leave_when_settled(replace(stage, leaving=True, deadline=at.after(at.rules.verify_s)), at)
        case CodeScanned() | Unreadable() | DigitTyped() | ClearTyped() | EnterTyped() | ReturnTapped() | Tick():
            return stage, ()
        case Known() | NotKnown() | KnowledgeSilent():
            return stage, ()
        case LoanMade() | LoanRefused() | LoanSilent() | ReturnMade() | ReturnRefused() | ReturnSilent():
            return stage, ()
        case _:
            assert_never(given)


def _returning(stage: Returning, given: _Said, at: _At) -> _Stage:
    match given:
        case CodeScanned(code) if not stage.leaving:
            return _take_back(replace(stage, deadline=at.after(at.rules.idle_s)), ItemId(code), at)
        case ReturnMade(event, made) if line := asking(stage.lines, event):
            back = replace(line, title=made.title, outcome=Returned(made.place, made.held, offline=False))
            recorded = Record(ItemReturned(line.item, offline=False), event)
            return _leave_when_settled(_with(stage, back), at, recorded)
        case ReturnRefused(event, why) if line := asking(stage.lines, event):
            return _leave_when_settled(_with(stage, replace(line, outcome=Refused(why))), at)
        case ReturnSilent(event) if line := asking(stage.lines, event):
            back, record = _taken_offline(line)
            return _leave_when_settled(_with(stage, back), at, record)
        case NotRecorded(event):
            return _leave_when_settled(replace(stage, lines=_nothing_unwritten(stage.lines, event)), at)
        case CardSwiped(card) if not pending(stage.lines):
            return _ask_pin(card, at)
        case DoneTapped() | BackTapped():
            return _leave_when_settled(replace(stage, leaving=True, deadline=at.after(at.rules.verify_s)), at)
        case Tick() if at.now.mono >= stage.deadline and stage.leaving:
            return _take_all_back_offline(stage, at)
        case Tick() if at.now.mono >= stage.deadline:
            return _leave_when_settled(replace(stage, leaving=True, deadline=at.after(at.rules.verify_s)), at)
        case CardSwiped() | CodeScanned() | Unreadable() | DigitTyped() | ClearTyped() | EnterTyped():
            return stage, ()
        case ReturnTapped() | Known() | NotKnown() | KnowledgeSilent() | Tick():
            return stage, ()
        case LoanMade() | LoanRefused() | LoanSilent() | ReturnMade() | ReturnRefused() | ReturnSilent():
            return stage, ()
        case _:
            assert_never(given)


# --- steps of the dialogue ------------------------------------------------------------------------


def _tell(what: Told, at: _At, *effects: Effect) -> _Stage:
    return Notice(what, at.after(at.rules.tell_s)), effects


def _seen(card: Credential, standing: Standing, at: _At) -> tuple[Effect, ...]:
    return (Saw(card),) if at.remembers and standing is not Standing.LISTED else ()


def _forgotten(card: Credential, at: _At) -> tuple[Effect, ...]:
    """A wrong PIN counts too: a lost card is answered like one."""
    return (Forget(card),) if at.remembers else ()


def _ask_pin(card: Credential, at: _At) -> _Stage:
    if at.offline and open_to(at.rules.offline, at.now) is Lends.NOBODY:
        return _tell(Told.OFFLINE, at)
    return AskingPin(card, Pin(), at.rules.pin_tries, False, at.after(at.rules.idle_s)), ()


def _verify_when_whole(stage: AskingPin, at: _At) -> _Stage:
    if len(stage.pin) < at.rules.pin_length:
        return stage, ()
    question = Question(stage.card, stage.pin)
    ask = LookUp(question) if at.offline else AskWho(question)
    return Verifying(question, stage.tries_left, at.after(at.rules.verify_s)), (ask,)


def _unverified(card: Credential, standing: Standing, at: _At) -> _Stage:
    """The store is silent: the card stands for the patron, if the site lends to somebody it cannot ask about."""
    if isinstance(may_lend(at.rules.offline, standing, (), at.now), MayLend):
        return _lend_to(card, "", standing, at), ()
    nobody = open_to(at.rules.offline, at.now) is Lends.NOBODY
    return _tell(Told.OFFLINE if nobody else Told.NOT_UNASKED, at)


def _lend_to(who: Who, first_name: str, standing: Standing, at: _At) -> Lending:
    return Lending(who, first_name, standing, (), False, at.after(at.rules.idle_s))


def _lend(stage: Lending, item: ItemId, at: _At) -> _Stage:
    if settled(stage.lines, item):
        return stage, ()
    line = Line(at.rules.fresh, item)
    if at.offline or isinstance(stage.who, Credential):
        return _lend_offline(stage, line, at, asked=False)
    return _with(stage, line), (AskCheckout(stage.who, item, line.event),)


def _lend_offline(stage: Lending, line: Line, at: _At, *, asked: bool) -> _Stage:
    decided, record = _decided_offline(stage, line, at, asked=asked)
    return _leave_when_settled(_with(stage, decided), at, *record)


def _decided_offline(stage: Lending, line: Line, at: _At, *, asked: bool) -> tuple[Line, tuple[Record, ...]]:
    """asked: the store may have made the loan, and is told to undo it when the item is not lent here."""
    match may_lend(at.rules.offline, stage.standing, stage.lines, at.now):
        case MayLend(due):
            record = Record(ItemLent(stage.who, line.item, due, offline=True), line.event)
            return replace(line, outcome=Lent(due, offline=True)), (record,)
        case MayNot(why):
            undo = Record(LoanGivenUp(line.event, line.item))
            return replace(line, outcome=Refused(why)), (undo,) if asked else ()


def _lend_all_offline(stage: Lending, at: _At) -> _Stage:
    """The answers did not come. One line a step, for each needs an id of its own; the next tick takes the next."""
    line = next(line for line in stage.lines if line.outcome == Asking())
    return _lend_offline(stage, line, at, asked=True)


def _take_back(stage: Returning, item: ItemId, at: _At) -> _Stage:
    if settled(stage.lines, item):
        return stage, ()
    line = Line(at.rules.fresh, item)
    if at.offline:
        back, record = _taken_offline(line)
        return _with(stage, back), (record,)
    return _with(stage, line), (AskCheckin(item, line.event),)


def _taken_offline(line: Line) -> tuple[Line, Record]:
    """Returns are taken without limit: the item lies here, whatever the store knows."""
    back = replace(line, outcome=Returned("", held=False, offline=True))
    return back, Record(ItemReturned(line.item, offline=True), line.event)


def _take_all_back_offline(stage: Returning, at: _At) -> _Stage:
    line = next(line for line in stage.lines if line.outcome == Asking())
    back, record = _taken_offline(line)
    return _leave_when_settled(_with(stage, back), at, record)


_List = Lending | Returning


def _with(stage: _List, line: Line) -> _List:
    return replace(stage, lines=with_line(stage.lines, line))


def _leave_when_settled(stage: _List, at: _At, *effects: Effect) -> _Stage:
    if not stage.leaving or pending(stage.lines):
        return stage, effects
    if not stage.lines:
        return Start(), effects
    return Farewell(stage.lines, at.after(at.rules.farewell_s)), effects


def _nothing_unwritten(lines: Lines, event: EventId) -> Lines:
    """What could not be written down is not confirmed, unless the store itself has confirmed it."""
    return tuple(
        replace(line, outcome=Refused(Trouble.OUT_OF_ORDER)) if line.event == event and _only_here(line) else line
        for line in lines
    )


def _only_here(line: Line) -> bool:
    """Not even the store knows of it: it was not asked, for what is asked is noted first."""
    return isinstance(line.outcome, Asking) or (isinstance(line.outcome, Lent | Returned) and line.outcome.offline)
