"""messages that arrive

Reminders, asking who still comes, organizers' own mails, wording of one's own; what is
known of an address and of a domain that mails go to; the jobs of the worker.

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
instant = sa.DateTime(timezone=True)

KINDS_BEFORE = (
    *("confirm_address", "requested", "confirmation", "waitlisted", "offer"),
    *("promoted", "changed", "passed_on", "cancelled", "declined", "lapsed"),
    *("released", "ticket_again", "event_cancelled", "password_reset"),
)
NEW_KINDS = (
    *("event_changed", "reminder", "still_coming", "thank_you", "note"),
    "undelivered",
)
ABOUT_BEFORE = "(event_id IS NULL) = (registration_id IS NULL)"
ABOUT = "event_id IS NOT NULL OR registration_id IS NULL"


def among(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(word) for word in words)})"


def where(text: str) -> dict[str, object]:
    return {"sqlite_where": sa.text(text), "postgresql_where": sa.text(text)}


def upgrade() -> None:
    add_tables()
    with op.batch_alter_table("events") as table:
        # Events that are there go on as before: nobody is asked or reminded who was not.
        table.add_column(sa.Column("ask_hours", sa.Integer()))
        table.add_column(sa.Column("answer_hours", sa.Integer()))
        table.add_column(
            sa.Column(
                "no_answer", sa.String(20), nullable=False, server_default="release"
            )
        )
        table.add_column(
            sa.Column("wording", json, nullable=False, server_default="{}")
        )
        table.add_column(sa.Column("asked_for", sa.Date()))
        table.add_column(sa.Column("settled_for", sa.Date()))
        table.create_check_constraint(
            op.f("ck_events_no_answer"), among("no_answer", ("release", "flag"))
        )
        table.create_check_constraint(
            op.f("ck_events_answer_hours"),
            "(ask_hours IS NULL) = (answer_hours IS NULL) "
            "AND (ask_hours IS NULL OR ask_hours > answer_hours)",
        )
    for name in (
        *("asked_at", "answer_by", "answered_at", "flagged_at"),
        *("address_failed_at", "muted_at"),
    ):
        op.add_column("registrations", sa.Column(name, instant))
    op.add_column("registrations", sa.Column("asked_about", sa.String(20)))
    op.add_column("registrations", sa.Column("address_failed_why", sa.Text()))
    op.create_index(
        "ix_registrations_answer_by",
        "registrations",
        ["event_id", "answer_by"],
        **where("answer_by IS NOT NULL AND answered_at IS NULL"),
    )
    change_messages()


def add_tables() -> None:
    op.create_table(
        "reminders",
        sa.Column("id", big_id, nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("anchor", sa.String(20), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("admissions", json, nullable=False),
        sa.Column("states", json, nullable=False),
        sa.Column("subject", sa.String(200)),
        sa.Column("text", sa.Text()),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("done_for", sa.Date()),
        sa.Column("reached_id", big_id, nullable=False),
        sa.CheckConstraint(
            among("anchor", ("start", "end")), name=op.f("ck_reminders_anchor")
        ),
        sa.CheckConstraint("minutes >= 0", name=op.f("ck_reminders_minutes")),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["events.id"],
            name=op.f("fk_reminders_event_id_events"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reminders")),
        sa.UniqueConstraint("event_id", "key", name=op.f("uq_reminders_event_id_key")),
    )
    op.create_index("ix_reminders_due_at", "reminders", ["due_at"])
    op.create_table(
        "mailings",
        sa.Column("id", big_id, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("wanted", json, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("send_at", instant),
        sa.Column("started_at", instant),
        sa.Column("finished_at", instant),
        sa.Column("reached_id", big_id, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            among("state", ("draft", "scheduled", "sending", "sent", "stopped")),
            name=op.f("ck_mailings_state"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_mailings_event_id_events")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailings")),
        sa.UniqueConstraint("uuid", name=op.f("uq_mailings_uuid")),
    )
    op.create_index(op.f("ix_mailings_event_id"), "mailings", ["event_id"])
    op.create_index(
        "ix_mailings_due",
        "mailings",
        ["send_at"],
        **where(among("state", ("scheduled", "sending"))),
    )
    op.create_table(
        "mail_domains",
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("pause_until", instant),
        sa.Column("troubles", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.Column("window_at", instant),
        sa.Column("window_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_mail_domains")),
    )
    op.create_table(
        "jobs",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("lease_until", instant),
        sa.Column("holder", sa.String(64)),
        sa.Column("started_at", instant),
        sa.Column("finished_at", instant),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_jobs")),
    )


def change_messages() -> None:
    op.drop_index("ix_messages_due", "messages")
    # An older form of 0003 did not make it.
    op.drop_index("ix_messages_failed", "messages", if_exists=True)
    with op.batch_alter_table("messages") as table:
        table.drop_constraint(op.f("ck_messages_kind"), type_="check")
        table.drop_constraint(op.f("ck_messages_event_id"), type_="check")
        table.add_column(sa.Column("mailing_id", big_id))
        table.add_column(sa.Column("occasion", sa.String(100)))
        table.add_column(
            sa.Column("rank", sa.Integer(), nullable=False, server_default="0")
        )
        table.add_column(
            sa.Column("domain", sa.String(255), nullable=False, server_default="")
        )
        table.create_foreign_key(
            op.f("fk_messages_mailing_id_mailings"), "mailings", ["mailing_id"], ["id"]
        )
        table.create_check_constraint(
            op.f("ck_messages_kind"), among("kind", (*KINDS_BEFORE, *NEW_KINDS))
        )
        table.create_check_constraint(op.f("ck_messages_event_id"), ABOUT)
    at = "instr" if op.get_bind().dialect.name == "sqlite" else "strpos"
    op.execute(
        f"UPDATE messages SET domain = substr(recipient_key, {at}(recipient_key, '@') + 1) "
        "WHERE recipient_key <> ''"
    )
    queued = where("state = 'queued'")
    op.create_index("ix_messages_due", "messages", ["rank", "due_at", "id"], **queued)
    op.create_index(
        "ix_messages_failed", "messages", ["event_id"], **where("state = 'failed'")
    )
    op.create_index(
        "ix_messages_leased",
        "messages",
        ["lease_until", "domain"],
        **where("lease_until IS NOT NULL"),
    )
    op.create_index(
        "uq_messages_occasion",
        "messages",
        ["registration_id", "occasion"],
        unique=True,
        **where("occasion IS NOT NULL"),
    )
    op.create_index("ix_messages_mailing", "messages", ["mailing_id", "state"])


def downgrade() -> None:
    run = op.execute
    run(f"DELETE FROM messages WHERE {among('kind', NEW_KINDS)}")
    for name in ("due", "failed", "leased", "mailing"):
        op.drop_index(f"ix_messages_{name}", "messages")
    op.drop_index("uq_messages_occasion", "messages")
    with op.batch_alter_table("messages") as table:
        table.drop_constraint(op.f("ck_messages_kind"), type_="check")
        table.drop_constraint(op.f("ck_messages_event_id"), type_="check")
        table.drop_constraint(
            op.f("fk_messages_mailing_id_mailings"), type_="foreignkey"
        )
        for name in ("mailing_id", "occasion", "rank", "domain"):
            table.drop_column(name)
        table.create_check_constraint(
            op.f("ck_messages_kind"), among("kind", KINDS_BEFORE)
        )
        table.create_check_constraint(op.f("ck_messages_event_id"), ABOUT_BEFORE)
    op.create_index(
        "ix_messages_due", "messages", ["due_at", "id"], **where("state = 'queued'")
    )
    op.create_index(
        "ix_messages_failed", "messages", ["event_id"], **where("state = 'failed'")
    )
    op.drop_index("ix_registrations_answer_by", "registrations")
    for name in (
        *("asked_at", "answer_by", "answered_at", "flagged_at", "asked_about"),
        *("address_failed_at", "address_failed_why", "muted_at"),
    ):
        op.drop_column("registrations", name)
    with op.batch_alter_table("events") as table:
        for name in ("no_answer", "answer_hours"):
            table.drop_constraint(op.f(f"ck_events_{name}"), type_="check")
        for name in (
            *("ask_hours", "answer_hours", "no_answer", "wording"),
            *("asked_for", "settled_for"),
        ):
            table.drop_column(name)
    for name in ("jobs", "mail_domains", "mailings", "reminders"):
        op.drop_table(name)
