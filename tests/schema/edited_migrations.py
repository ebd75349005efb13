"""Edited migrations: their texts on main before they became what they are.

Three of them changed after databases had been made by them. How each differed is
written here as (what stands there now, what stood there then); put back, a file is byte
for byte what it was, which its digest shows.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.paths import MIGRATIONS


@dataclass(frozen=True)
class EarlierText:
    """An earlier text of a migration: the changes that give it, and its digest."""

    file: str
    changes: tuple[tuple[str, str], ...]
    digest: str


ERASED_AT = (
    '        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),\n'
)
IF_EXISTS = (
    "    # An older form of 0003 did not make it.\n"
    '    op.drop_index("ix_messages_failed", "messages", if_exists=True)\n',
    '    op.drop_index("ix_messages_failed", "messages")\n',
)
MESSAGES = "0005_messages_that_arrive.py"

WITHOUT_ERASED_AT = EarlierText(
    "0001_first_tables.py",
    ((ERASED_AT, ""),),
    "78c0521d764231e257971a3f88dab5ebd7bdc1eed7b1d2269b18547ee16a73a0",
)
WITHOUT_FAILED = EarlierText(
    "0003_lists.py",
    (
        (
            "Indexes that an event's registrations, its line and the mails that failed "
            "are read from.\n",
            "Indexes that an event's list of registrations, its counts and its line "
            "are read from.\n",
        ),
        (
            "FAILED = {\n"
            '    "sqlite_where": sa.text("state = \'failed\'"),\n'
            '    "postgresql_where": sa.text("state = \'failed\'"),\n'
            "}\n",
            "",
        ),
        (
            '    op.create_index("ix_messages_failed", "messages", ["event_id"], '
            "**FAILED)\n",
            "",
        ),
        ('    op.drop_index("ix_messages_failed", "messages")\n', ""),
    ),
    "40563c485c37ae131e7d0748e73a2aedf6875eabfe6f7c02ca76aa9dce749673",
)
WITH_THE_SHORT_NAME = EarlierText(
    MESSAGES,
    (
        IF_EXISTS,
        (
            'name=op.f("uq_reminders_event_id_key")',
            'name=op.f("uq_reminders_event_id")',
        ),
    ),
    "8fdf1544c8a51e249856d638aeda6e96bc75e2a90f32ee9cbce2e7f2812fa46c",
)
BEFORE_IF_EXISTS = EarlierText(
    MESSAGES,
    (IF_EXISTS,),
    "e377103d9fb18f40bd5705b90120d51c34f080d531693228c1f3ddc615806615",
)
EARLIER_TEXTS = (
    WITHOUT_ERASED_AT,
    WITHOUT_FAILED,
    WITH_THE_SHORT_NAME,
    BEFORE_IF_EXISTS,
)


def text_of(file: Path) -> str:
    """What it says, whichever line ends a checkout gave it."""
    return file.read_bytes().decode().replace("\r\n", "\n")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def restore_text(form: EarlierText) -> str:
    text = text_of(MIGRATIONS / "versions" / form.file)
    for now, then in form.changes:
        assert now in text, f"{form.file} has changed: {now!r} is not there"
        text = text.replace(now, then)
    return text


def migrations_with(forms: Iterable[EarlierText], folder: Path) -> Path:
    """A copy of the migrations in that folder, some of them as they were."""
    shutil.copytree(
        MIGRATIONS,
        folder,
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    for form in forms:
        (folder / "versions" / form.file).write_text(
            restore_text(form), encoding="utf-8"
        )
    return folder
