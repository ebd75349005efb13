"""what older forms lack

0001 and 0005 changed after databases had been made by them. This brings such a database
to the same tables; on one made by the later forms it does nothing.

Revision 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

NAME_BEFORE = "uq_reminders_event_id"
NAME = "uq_reminders_event_id_key"


def upgrade() -> None:
    there = sa.inspect(op.get_bind())
    for table in ("events", "questions"):
        if "erased_at" not in {column["name"] for column in there.get_columns(table)}:
            op.add_column(table, sa.Column("erased_at", sa.DateTime(timezone=True)))
    unique = {rule["name"] for rule in there.get_unique_constraints("reminders")}
    if NAME_BEFORE in unique:
        rename()


def rename() -> None:
    """PostgreSQL can, without reading the table; on SQLite it is made anew."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE reminders RENAME CONSTRAINT {NAME_BEFORE} TO {NAME}")
        return
    with op.batch_alter_table("reminders") as table:
        table.drop_constraint(op.f(NAME_BEFORE), type_="unique")
        table.create_unique_constraint(op.f(NAME), ["event_id", "key"])


def downgrade() -> None:
    """Nothing: 0005 and what came before were meant to have all this."""
