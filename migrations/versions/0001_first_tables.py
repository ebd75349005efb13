"""first tables

Revision 0001, after nothing.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "code_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_keys")),
    )
    op.create_table(
        "teams",
        sa.Column("id", big_id, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_teams")),
        sa.UniqueConstraint("slug", name=op.f("uq_teams_slug")),
    )
    op.create_table(
        "users",
        sa.Column("id", big_id, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fs_uniquifier", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("fs_uniquifier", name=op.f("uq_users_fs_uniquifier")),
    )
    op.create_table(
        "memberships",
        sa.Column("id", big_id, nullable=False),
        sa.Column("team_id", big_id, nullable=False),
        sa.Column("user_id", big_id, nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role IN ('owner', 'organizer', 'door_host', 'viewer')",
            name=op.f("ck_memberships_role"),
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["teams.id"], name=op.f("fk_memberships_team_id_teams"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_memberships_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memberships")),
        sa.UniqueConstraint("team_id", "user_id", name=op.f("uq_memberships_team_id_user_id")),
    )
    with op.batch_alter_table("memberships") as batch_op:
        batch_op.create_index("ix_memberships_user_id", ["user_id"], unique=False)

    op.create_table(
        "series",
        sa.Column("id", big_id, nullable=False),
        sa.Column("team_id", big_id, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("summary", sa.String(length=500), nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_series_team_id_teams")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("slug", name=op.f("uq_series_slug")),
    )
    with op.batch_alter_table("series") as batch_op:
        batch_op.create_index("ix_series_team_id", ["team_id"], unique=False)

    op.create_table(
        "events",
        sa.Column("id", big_id, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("team_id", big_id, nullable=False),
        sa.Column("series_id", big_id, nullable=True),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("visibility", sa.String(length=20), nullable=False),
        sa.Column("discreet", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("summary", sa.String(length=500), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("contact", sa.String(length=320), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("fold", sa.Integer(), nullable=True),
        sa.Column("starts_local", sa.DateTime(), nullable=False),
        sa.Column("ends_local", sa.DateTime(), nullable=False),
        sa.Column("doors_local", sa.DateTime(), nullable=True),
        sa.Column("opens_local", sa.DateTime(), nullable=True),
        sa.Column("closes_local", sa.DateTime(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("doors_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("also_show", json, nullable=False),
        sa.Column("venue_name", sa.String(length=200), nullable=True),
        sa.Column("venue_address", sa.Text(), nullable=True),
        sa.Column("venue_access", sa.Text(), nullable=True),
        sa.Column("join_url", sa.String(length=2000), nullable=True),
        sa.Column("online_note", sa.Text(), nullable=True),
        sa.Column("hosts", json, nullable=False),
        sa.Column("sponsors", json, nullable=False),
        sa.Column("people", json, nullable=False),
        sa.Column("agenda", json, nullable=False),
        sa.Column("links", json, nullable=False),
        sa.Column("registration_required", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("party_max", sa.Integer(), nullable=False),
        sa.Column("several", sa.Boolean(), nullable=False),
        sa.Column("retention_days", sa.Integer(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("room_capacity", sa.Integer(), nullable=True),
        sa.Column("room_ceiling", sa.Integer(), nullable=True),
        sa.Column("room_taken", sa.Integer(), nullable=False),
        sa.Column("room_waiting", sa.Integer(), nullable=False),
        sa.Column("last_line_number", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'published', 'cancelled')", name=op.f("ck_events_status")
        ),
        sa.CheckConstraint(
            "visibility IN ('public', 'unlisted')", name=op.f("ck_events_visibility")
        ),
        sa.CheckConstraint(
            "doors_at IS NULL OR doors_at <= starts_at", name=op.f("ck_events_doors_first")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_events_ends_after_start")),
        sa.CheckConstraint("fold IN (0, 1)", name=op.f("ck_events_fold")),
        sa.CheckConstraint("party_max >= 1", name=op.f("ck_events_party_max")),
        sa.CheckConstraint("retention_days >= 0", name=op.f("ck_events_retention_days")),
        sa.CheckConstraint("room_capacity >= 0", name=op.f("ck_events_room_capacity")),
        sa.CheckConstraint("room_taken >= 0", name=op.f("ck_events_room_taken")),
        sa.ForeignKeyConstraint(
            ["series_id"], ["series.id"], name=op.f("fk_events_series_id_series")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["teams.id"], name=op.f("fk_events_team_id_teams")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("slug", name=op.f("uq_events_slug")),
        sa.UniqueConstraint("uuid", name=op.f("uq_events_uuid")),
    )
    with op.batch_alter_table("events") as batch_op:
        batch_op.create_index(
            "ix_events_listing", ["status", "visibility", "ends_at"], unique=False
        )
        batch_op.create_index("ix_events_series_id", ["series_id"], unique=False)
        batch_op.create_index("ix_events_team_id", ["team_id"], unique=False)

    op.create_table(
        "admissions",
        sa.Column("id", big_id, nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("waitlist", sa.Boolean(), nullable=False),
        sa.Column("ceiling", sa.Integer(), nullable=True),
        sa.Column("seats_taken", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("event_version", sa.Integer(), nullable=False),
        sa.CheckConstraint("mode IN ('in_person', 'online')", name=op.f("ck_admissions_mode")),
        sa.CheckConstraint("capacity >= 0", name=op.f("ck_admissions_capacity")),
        sa.CheckConstraint("seats_taken >= 0", name=op.f("ck_admissions_seats_taken")),
        sa.CheckConstraint("waiting >= 0", name=op.f("ck_admissions_waiting")),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["events.id"],
            name=op.f("fk_admissions_event_id_events"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admissions")),
        sa.UniqueConstraint("event_id", "key", name=op.f("uq_admissions_event_id_key")),
    )
    op.create_table(
        "consents",
        sa.Column("id", big_id, nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["events.id"],
            name=op.f("fk_consents_event_id_events"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
        sa.UniqueConstraint(
            "event_id", "key", "version", name=op.f("uq_consents_event_id_key_version")
        ),
    )
    op.create_table(
        "questions",
        sa.Column("id", big_id, nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("ask", sa.String(length=500), nullable=False),
        sa.Column("hint", sa.String(length=500), nullable=True),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("options", json, nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("per", sa.String(length=20), nullable=False),
        sa.Column("only_for", json, nullable=False),
        sa.Column("keep_days", sa.Integer(), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("per IN ('registration', 'attendee')", name=op.f("ck_questions_per")),
        sa.CheckConstraint(
            "type IN ('text', 'long_text', 'choice', 'choices', 'yes_no')",
            name=op.f("ck_questions_type"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id"],
            ["events.id"],
            name=op.f("fk_questions_event_id_events"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
        sa.UniqueConstraint("event_id", "key", name=op.f("uq_questions_event_id_key")),
    )
    op.create_table(
        "registrations",
        sa.Column("id", big_id, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("admission_id", big_id, nullable=False),
        sa.Column("reference", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("language", sa.String(length=35), nullable=False),
        sa.Column("answers", json, nullable=False),
        sa.Column("is_single", sa.Boolean(), nullable=False),
        sa.Column("submission", sa.Uuid(), nullable=True),
        sa.Column("line_number", sa.Integer(), nullable=True),
        sa.Column("link_version", sa.Integer(), nullable=False),
        sa.Column("link_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(length=200), nullable=True),
        sa.Column("ended_why", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "(state = 'waitlisted') = (line_number IS NOT NULL)",
            name=op.f("ck_registrations_line_number"),
        ),
        sa.CheckConstraint(
            "state IN ('waitlisted', 'confirmed', 'cancelled')", name=op.f("ck_registrations_state")
        ),
        sa.CheckConstraint("seats >= 0", name=op.f("ck_registrations_seats")),
        sa.ForeignKeyConstraint(
            ["admission_id"],
            ["admissions.id"],
            name=op.f("fk_registrations_admission_id_admissions"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_registrations_event_id_events")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registrations")),
        sa.UniqueConstraint(
            "event_id", "submission", name=op.f("uq_registrations_event_id_submission")
        ),
        sa.UniqueConstraint("link_id", name=op.f("uq_registrations_link_id")),
        sa.UniqueConstraint("reference", name=op.f("uq_registrations_reference")),
        sa.UniqueConstraint("uuid", name=op.f("uq_registrations_uuid")),
    )
    with op.batch_alter_table("registrations") as batch_op:
        batch_op.create_index(
            "ix_registrations_event_address", ["event_id", "email_key"], unique=False
        )
        batch_op.create_index(
            "ix_registrations_event_state", ["event_id", "state", "id"], unique=False
        )
        batch_op.create_index(
            "ix_registrations_line",
            ["event_id", "line_number"],
            unique=False,
            sqlite_where=sa.text("state = 'waitlisted'"),
            postgresql_where=sa.text("state = 'waitlisted'"),
        )
        batch_op.create_index(
            "uq_registrations_live_address",
            ["admission_id", "email_key"],
            unique=True,
            sqlite_where=sa.text("is_single AND state IN ('waitlisted', 'confirmed')"),
            postgresql_where=sa.text("is_single AND state IN ('waitlisted', 'confirmed')"),
        )

    op.create_table(
        "attendees",
        sa.Column("id", big_id, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("registration_id", big_id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("answers", json, nullable=False),
        sa.Column("code_version", sa.Integer(), nullable=False),
        sa.Column("code_key_id", sa.String(length=16), nullable=False),
        sa.Column("code_id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("ticket_id", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("state IN ('coming', 'cancelled')", name=op.f("ck_attendees_state")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_attendees_event_id_events")
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name=op.f("fk_attendees_registration_id_registrations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendees")),
        sa.UniqueConstraint("code_id", name=op.f("uq_attendees_code_id")),
        sa.UniqueConstraint(
            "registration_id", "position", name=op.f("uq_attendees_registration_id_position")
        ),
        sa.UniqueConstraint("ticket_id", name=op.f("uq_attendees_ticket_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_attendees_uuid")),
    )
    with op.batch_alter_table("attendees") as batch_op:
        batch_op.create_index("ix_attendees_event", ["event_id", "registration_id"], unique=False)

    op.create_table(
        "audit_entries",
        sa.Column("id", big_id, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("event_id", big_id, nullable=True),
        sa.Column("registration_id", big_id, nullable=True),
        sa.Column("verb", sa.String(length=20), nullable=False),
        sa.Column("from_state", sa.String(length=20), nullable=True),
        sa.Column("to_state", sa.String(length=20), nullable=True),
        sa.Column("details", json, nullable=False),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_audit_entries_event_id_events")
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name=op.f("fk_audit_entries_registration_id_registrations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entries")),
    )
    with op.batch_alter_table("audit_entries") as batch_op:
        batch_op.create_index("ix_audit_entries_event", ["event_id", "id"], unique=False)
        batch_op.create_index(
            "ix_audit_entries_registration", ["registration_id", "id"], unique=False
        )

    op.create_table(
        "given_consents",
        sa.Column("id", big_id, nullable=False),
        sa.Column("registration_id", big_id, nullable=False),
        sa.Column("consent_id", big_id, nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["consent_id"], ["consents.id"], name=op.f("fk_given_consents_consent_id_consents")
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name=op.f("fk_given_consents_registration_id_registrations"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_given_consents")),
        sa.UniqueConstraint(
            "registration_id",
            "consent_id",
            name=op.f("uq_given_consents_registration_id_consent_id"),
        ),
    )
    with op.batch_alter_table("given_consents") as batch_op:
        batch_op.create_index("ix_given_consents_consent_id", ["consent_id"], unique=False)

    op.create_table(
        "messages",
        sa.Column("id", big_id, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("event_id", big_id, nullable=False),
        sa.Column("registration_id", big_id, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("recipient_key", sa.String(length=320), nullable=False),
        sa.Column("from_form", sa.Boolean(), nullable=False),
        sa.Column("facts", json, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('confirmation', 'waitlisted', 'promoted', 'changed', 'cancelled', 'ticket_again', 'event_cancelled')",
            name=op.f("ck_messages_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'sent', 'failed', 'superseded')", name=op.f("ck_messages_state")
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("fk_messages_event_id_events")
        ),
        sa.ForeignKeyConstraint(
            ["registration_id"],
            ["registrations.id"],
            name=op.f("fk_messages_registration_id_registrations"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("uuid", name=op.f("uq_messages_uuid")),
    )
    with op.batch_alter_table("messages") as batch_op:
        batch_op.create_index(
            "ix_messages_due",
            ["due_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
        batch_op.create_index("ix_messages_event", ["event_id", "id"], unique=False)
        batch_op.create_index(
            "ix_messages_recipient", ["recipient_key", "created_at"], unique=False
        )
        batch_op.create_index("ix_messages_registration", ["registration_id", "id"], unique=False)


def downgrade() -> None:
    for table in (
        "messages",
        "given_consents",
        "audit_entries",
        "attendees",
        "registrations",
        "questions",
        "consents",
        "admissions",
        "events",
        "series",
        "memberships",
        "users",
        "teams",
        "code_keys",
    ):
        op.drop_table(table)
