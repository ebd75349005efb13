"""phones that came back

When a phone came back with its cookie, and takes a place at the door since. Those there
are take theirs.

Revision 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("devices", sa.Column("came_back_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE devices SET came_back_at = enrolled_at")


def downgrade() -> None:
    op.drop_column("devices", "came_back_at")
