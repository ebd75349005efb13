"""lists

Indexes that an event's registrations, its line and the mails that failed are read from.

Revision 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WAITING = {
    "sqlite_where": sa.text("state = 'waitlisted'"),
    "postgresql_where": sa.text("state = 'waitlisted'"),
}
FAILED = {
    "sqlite_where": sa.text("state = 'failed'"),
    "postgresql_where": sa.text("state = 'failed'"),
}


def upgrade() -> None:
    op.create_index("ix_messages_failed", "messages", ["event_id"], **FAILED)
    op.create_index(
        "ix_registrations_event",
        "registrations",
        ["event_id", "id", "state", "admission_id", "seats"],
    )
    op.drop_index("ix_registrations_line", "registrations")
    op.create_index(
        "ix_registrations_line",
        "registrations",
        ["event_id", "line_number", "admission_id"],
        **WAITING,
    )


def downgrade() -> None:
    op.drop_index("ix_registrations_line", "registrations")
    op.create_index(
        "ix_registrations_line", "registrations", ["event_id", "line_number"], **WAITING
    )
    op.drop_index("ix_registrations_event", "registrations")
    op.drop_index("ix_messages_failed", "messages")
