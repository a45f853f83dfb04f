"""The contract between a machine and the central store: every body that crosses, and every path.

Used by both ends: client.py writes what central/ reads. FBS's own word is taken where it has one
(libraryCardNumber, pincode, authenticateStatus, patronId, blockStatus, materialItemNumber, dueDate, errorCode).
What a machine sends is read strictly (an unknown field is an error); what the store sends is read leniently (a newer
store may say more). Times are aware ISO 8601; dates `yyyy-mm-dd`.

Not responsible for: transport, deadlines, meaning.
"""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Base64Bytes, BaseModel, ConfigDict, Field, FiniteFloat
from pydantic.alias_generators import to_camel

PREFIX = "/v1"
STATUS = PREFIX + "/status"
AUTHENTICATE = PREFIX + "/patrons/authenticate"
ADMISSIONS = PREFIX + "/branches/{branchId}/admissions"
LOANS = PREFIX + "/loans"
RETURNS = PREFIX + "/returns"
EVENTS = PREFIX + "/events"
REPLICA = PREFIX + "/branches/{branchId}/replica"

IDEMPOTENCY_KEY = "Idempotency-Key"  # header on LOANS and RETURNS: the event's id
MAX_BODY = 1_000_000  # bytes, either way
MAX_BATCH = 100  # events in one exchange

_OLDEST, _NEWEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class _Wire(BaseModel):
    # An error text never repeats its input: that could be a CPR number or a PIN.
    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True, extra="ignore"
    )


class Question(_Wire):
    """What a machine sends."""

    model_config = ConfigDict(extra="forbid")


class Answer(_Wire):
    """What the store sends."""


Text = Annotated[str, Field(min_length=1, max_length=200)]
Secret = Annotated[str, Field(min_length=1, max_length=64, repr=False)]


class AuthenticateStatus(StrEnum):
    VALID = "VALID"
    INVALID = "INVALID"
    LOANER_LOCKED_OUT = "LOANER_LOCKED_OUT"


class AuthenticateQuestion(Question):
    library_card_number: Secret
    pincode: Secret


class BlockStatus(Answer):
    blocked_reason: str  # FBS's letter; unknown letters mean "other"
    blocked_since: date


class AuthenticateAnswer(Answer):
    """patron_id and first_name are empty unless VALID."""

    authenticate_status: AuthenticateStatus
    patron_id: str = Field(default="", repr=False)
    first_name: str = Field(default="", repr=False)
    block_status: tuple[BlockStatus, ...] = ()


class AdmissionAnswer(Answer):
    """age: whole years; permitted: the patron has this branch's tag. Empty unless VALID."""

    authenticate_status: AuthenticateStatus
    patron_id: str = Field(default="", repr=False)
    block_status: tuple[BlockStatus, ...] = ()
    age: int = 0
    permitted: bool = False


class LoanQuestion(Question):
    patron_id: Secret
    material_item_number: Text


class LoanAnswer(Answer):
    """refusal: empty when lent, else a name of kiosk.model.LoanRefusal's values or a newer one."""

    refusal: str = ""
    material_item_number: str
    title: str = ""
    due_date: date | None = None


class ReturnQuestion(Question):
    material_item_number: Text


class ReturnAnswer(Answer):
    """place: where to lay it, in the library's words. held: a hold of another patron waits for it."""

    refusal: str = ""
    material_item_number: str
    title: str = ""
    place: str = ""
    held: bool = False


class WrappedKey(Question):
    """A data key wrapped to the store by HPKE; `sealed` below is AES-256-GCM under it (sync/seal.py)."""

    key_id: Text
    wrapped: Base64Bytes


class SealedEvent(Question):
    """sequence: per device and queue epoch, from 1, without gaps.

    boot_id and monotonic_s order what a wrong clock stamped. The bounds are those of a database's integers and times.
    """

    event_id: Annotated[str, Field(min_length=16, max_length=64)]
    sequence: Annotated[int, Field(ge=1, le=2**63 - 1)]
    kind: Text
    occurred_at: Annotated[AwareDatetime, Field(ge=_OLDEST, le=_NEWEST)]
    monotonic_s: FiniteFloat
    boot_id: Text
    clock_synced: bool
    key_id: Text
    sealed: Base64Bytes = Field(repr=False)


class EventsQuestion(Question):
    queue_epoch: Text
    keys: Annotated[tuple[WrappedKey, ...], Field(max_length=MAX_BATCH)]
    events: Annotated[tuple[SealedEvent, ...], Field(max_length=MAX_BATCH)]


class EventOutcome(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # seen before with the same content: the first result stands
    REFUSED = "refused"  # kept at the store with its reason, for staff; the machine parks it


class EventResult(Answer):
    event_id: str
    outcome: EventOutcome
    reason: str = ""


class EventsAnswer(Answer):
    results: tuple[EventResult, ...]


class StatusAnswer(Answer):
    time: datetime
    version: str


class ReplicaAnswer(Answer):
    """What a branch's machines keep for when the store is silent. Hours in OSM opening_hours notation."""

    as_of: Annotated[AwareDatetime, Field(ge=_OLDEST, le=_NEWEST)]
    branch_id: str
    name: str
    staffed: str
    unstaffed: str
    minimum_age: Annotated[int, Field(ge=0, le=120)]
    loan_days: Annotated[int, Field(ge=1, le=365)]  # due date given out off-line


class ErrorAnswer(Answer):
    """Every answer that is not 200, as FBS gives them. message is for a technician; it never repeats input."""

    correlation_id: str
    error_code: str
    message: str
