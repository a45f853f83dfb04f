"""What is done to the store from time to time: forgetting, the CPR register's news, logins for SIP2.

Not responsible for: any of it (retention.py, patrons/cpr_feed.py, sip2/logins.py).
"""

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection

from kiosk.model import BranchId
from sync.central import retention
from sync.central.circulation import holds
from sync.central.machines import devices
from sync.central.patrons import cpr_feed
from sync.central.patrons.cpr_feed import BadLine, Row, Summary
from sync.central.sip2 import logins
from sync.central.sip2.logins import SipUser
from sync.central.staff.office import Office
from sync.central.staff.said import CommandError, printable, table

_AT_ONCE = 2000  # lines in one transaction
_SHOWN = 20  # bad lines


def forget(office: Office, *, dry_run: bool) -> str:
    """What the privacy policy says is due now goes; with dry_run it is only counted."""
    work = retention.due if dry_run else retention.purge
    done = office.write(lambda connection: work(connection, office.now))
    heads = ("forgotten" if not dry_run else "would be forgotten", "rows")
    return table(heads, ((rule.name, str(rule.rows)) for rule in done))


def import_cpr(office: Office, path: str) -> str:
    """path: - is standard input. Bad lines are told by number and flaw; the others count."""
    if path == "-":
        return _imported(office, sys.stdin.buffer)
    with Path(path).open("rb") as file:
        return _imported(office, file)


def _imported(office: Office, file: BinaryIO) -> str:
    rows, locks, done = cpr_feed.read(cpr_feed.lines(file)), office.locks, Summary()
    while some := list(islice(rows, _AT_ONCE)):

        def apply(connection: Connection, some: Sequence[Row | BadLine] = some) -> Summary:
            taken = cpr_feed.apply(connection, locks, some, office.now)
            for patron in taken.dead:
                holds.cancel_all(connection, patron, office.now)
            return taken

        done = _sum(done, office.write(apply))
    counts = f"changed {done.changed}, unchanged {done.unchanged}, not ours {done.unknown}, dead {done.died}"
    if not done.bad:
        return counts
    bad = "\n".join(f"line {line.number}: {line.why.value}" for line in done.bad[:_SHOWN])
    raise CommandError(f"{counts}; {len(done.bad)} bad lines:\n{bad}")


def _sum(before: Summary, more: Summary) -> Summary:
    return Summary(
        before.changed + more.changed,
        before.unchanged + more.unchanged,
        before.unknown + more.unknown,
        before.died + more.died,
        before.bad + more.bad,
    )


def sip_user(office: Office, login: str, user: SipUser) -> str:
    """The password is shown this once."""
    if not 1 <= len(login) <= 64 or not login.isprintable() or "|" in login:
        raise CommandError("a login is 1 to 64 printable characters, without |")
    if user.encoding != "utf-8" and not login.isascii():
        raise CommandError("a login of this encoding is in ASCII: until it is known, nothing says how to read it")

    def add(connection: Connection) -> str:
        if not devices.has_branch(connection, BranchId(user.branch)):
            raise CommandError("no such branch in this store")
        return logins.add(connection, login, user)

    return f"login     {printable(login)}   (at {user.branch})\npassword  {office.write(add)}   (shown this once)"


def remove_sip_user(office: Office, login: str) -> str:
    """A line that is open under it ends at its next message."""
    if not office.write(lambda connection: logins.remove(connection, login)):
        raise CommandError("no such login in this store")
    return f"removed   {printable(login)}"
