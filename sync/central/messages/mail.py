"""Where messages go: the mail server of DIR/mail.toml, else a folder.

    host = "mail.library.example"      port = 587             sender = "bibliotek@library.example"
    sms_domain = "sms.example"         user = "library"       password = "..."         (these three may be missing)
    tls = "starttls", or "implicit"    (may be missing: starttls, but on port 465; "none" to this computer alone)

Not responsible for: sending (delivery.py).
"""

import stat
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sync.central.messages.delivery import Deliver, FileDrop, Smtp, Tls, is_open, usual_tls

Word = Annotated[str, Field(min_length=1, max_length=200)]


class MailError(Exception):
    """The file does not say it. Names the key, never its value."""


class _Mail(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    host: Word
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    sender: Word
    sms_domain: str = ""
    user: str = ""
    password: str = Field(default="", repr=False)
    tls: Literal["none", "starttls", "implicit"] | None = None


def deliverer(settings: Path, drop: FileDrop) -> Deliver:
    """Raises MailError when the file is there and cannot be used."""
    if not settings.exists():
        return drop
    if stat.S_IMODE(settings.stat().st_mode) & 0o077:
        raise MailError(f"others may read {settings.name}, and a password stands in it: chmod 600")
    try:
        said = _Mail.model_validate(tomllib.loads(settings.read_text("utf-8")))
    except ValidationError as problem:
        keys = ", ".join(".".join(map(str, error["loc"])) for error in problem.errors(include_input=False))
        raise MailError(f"{settings.name}: {keys}: missing, unknown or not of its kind") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise MailError(f"{settings.name} is no TOML") from None
    tls = Tls(said.tls) if said.tls else usual_tls(said.host, said.port)
    if is_open(said.host, tls):
        raise MailError(f"{settings.name}: tls: none is for a mail server on this computer alone")
    return Smtp(said.host, said.port, said.sender, said.sms_domain, said.user, said.password, drop, tls=tls)
