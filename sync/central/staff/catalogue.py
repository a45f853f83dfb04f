"""A title or an item more, as staff enter one.

Not responsible for: buying and cataloguing, where an item goes afterwards (circulation/).
"""

from dataclasses import dataclass

from sqlalchemy import Column, Connection, insert, select

from kiosk.model import BranchId, Credential, ItemId
from sync.central.circulation.outcomes import RecordId, Work
from sync.central.patrons import admission, wallet
from sync.central.schema import branches, items, material_groups, records
from sync.central.staff.office import Done, Office
from sync.central.staff.said import CommandError, printable

_LONGEST = 500  # characters


@dataclass(frozen=True, slots=True)
class NewItem:
    """branch: its home, where it stands now. department: its shelf, in the library's words. minimum_age: years."""

    item: ItemId
    record: RecordId
    branch: BranchId
    group: str
    department: str
    for_loan: bool = True
    minimum_age: int = 0
    parts: int = 1


def add_title(office: Office, work: Work) -> str:
    if not wallet.is_number(work.record):
        raise CommandError("a title's number has letters, digits and hyphens")
    _check_texts(work.title, work.author, work.gmb, work.smb, work.dk5)

    def put(connection: Connection) -> None:
        if _has(connection, records.c.record_id, work.record):
            raise CommandError("there is a title of this number already")
        row = {"title": work.title, "author": work.author, "gmb": work.gmb, "smb": work.smb, "dk5": work.dk5}
        connection.execute(insert(records).values(record_id=work.record, **row))
        office.log(connection, Done("add-title", about=work.record))

    office.write(put)
    return f"{work.record}  {printable(work.title)} is added; give it an item with add-item"


def add_item(office: Office, new: NewItem) -> str:
    """It stands in its branch, and can be lent at once."""
    if not wallet.is_number(new.item):
        raise CommandError("an item's number has letters, digits and hyphens")
    _check_texts(new.department)
    digest = office.lookup.of_card(Credential(new.item))

    def put(connection: Connection) -> str:
        if admission.of_card(connection, digest) is not None:
            raise CommandError("this is a card's number: lay the item on the reader, not the card")
        flaw = _flaw_in_item(connection, new)
        if flaw:
            raise CommandError(flaw)
        connection.execute(insert(items).values(_row(new)))
        office.log(connection, Done("add-item", about=new.item))
        title: str = connection.execute(select(records.c.title).where(records.c.record_id == new.record)).scalar_one()
        return title

    title = office.write(put)
    return f"{new.item}  {printable(title)} is added: {new.branch}, {printable(new.department)}"


def _flaw_in_item(connection: Connection, new: NewItem) -> str:
    if _has(connection, items.c.item_id, new.item):
        return "there is an item of this number already"
    if not _has(connection, records.c.record_id, new.record):
        return "there is no title of this number; enter it with add-title"
    if not _has(connection, branches.c.branch_id, new.branch):
        return "no such branch in this store"
    if not _has(connection, material_groups.c.group_id, new.group):
        groups = connection.execute(select(material_groups.c.group_id).order_by(material_groups.c.group_id)).scalars()
        return f"--group is one of {', '.join(groups)}"
    return ""


def _row(new: NewItem) -> dict[str, str | int]:
    return {
        "item_id": new.item,
        "record_id": new.record,
        "material_group": new.group,
        "home_branch": new.branch,
        "at_branch": new.branch,
        "department": new.department,
        "for_loan": new.for_loan,
        "minimum_age": new.minimum_age,
        "parts": new.parts,
    }


def _has(connection: Connection, column: Column[str], value: str) -> bool:
    return connection.execute(select(column).where(column == value)).first() is not None


def _check_texts(*said: str) -> None:
    if not said[0].strip() or max(map(len, said)) > _LONGEST:
        raise CommandError(f"a title or a department has 1 to {_LONGEST} characters, as everything else at most")
