"""What is forgotten, and when: the library's published privacy policy, and what rests on it.

    returned loan          30 days after the return      the row goes
    visit                  30 days after the visit       who it was goes, the row stays for statistics
    refused event          30 days after the refusal     the row goes: staff have had a month
    content of an answer   30 days                       its digest could name a patron to who holds the key
    answer itself          180 days                      twice as long as any machine may stay away
    PIN tries, lock-outs   when they no longer count

Not responsible for: calling it (server.py does, at the start and every minute).
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, update

from sync.central.patrons.tries import WINDOW
from sync.central.schema import answers, loans, lockouts, refused_events, tries, visits

PERSONAL = timedelta(days=30)
ANSWERS = timedelta(days=180)


def purge(connection: Connection, now: datetime) -> None:
    """Forgets what is due at `now`."""
    connection.execute(delete(loans).where(loans.c.returned_at <= now - PERSONAL))
    connection.execute(update(visits).where(visits.c.visited_at <= now - PERSONAL).values(patron_id=None))
    connection.execute(delete(refused_events).where(refused_events.c.refused_at <= now - PERSONAL))
    connection.execute(update(answers).where(answers.c.answered_at <= now - PERSONAL).values(digest=""))
    connection.execute(delete(answers).where(answers.c.answered_at <= now - ANSWERS))
    connection.execute(delete(tries).where(tries.c.tried_at <= now - WINDOW))
    connection.execute(delete(lockouts).where(lockouts.c.until <= now))
