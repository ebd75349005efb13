"""accounts and the door

Mails about accounts, texts to search by, reasons for exceptions; door passes, phones,
scans and check-ins, and codes that were replaced.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

from rsvp.folding import search_text

revision = "0002"
down_revision = "0001"

big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

BEFORE = (
    "kind IN ('confirmation', 'waitlisted', 'promoted', 'changed', 'cancelled', "
    "'ticket_again', 'event_cancelled')"
)
KINDS = BEFORE.replace(")", ", 'password_reset')")
USER_KEY = "fk_messages_user_id_users"


def upgrade() -> None:
    op.add_column("registrations", sa.Column("exception_why", sa.String(length=200)))
    op.add_column(
        "registrations",
        sa.Column("search", sa.Text(), nullable=False, server_default=""),
    )
    fill_search()
    change_messages()
    add_the_door()


def fill_search() -> None:
    """What each registration can be found by. An erased one has no address left."""
    connection = op.get_bind()
    registrations = sa.table(
        "registrations", sa.column("id"), sa.column("reference"), sa.column("email"),
        sa.column("search"),
    )
    attendees = sa.table(
        "attendees", sa.column("registration_id"), sa.column("position"), sa.column("name")
    )
    last, size = 0, 1000
    while True:
        rows = connection.execute(
            sa.select(registrations.c.id, registrations.c.reference, registrations.c.email)
            .where(registrations.c.id > last)
            .order_by(registrations.c.id)
            .limit(size)
        ).all()
        if not rows:
            return
        last = rows[-1].id
        names: dict[int, list[str | None]] = {row.id: [] for row in rows}
        people = connection.execute(
            sa.select(attendees.c.registration_id, attendees.c.name)
            .where(attendees.c.registration_id.in_(names))
            .order_by(attendees.c.registration_id, attendees.c.position)
        )
        for registration_id, name in people:
            names[registration_id].append(name)
        values = [
            {"row": row.id, "text": search_text(row.reference, row.email, names[row.id])}
            for row in rows
            if row.email
        ]
        if values:
            connection.execute(
                registrations.update()
                .where(registrations.c.id == sa.bindparam("row"))
                .values(search=sa.bindparam("text")),
                values,
            )


def change_messages() -> None:
    # Nothing refers to this table, so SQLite may make it anew.
    with op.batch_alter_table("messages") as batch_op:
        batch_op.drop_constraint(op.f("ck_messages_kind"), type_="check")
        batch_op.alter_column("event_id", existing_type=big_id, nullable=True)
        batch_op.alter_column("registration_id", existing_type=big_id, nullable=True)
        batch_op.add_column(sa.Column("user_id", big_id, nullable=True))
        batch_op.create_foreign_key(
            USER_KEY, "users", ["user_id"], ["id"], ondelete="CASCADE"
        )
        batch_op.create_check_constraint(op.f("ck_messages_kind"), KINDS)
        batch_op.create_check_constraint(
            op.f("ck_messages_about"), "(user_id IS NULL) = (registration_id IS NOT NULL)"
        )
        batch_op.create_check_constraint(
            op.f("ck_messages_event_id"), "(event_id IS NULL) = (registration_id IS NULL)"
        )
        batch_op.create_index(op.f("ix_messages_user_id"), ["user_id"])


def add_the_door() -> None:
    op.create_table(
        "door_passes",
        sa.Column("id", big_id, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("phones_max", sa.Integer(), nullable=False),
        sa.Column("at_once", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("phones_max >= 1", name=op.f("ck_door_passes_phones_max")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_door_passes_event_id_events")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_door_passes")),
        sa.UniqueConstraint("link_id", name=op.f("uq_door_passes_link_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_door_passes_uuid")),
    )
    op.create_index(op.f("ix_door_passes_event_id"), "door_passes", ["event_id"])

    op.create_table(
        "devices",
        sa.Column("id", big_id, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("pass_id", big_id, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("secret_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["pass_id"], ["door_passes.id"], name=op.f("fk_devices_pass_id_door_passes")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("secret_id", name=op.f("uq_devices_secret_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_devices_uuid")),
    )
    op.create_index(op.f("ix_devices_pass_id"), "devices", ["pass_id"])

    op.create_table(
        "scans",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("device_id", big_id, nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("attendee_id", big_id, nullable=True),
        sa.Column("code_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("direction", sa.String(length=20), nullable=False),
        sa.Column("undoes", sa.Uuid(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("phone_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offset_ms", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_rehearsal", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.CheckConstraint(
            "direction IN ('in', 'out', 'undo')", name=op.f("ck_scans_direction")
        ),
        sa.CheckConstraint(
            "verdict IN ('welcome', 'already_in', 'left_and_back', 'unknown', "
            "'wrong_event', 'not_in_person', 'waitlisted', 'cancelled', 'replaced', "
            "'released', 'too_early', 'over', 'left', 'not_in', 'undone')",
            name=op.f("ck_scans_verdict"),
        ),
        sa.ForeignKeyConstraint(
            ["attendee_id"],
            ["attendees.id"],
            name=op.f("fk_scans_attendee_id_attendees"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_scans_device_id_devices")
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_scans_event_id_events")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scans")),
    )
    op.create_index("ix_scans_attendee", "scans", ["attendee_id", "at", "id"])
    op.create_index("ix_scans_event", "scans", ["event_id", "received_at", "id"])
    op.create_index("ix_scans_undoes", "scans", ["undoes"])
    op.create_index(op.f("ix_scans_device_id"), "scans", ["device_id"])

    op.create_table(
        "check_ins",
        sa.Column("id", big_id, nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("attendee_id", big_id, nullable=False),
        sa.Column("in_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("in_scan_id", sa.Uuid(), nullable=False),
        sa.Column("out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("out_scan_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(out_at IS NULL) = (out_scan_id IS NULL)", name=op.f("ck_check_ins_out")
        ),
        sa.ForeignKeyConstraint(
            ["attendee_id"],
            ["attendees.id"],
            name=op.f("fk_check_ins_attendee_id_attendees"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_check_ins_event_id_events")
        ),
        sa.ForeignKeyConstraint(
            ["in_scan_id"], ["scans.id"], name=op.f("fk_check_ins_in_scan_id_scans")
        ),
        sa.ForeignKeyConstraint(
            ["out_scan_id"], ["scans.id"], name=op.f("fk_check_ins_out_scan_id_scans")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_ins")),
    )
    is_open = {
        "sqlite_where": sa.text("out_at IS NULL"),
        "postgresql_where": sa.text("out_at IS NULL"),
    }
    op.create_index(
        "uq_check_ins_open", "check_ins", ["attendee_id"], unique=True, **is_open
    )
    op.create_index("ix_check_ins_attendee", "check_ins", ["attendee_id", "in_at"])
    op.create_index("ix_check_ins_event", "check_ins", ["event_id", "in_at", "id"])
    op.create_index("ix_check_ins_event_open", "check_ins", ["event_id"], **is_open)

    op.create_table(
        "retired_codes",
        sa.Column("code_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("attendee_id", big_id, nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["attendee_id"],
            ["attendees.id"],
            name=op.f("fk_retired_codes_attendee_id_attendees"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_retired_codes_event_id_events")
        ),
        sa.PrimaryKeyConstraint("code_id", name=op.f("pk_retired_codes")),
    )
    op.create_index(op.f("ix_retired_codes_attendee_id"), "retired_codes", ["attendee_id"])
    op.create_index(op.f("ix_retired_codes_event_id"), "retired_codes", ["event_id"])


def downgrade() -> None:
    for table in ("retired_codes", "check_ins", "scans", "devices", "door_passes"):
        op.drop_table(table)
    op.execute("DELETE FROM messages WHERE user_id IS NOT NULL")
    with op.batch_alter_table("messages") as batch_op:
        batch_op.drop_index(op.f("ix_messages_user_id"))
        for name in ("kind", "about", "event_id"):
            batch_op.drop_constraint(op.f(f"ck_messages_{name}"), type_="check")
        batch_op.drop_constraint(USER_KEY, type_="foreignkey")
        batch_op.drop_column("user_id")
        batch_op.alter_column("event_id", existing_type=big_id, nullable=False)
        batch_op.alter_column("registration_id", existing_type=big_id, nullable=False)
        batch_op.create_check_constraint(op.f("ck_messages_kind"), BEFORE)
    # Not in a batch: making this table anew would delete what refers to it.
    op.drop_column("registrations", "search")
    op.drop_column("registrations", "exception_why")
