"""addresses by lower case

Addresses were compared case-folded, which made one mailbox of straße@ and strasse@. They
are compared in lower case, and what is stored to compare by is made anew.

Revision 0008, after 0007.
"""

import unicodedata
from contextlib import suppress

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ADDRESSES = (
    ("registrations", "email", "email_key"),
    ("messages", "recipient", "recipient_key"),
)
# Of ASCII alone, case folding and lower case make the same.
HAS_OTHER_LETTERS = {
    "sqlite": "length(CAST({0} AS BLOB)) <> length({0})",
    "postgresql": "octet_length({0}) <> char_length({0})",
}


def upgrade() -> None:
    for table, address, key in ADDRESSES:
        mend(sa.table(table, *map(sa.column, ("id", address, key))), address, key)


def mend(table: sa.TableClause, address: str, key: str) -> None:
    bind = op.get_bind()
    others = sa.text(HAS_OTHER_LETTERS[bind.dialect.name].format(address))
    rows = bind.execute(
        sa.select(table.c.id, table.c[address], table.c[key]).where(others)
    ).all()
    for row_id, written, was in rows:
        now = lower_key(written, was)
        if now != was:
            change = table.update().where(table.c.id == row_id).values({key: now})
            # Lower case only parts what was one. A key that something else had made and
            # that would now be another's stays: it is found as it was before.
            with suppress(sa.exc.IntegrityError), bind.begin_nested():
                bind.execute(change)


def lower_key(written: str, was: str) -> str:
    """The key of an address: its domain is in ASCII in the one there was."""
    name, domain = written.rpartition("@")[0], was.rpartition("@")[2]
    return f"{unicodedata.normalize('NFC', name.lower())}@{domain}"


def downgrade() -> None:
    """Stays: the release before reads these keys, and two that it would make one can't
    both be kept."""
