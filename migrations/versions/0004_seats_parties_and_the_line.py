"""seats, parties and the line

All states of a registration with what they need: deadlines, offers, approval, places
held until the address is confirmed, invitations, reserved seats; the order of an
event's lock in the audit log.

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

KINDS_BEFORE = (
    *("confirmation", "waitlisted", "promoted", "changed", "cancelled"),
    *("ticket_again", "event_cancelled", "password_reset"),
)
KINDS = (
    *("confirm_address", "requested", "confirmation", "waitlisted", "offer"),
    *("promoted", "changed", "passed_on", "cancelled", "declined", "lapsed"),
    *("released", "ticket_again", "event_cancelled", "password_reset"),
)
STATES_BEFORE = ("waitlisted", "confirmed", "cancelled")
STATES = (
    *("held", "requested", "waitlisted", "offered", "confirmed", "released"),
    *("cancelled", "declined", "lapsed"),
)
LIVE_BEFORE = ("waitlisted", "confirmed")
LIVE = ("held", "requested", "waitlisted", "offered", "confirmed")

# Where each state of today stands in the states of before.
AS_BEFORE = {
    "held": "cancelled",
    "requested": "cancelled",
    "released": "cancelled",
    "declined": "cancelled",
    "lapsed": "cancelled",
}


def among(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def where(text: str) -> dict[str, object]:
    return {"sqlite_where": sa.text(text), "postgresql_where": sa.text(text)}


def upgrade() -> None:
    add_invitations()
    with op.batch_alter_table("events") as table:
        table.drop_constraint(op.f("ck_events_visibility"), type_="check")
        table.add_column(sa.Column("change_until_local", sa.DateTime()))
        table.add_column(sa.Column("change_until_at", sa.DateTime(timezone=True)))
        # What events did so far; new ones offer.
        table.add_column(word("allocation", "first_come"))
        table.add_column(word("promotion", "confirm"))
        table.add_column(
            sa.Column(
                "confirm_address", sa.Boolean(), nullable=False, server_default=sa.false()
            )
        )
        table.add_column(number("reserved_seats"))
        table.add_column(sa.Column("standby_minutes", sa.Integer(), server_default="15"))
        table.add_column(number("lock_number"))
        visible = among("visibility", ("public", "unlisted", "invitation"))
        table.create_check_constraint(op.f("ck_events_visibility"), visible)
        allocated = among("allocation", ("first_come", "approval"))
        table.create_check_constraint(op.f("ck_events_allocation"), allocated)
        promoted = among("promotion", ("offer", "confirm"))
        table.create_check_constraint(op.f("ck_events_promotion"), promoted)
        for name in ("reserved_seats", "standby_minutes"):
            table.create_check_constraint(op.f(f"ck_events_{name}"), f"{name} >= 0")
    with op.batch_alter_table("admissions") as table:
        table.add_column(sa.Column("waitlist_max", sa.Integer()))
        table.add_column(number("reserved"))
        for name in ("waitlist_max", "reserved"):
            table.create_check_constraint(op.f(f"ck_admissions_{name}"), f"{name} >= 0")
    change_registrations()
    change_messages(KINDS)
    op.add_column("audit_entries", sa.Column("lock_number", sa.Integer()))


def word(name: str, default: str) -> sa.Column:
    return sa.Column(name, sa.String(length=20), nullable=False, server_default=default)


def number(name: str) -> sa.Column:
    return sa.Column(name, sa.Integer(), nullable=False, server_default="0")


def flag(name: str) -> sa.Column:
    return sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())


def add_invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", big_id, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("code_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=True),
        sa.Column("uses_max", sa.Integer(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("uses_max >= 1", name=op.f("ck_invitations_uses_max")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_invitations_event_id_events")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("code_id", name=op.f("uq_invitations_code_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_invitations_uuid")),
    )
    op.create_index(op.f("ix_invitations_event_id"), "invitations", ["event_id"])


def change_registrations() -> None:
    op.drop_index("uq_registrations_live_address", "registrations")
    op.drop_index("ix_registrations_line", "registrations")
    with op.batch_alter_table("registrations") as table:
        table.drop_constraint(op.f("ck_registrations_state"), type_="check")
        table.drop_constraint(op.f("ck_registrations_line_number"), type_="check")
        table.add_column(flag("fewer_ok"))
        table.add_column(sa.Column("decide_by", sa.DateTime(timezone=True)))
        table.add_column(sa.Column("offered_seats", sa.Integer()))
        table.add_column(flag("was_put_off"))
        table.add_column(sa.Column("invitation_id", big_id))
        table.add_column(sa.Column("ended_from", sa.String(length=20)))
        table.create_foreign_key(
            op.f("fk_registrations_invitation_id_invitations"),
            "invitations",
            ["invitation_id"],
            ["id"],
        )
        table.create_check_constraint(
            op.f("ck_registrations_state"), among("state", STATES)
        )
        for name, states in (
            ("line_number", "state IN ('waitlisted', 'offered')"),
            ("decide_by", "state IN ('held', 'offered')"),
            ("offered_seats", "state = 'offered'"),
        ):
            rule = f"({states}) = ({name} IS NOT NULL)"
            table.create_check_constraint(op.f(f"ck_registrations_{name}"), rule)
    make_indexes(LIVE)
    op.create_index(
        "ix_registrations_decide_by",
        "registrations",
        ["event_id", "decide_by"],
        **where("decide_by IS NOT NULL"),
    )
    op.create_index("ix_registrations_address", "registrations", ["email_key"])
    op.create_index("ix_registrations_invitation", "registrations", ["invitation_id"])


def make_indexes(live: tuple[str, ...]) -> None:
    op.create_index(
        "uq_registrations_live_address",
        "registrations",
        ["admission_id", "email_key"],
        unique=True,
        **where(f"is_single AND {among('state', live)}"),
    )
    op.create_index(
        "ix_registrations_line",
        "registrations",
        ["event_id", "line_number", "admission_id"],
        **where("state = 'waitlisted'"),
    )


def change_messages(kinds: tuple[str, ...]) -> None:
    with op.batch_alter_table("messages") as table:
        table.drop_constraint(op.f("ck_messages_kind"), type_="check")
        table.create_check_constraint(op.f("ck_messages_kind"), among("kind", kinds))


def downgrade() -> None:
    op.drop_column("audit_entries", "lock_number")
    lose_what_had_no_word()
    change_messages(KINDS_BEFORE)
    for name in (
        *("uq_registrations_live_address", "ix_registrations_line"),
        *("ix_registrations_decide_by", "ix_registrations_address"),
        "ix_registrations_invitation",
    ):
        op.drop_index(name, "registrations")
    with op.batch_alter_table("registrations") as table:
        for name in ("state", "line_number", "decide_by", "offered_seats"):
            table.drop_constraint(op.f(f"ck_registrations_{name}"), type_="check")
        table.drop_constraint(
            op.f("fk_registrations_invitation_id_invitations"), type_="foreignkey"
        )
        for name in (
            *("fewer_ok", "decide_by", "offered_seats", "was_put_off"),
            *("invitation_id", "ended_from"),
        ):
            table.drop_column(name)
        table.create_check_constraint(
            op.f("ck_registrations_state"), among("state", STATES_BEFORE)
        )
        table.create_check_constraint(
            op.f("ck_registrations_line_number"),
            "(state = 'waitlisted') = (line_number IS NOT NULL)",
        )
    make_indexes(LIVE_BEFORE)
    with op.batch_alter_table("admissions") as table:
        for name in ("waitlist_max", "reserved"):
            table.drop_constraint(op.f(f"ck_admissions_{name}"), type_="check")
            table.drop_column(name)
    with op.batch_alter_table("events") as table:
        for name in (
            *("visibility", "allocation", "promotion", "reserved_seats"),
            "standby_minutes",
        ):
            table.drop_constraint(op.f(f"ck_events_{name}"), type_="check")
        for name in (
            *("change_until_local", "change_until_at", "allocation", "promotion"),
            *("confirm_address", "reserved_seats", "standby_minutes", "lock_number"),
        ):
            table.drop_column(name)
        table.create_check_constraint(
            op.f("ck_events_visibility"), among("visibility", ("public", "unlisted"))
        )
    op.drop_table("invitations")


def lose_what_had_no_word() -> None:
    """The version before knows fewer states, and no mails about them.

    An offer is a place in line again and what is held or requested is over, so their
    seats are counted anew.
    """
    run = op.execute
    new = tuple(kind for kind in KINDS if kind not in KINDS_BEFORE)
    run(f"DELETE FROM messages WHERE {among('kind', new)}")
    run("UPDATE events SET visibility = 'unlisted' WHERE visibility = 'invitation'")
    run(
        "UPDATE registrations SET state = 'waitlisted', decide_by = NULL, "
        "offered_seats = NULL WHERE state = 'offered'"
    )
    for state, before in AS_BEFORE.items():
        run(
            f"UPDATE registrations SET state = '{before}', decide_by = NULL "
            f"WHERE state = '{state}'"
        )
    seats = "SELECT COALESCE(SUM(r.seats), 0) FROM registrations r"
    mine = f"{seats} WHERE r.admission_id = admissions.id AND r.state ="
    run(
        f"UPDATE admissions SET seats_taken = ({mine} 'confirmed'), "
        f"waiting = ({mine} 'waitlisted')"
    )
    in_room = (
        f"{seats} JOIN admissions a ON a.id = r.admission_id "
        "WHERE r.event_id = events.id AND a.mode = 'in_person' AND r.state ="
    )
    run(
        f"UPDATE events SET room_taken = ({in_room} 'confirmed'), "
        f"room_waiting = ({in_room} 'waitlisted') WHERE room_capacity IS NOT NULL"
    )
