"""Every kind of mail in every state, for each acceptance event, as it is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.record import clock
from tests.record.files import mail_text, write
from tests.record.product import (
    EVERY_MAIL,
    STARTS,
    build_mail,
    build_message,
    build_registration,
    import_case,
    to_ada,
)
from tests.record.site import new_site

WORDING = {
    "subject": "{event}: in our words",
    "headline": "Hello {name}, see you on {date}.",
    "text": "{seats} × {admission}, {place}, {time}.\n\n"
    "Ask {contact} about {reference}.",
}


def record(folder: Path, case: str) -> None:
    """All mails about the event of this file, in person and online where it has both,
    and once more in organizers' own words."""
    with new_site(folder) as site, site.app.app_context():
        clock.begin(case)
        event = import_case(case)
        for admission, each in enumerate(event.admissions):
            for number, row in enumerate(EVERY_MAIL, 1):
                write_mail(folder / each.key, event, admission, number, row)
        event.wording = {row.kind: WORDING for row in EVERY_MAIL}
        for number, row in enumerate(EVERY_MAIL, 1):
            write_mail(folder / "own-words", event, 0, number, row)


def write_mail(folder: Path, event: Any, admission: int, number: int, row: Any) -> None:
    name = f"{number:02} {row.state} {row.id}"
    clock.begin(f"{event.slug} {admission} {name}")
    registration = build_registration(
        event, *row.names, state=row.state, admission=admission, **row.values
    )
    message = build_message(row.kind, registration, **row.facts)
    if row.due_at:
        message.due_at = event.starts_at - (STARTS - row.due_at)
    write(folder, name, mail_text(build_mail(message, message.due_at).as_bytes()))


def record_accounts(folder: Path) -> None:
    with new_site(folder) as site, site.app.app_context():
        clock.begin("account")
        write(
            folder,
            "new password",
            mail_text(build_mail(to_ada(), clock.START).as_bytes()),
        )
