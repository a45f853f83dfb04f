"""Which failures are of the disk or of the database's server, and no bug: what was asked may be asked again later.

Not responsible for: saying it over HTTP (web/refusal.py) or on a terminal (command.py).
"""

import errno

from sqlalchemy.exc import SQLAlchemyError

from sync.central.postgres import DatabaseLost

_FULL = frozenset({"SQLITE_FULL"})
_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_BUSY")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_SYSTEM = _NO_ROOM | {errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE}


def is_away(problem: BaseException) -> bool:
    match problem:
        case DatabaseLost():
            return True
        case OSError():
            return problem.errno in _SYSTEM
        case _:
            return _sqlite_word(problem).startswith(_DISK)


def is_full(problem: BaseException) -> bool:
    """The disk has no room left."""
    if isinstance(problem, OSError):
        return problem.errno in _NO_ROOM
    return _sqlite_word(problem) in _FULL


def _sqlite_word(problem: BaseException) -> str:
    """SQLite's name for it, as SQLITE_FULL; empty where it is not SQLite's. SQLAlchemy wraps it, mostly."""
    inner = getattr(problem, "orig", problem) if isinstance(problem, SQLAlchemyError) else problem
    return str(getattr(inner, "sqlite_errorname", ""))
