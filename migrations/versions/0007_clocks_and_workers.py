"""clocks and workers

The clock that jobs ran by last, those that stand apart from it, and how the workers of
each machine fare. A database on which jobs have run knows by what clock they did.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trusted_at", instant, nullable=False),
        sa.Column("steady", sa.Double()),
        sa.Column("boot", sa.String(64)),
        sa.CheckConstraint("id = 1", name=op.f("ck_clock_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock")),
    )
    op.execute(
        "INSERT INTO clock (id, trusted_at) "
        "SELECT 1, max(finished_at) FROM jobs HAVING max(finished_at) IS NOT NULL"
    )
    op.create_table(
        "clock_looks",
        sa.Column("boot", sa.String(64), nullable=False),
        sa.Column("at", instant, nullable=False),
        sa.Column("steady", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("boot", name=op.f("pk_clock_looks")),
    )
    op.create_table(
        "workers",
        sa.Column("host", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(64)),
        sa.Column("began_at", instant),
        sa.Column("ended_at", instant),
        sa.Column("ends", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text()),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_workers")),
    )


def downgrade() -> None:
    for name in ("workers", "clock_looks", "clock"):
        op.drop_table(name)
