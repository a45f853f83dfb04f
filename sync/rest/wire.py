"""The contract between a machine and the central store: every body that crosses, and every path.

Used by both ends: client.py writes what central/ reads. FBS's own word is taken where it has one
(libraryCardNumber, pincode, authenticateStatus, patronId, blockStatus, materialItemNumber, dueDate, errorCode).
What a machine sends is read strictly (an unknown field is an error); what the store sends is read leniently (a newer
store may say more). Times are aware ISO 8601; dates `yyyy-mm-dd`.

Not responsible for: transport, deadlines, meaning.
"""

from base64 import b64decode, b64encode
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, EncodedBytes, Field, FiniteFloat, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

PREFIX = "/v1"
STATUS = PREFIX + "/status"
AUTHENTICATE = PREFIX + "/patrons/authenticate"
ADMISSIONS = PREFIX + "/branches/{branchId}/admissions"
LOANS = PREFIX + "/loans"
RETURNS = PREFIX + "/returns"
EVENTS = PREFIX + "/events"
REPLICA = PREFIX + "/branches/{branchId}/replica"
ACCOUNT = PREFIX + "/account"
RENEWALS = PREFIX + "/renewals"
HOLDS = PREFIX + "/holds"
HOLD = PREFIX + "/holds/{holdId}"

IDEMPOTENCY_KEY = "Idempotency-Key"  # header on LOANS, RETURNS and RENEWALS: the event's id
SESSION = "X-Session"  # header of whatever is one patron's own: the key that AUTHENTICATE gave
CURSOR = "cursor"  # query of REPLICA: the cursor of the answer before
CURSOR_FORM = "^[0-9a-f]{16}-[0-9]{1,10}$"
MAX_BODY = 1_000_000  # bytes, either way
MAX_BATCH = 100  # events in one exchange
MAX_CLOSINGS, MAX_TEXTS = 1000, 200  # of one branch

_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_OLDEST, _NEWEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


class _Wire(BaseModel):
    # An error text never repeats its input: that could be a CPR number or a PIN.
    # By name for our own code alone: who reads what came over the wire says by_name=False.
    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True, extra="ignore"
    )


class Question(_Wire):
    """What a machine sends: a number is a number and no text that looks like one."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(_Wire):
    """What the store sends."""


class _Strict:
    """Base64 and nothing between it; pydantic's own lets anything stand there."""

    @classmethod
    def decode(cls, data: bytes) -> bytes:
        try:
            return b64decode(data, validate=True)
        except ValueError:
            raise PydanticCustomError("base64_decode", "not base64") from None

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return b64encode(value)

    @classmethod
    def get_json_format(cls) -> str:
        return "base64"


Base64Bytes = Annotated[
    bytes,
    EncodedBytes(encoder=_Strict),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "pattern": _BASE64}),
]
NO_CONTROLS = r"^[^\x00-\x1f\x7f-\x9f]*$"  # a NUL would be too much for PostgreSQL
Text = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_CONTROLS)]
Secret = Annotated[str, Field(min_length=1, max_length=64, pattern=NO_CONTROLS, repr=False)]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
HIGHEST_ROW = 2**31 - 1  # the bound of a database's integers
RowNumber = Annotated[int, Field(ge=1, le=HIGHEST_ROW)]


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
    """Empty unless VALID. session_key: opens the patron's own page from this machine, for some minutes."""

    authenticate_status: AuthenticateStatus
    patron_id: str = Field(default="", repr=False)
    first_name: str = Field(default="", repr=False)
    block_status: tuple[BlockStatus, ...] = ()
    session_key: str = Field(default="", repr=False)


class AdmissionAnswer(Answer):
    """Empty unless VALID. permitted: the patron has this branch's tag; resident: lives in its municipality."""

    authenticate_status: AuthenticateStatus
    patron_id: str = Field(default="", repr=False)
    block_status: tuple[BlockStatus, ...] = ()
    age: int = 0
    permitted: bool = False
    resident: bool = False
    patron_group: str = ""


class LoanQuestion(Question):
    patron_id: Secret
    material_item_number: Text


class LoanAnswer(Answer):
    """refusal: empty when lent, else a name of kiosk.model.LoanRefusal's values or a newer one."""

    refusal: str = ""
    material_item_number: str
    title: str = ""
    due_date: date | None = None
    parts: int = 1


class ReturnQuestion(Question):
    material_item_number: Text


class ReturnAnswer(Answer):
    """place: where to lay it, in the library's words. held: a hold of another patron waits for it."""

    refusal: str = ""
    material_item_number: str
    title: str = ""
    place: str = ""
    held: bool = False
    bin: str = ""
    parts: int = 1


class WrappedKey(Question):
    """A data key wrapped to the store by HPKE; `sealed` below is AES-256-GCM under it (sync/seal.py)."""

    key_id: Text
    wrapped: Base64Bytes


class SealedEvent(Question):
    """sequence: per device and queue epoch, from 1, without gaps.

    boot_id and monotonic_s order what a wrong clock stamped. The bounds are those of a database's integers and times.
    """

    event_id: Key
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


class ClosingDate(Answer):
    closing_date: date
    description: str


class BranchText(Answer):
    """What a machine says in the library's own words. name: of the place on the screen; language: as `da`."""

    name: Annotated[str, Field(max_length=64)]
    language: Annotated[str, Field(max_length=8)]
    text: Annotated[str, Field(max_length=2000)]


CardDigest = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]


class BlockList(Answer):
    """Cards that may not borrow while a machine cannot ask, as digests: what changed since the cursor that was sent.

    digest: the first 16 bytes of HMAC-SHA256(key, card number in UTF-8), hex. whole: forget what was listed before.
    more: ask again at once, with this answer's cursor.
    """

    key: Base64Bytes = Field(repr=False)
    listed: tuple[CardDigest, ...] = Field(default=(), repr=False)
    unlisted: tuple[CardDigest, ...] = Field(default=(), repr=False)
    whole: bool = False
    more: bool = False


class ReplicaAnswer(Answer):
    """What a branch's machines keep for when the store is silent. Hours in OSM opening_hours notation."""

    as_of: Annotated[AwareDatetime, Field(ge=_OLDEST, le=_NEWEST)]
    branch_id: str
    name: str
    staffed: str
    unstaffed: str
    minimum_age: Annotated[int, Field(ge=0, le=120)]
    loan_days: Annotated[int, Field(ge=1, le=365)]  # due date given out off-line
    cursor: Annotated[str, Field(pattern=f"{CURSOR_FORM}|^$")] = ""
    closing_dates: Annotated[tuple[ClosingDate, ...], Field(max_length=MAX_CLOSINGS)] = ()  # from today on
    texts: Annotated[tuple[BranchText, ...], Field(max_length=MAX_TEXTS)] = ()
    block_list: BlockList | None = None


class ErrorAnswer(Answer):
    """Every answer that is not 200, as FBS gives them. message is for a technician; it never repeats input."""

    correlation_id: str
    error_code: str
    message: str


# --- certificates -------------------------------------------------------------------------------

CERTIFICATES = PREFIX + "/certificates"  # a new one for the machine that asks
ENROLMENTS = PREFIX + "/enrolments"  # this and the next: on a listener without client certificates
CA = PREFIX + "/ca"  # ca.pem, to be checked by its fingerprint

Request = Annotated[str, Field(min_length=1, max_length=8000)]  # CSR, PEM; its subject is not read


class EnrolmentQuestion(Question):
    code: Secret
    csr: Request


class EnrolmentAnswer(Answer):
    """certificate: PEM. seal_public: the file, as text. device, branch: what the code was made for."""

    certificate: str
    seal_public: str
    device: str
    branch: str


class CertificateQuestion(Question):
    """csr: of a key that the certificate in use does not have."""

    csr: Request


class CertificateAnswer(Answer):
    certificate: str


# --- the patron's own page ----------------------------------------------------------------------

MAX_RENEWED = 200  # loans in one question
RenewalStatus = Annotated[str, Field(max_length=64)]  # FBS's word; an unknown one means deniedOtherReason


class AccountLoan(Answer):
    """is_renewable: renewal_status_list is `renewed` alone, which is what renewing it now would answer."""

    loan_id: int
    material_item_number: str
    record_id: str
    title: str
    author: str
    loan_date: date
    due_date: date
    is_renewable: bool
    renewal_status_list: tuple[RenewalStatus, ...]


class AccountHold(Answer):
    """state: FBS's reserved, inTransit, readyForPickup. number_in_queue: from 1; 0 once an item is set aside."""

    hold_id: int
    record_id: str
    title: str
    author: str
    state: str
    number_in_queue: int
    pickup_branch: str
    pickup_number: str = ""
    pickup_deadline: date | None = None
    date_of_reservation: date
    expiry_date: date | None = None


class AccountFee(Answer):
    """Amounts in øre. type: FBS's fee, compensation."""

    fee_id: int
    type: str
    amount: int
    paid: int
    creation_date: date
    title: str = ""
    material_item_number: str = ""


class Absence(_Wire):
    """FBS's onHold: no hold is filled in it. Either end may be open. As a question, both open ends it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    start: date | None = Field(default=None, alias="from")
    end: date | None = Field(default=None, alias="to")


class Contact(Answer):
    """Masked: enough to know one's own again, too little for who looks over a shoulder."""

    mobile: str = Field(default="", repr=False)
    email: str = Field(default="", repr=False)


class AccountMessage(Answer):
    """content: empty once the store has forgotten it, thirty days after it was sent."""

    kind: str
    channel: str
    date_sent: date
    content: str = Field(default="", repr=False)


class AccountAnswer(Answer):
    loans: tuple[AccountLoan, ...] = ()
    holds: tuple[AccountHold, ...] = ()
    fees: tuple[AccountFee, ...] = ()
    debt: int = 0  # øre
    block_status: tuple[BlockStatus, ...] = ()
    on_hold: Absence | None = None
    contact: Contact = Contact()
    home_branch: str
    patron_note: str = Field(default="", repr=False)
    messages: tuple[AccountMessage, ...] = ()


Mobile = Annotated[str, Field(pattern=r"^(\+?( ?[0-9]){8,15})?$")]
Email = Annotated[str, Field(max_length=254, pattern=r"^([^@\x00-\x20\x7f-\x9f]+@[^@\x00-\x20\x7f-\x9f]+)?$")]


class AccountQuestion(Question):
    """What is to be other than it is: what is left out, or null, stays. Empty: no mobile, no e-mail from now on."""

    on_hold: Absence | None = None
    mobile: Mobile | None = Field(default=None, repr=False)
    email: Email | None = Field(default=None, repr=False)
    home_branch: Text | None = None


class RenewalsQuestion(Question):
    """loan_ids: empty is every loan that the patron has."""

    loan_ids: Annotated[tuple[RowNumber, ...], Field(max_length=MAX_RENEWED)] = ()


class RenewedLoan(Answer):
    """Renewed only when renewal_status is `renewed` alone. due_date: null where the patron has no such loan."""

    loan_id: int
    renewal_status: tuple[RenewalStatus, ...]
    material_item_number: str = ""
    title: str = ""
    due_date: date | None = None


class RenewalsAnswer(Answer):
    renewals: tuple[RenewedLoan, ...]


class HoldQuestion(Question):
    record_id: Text
    pickup_branch: Text


class HoldAnswer(Answer):
    """result: FBS's word; success, or why not."""

    result: str
    hold_id: int = 0


class HoldCancelled(Answer):
    hold_id: int
