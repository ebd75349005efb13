"""who has proved their address

When a registration's address was shown to be its holder's, and the keyed hashes by which
mails are counted that a stranger may have caused.

Revision 0010, after 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

MARKS = ("mailbox", "network")


def upgrade() -> None:
    op.add_column("registrations", sa.Column("proved_at", sa.DateTime(timezone=True)))
    for mark in MARKS:
        op.add_column("messages", sa.Column(mark, sa.LargeBinary(16)))
        is_counted = sa.text(f"{mark} IS NOT NULL")
        op.create_index(
            f"ix_messages_{mark}",
            "messages",
            [mark, "created_at"],
            sqlite_where=is_counted,
            postgresql_where=is_counted,
        )


def downgrade() -> None:
    for mark in MARKS:
        op.drop_index(f"ix_messages_{mark}", table_name="messages")
        op.drop_column("messages", mark)
    op.drop_column("registrations", "proved_at")
