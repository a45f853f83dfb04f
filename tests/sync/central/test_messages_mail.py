"""Which way messages go: by the file there is, or into the folder."""

from pathlib import Path

import pytest

from sync.central.messages.delivery import FileDrop, Smtp, Tls
from sync.central.messages.mail import MailError, deliverer

WHOLE = """
host = "mail.library.example"
sender = "bibliotek@library.example"
sms_domain = "sms.example"
user = "library"
password = "canary-4711"
"""


def settings(directory: Path, text: str, mode: int = 0o600) -> Path:
    path = directory / "mail.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_without_a_file_messages_go_into_the_folder(tmp_path: Path) -> None:
    drop = FileDrop(tmp_path / "outgoing")
    assert deliverer(tmp_path / "mail.toml", drop) is drop


def test_with_a_file_they_go_to_its_server_and_the_password_is_not_shown(tmp_path: Path) -> None:
    made = deliverer(settings(tmp_path, WHOLE), FileDrop(tmp_path))
    assert isinstance(made, Smtp)
    assert (made.host, made.port, made.sms_domain) == ("mail.library.example", 587, "sms.example")
    assert "canary" not in repr(made)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (WHOLE.replace("host =", "hots ="), "hots"),
        (WHOLE + 'port = "canary-4711"', "port"),
        ("sender = canary-4711", "TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_its_keys_alone(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(MailError) as told:
        deliverer(settings(tmp_path, text), FileDrop(tmp_path))
    assert named in str(told.value)
    assert "canary" not in str(told.value)


@pytest.mark.parametrize(
    ("more", "tls"),
    [
        ("", Tls.STARTTLS),
        ("port = 465", Tls.IMPLICIT),
        ('port = 465\ntls = "starttls"', Tls.STARTTLS),
        ('tls = "implicit"', Tls.IMPLICIT),
    ],
)
def test_the_file_says_how_tls_begins_and_the_port_where_it_does_not(tmp_path: Path, more: str, tls: Tls) -> None:
    made = deliverer(settings(tmp_path, WHOLE + more), FileDrop(tmp_path))
    assert isinstance(made, Smtp)
    assert made.tls is tls


def test_mail_in_clear_is_for_this_computer_alone(tmp_path: Path) -> None:
    here = 'host = "localhost"\nsender = "x@y.example"\n'
    for text in (here, here + 'tls = "none"'):
        made = deliverer(settings(tmp_path, text), FileDrop(tmp_path))
        assert isinstance(made, Smtp)
        assert made.tls is Tls.NONE
    with pytest.raises(MailError, match="on this computer alone"):
        deliverer(settings(tmp_path, WHOLE + 'tls = "none"'), FileDrop(tmp_path))


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MailError, match="chmod 600"):
        deliverer(settings(tmp_path, WHOLE, 0o644), FileDrop(tmp_path))
