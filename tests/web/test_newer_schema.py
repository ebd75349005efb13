"""An update under way: processes of the release before go on, on the new tables."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import select, text

from rsvp import cli, startup
from rsvp.config import FILES_FOLDER
from rsvp.db import utcnow
from rsvp.extensions import db
from rsvp.jobs import scheduler
from rsvp.models import Event, Registration
from rsvp.web import health
from tests.support.pages.registration_form import (
    make_upcoming_event,
    register_as,
    states_by_name,
)

ROUNDS = 7
"""psycopg prepares a statement when it comes for the sixth time."""

LATER = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = {newest!r}

big_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade():
    for name in sa.inspect(op.get_bind()).get_table_names():
        if name == "alembic_version":
            continue
        with op.batch_alter_table(name, recreate="auto") as table:
            table.add_column(sa.Column("later", sa.Integer()))
            table.add_column(
                sa.Column("word", sa.String(20), nullable=False, server_default="new")
            )
            table.create_check_constraint(
                op.f("ck_" + name + "_word"), "word IN ('new', 'old')"
            )
    op.create_table(
        "laters",
        sa.Column("id", big_id, primary_key=True),
        sa.Column("event_id", big_id, sa.ForeignKey("events.id")),
    )
    op.create_index("ix_registrations_later", "registrations", ["later"])
    op.create_index("ix_events_later", "events", ["word", "id"])


def downgrade():
    op.drop_table("laters")
    op.drop_index("ix_registrations_later", "registrations")
    op.drop_index("ix_events_later", "events")
    for name in sa.inspect(op.get_bind()).get_table_names():
        if name == "alembic_version":
            continue
        with op.batch_alter_table(name) as table:
            table.drop_constraint(op.f("ck_" + name + "_word"), type_="check")
            table.drop_column("later")
            table.drop_column("word")
"""


@pytest.fixture
def later(app, tmp_path) -> Iterator[Path]:
    """The migrations of a release to come, which adds to every table."""
    folder = tmp_path / "migrations"
    shutil.copytree(
        FILES_FOLDER / "migrations",
        folder,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    newest = startup.latest_version()
    file = folder / "versions" / "9999_later.py"
    file.write_text(LATER.format(newest=newest))
    yield folder
    db.session.remove()
    if startup.schema_version() != newest:
        downgrade(str(folder), revision=newest)


def visit(client, slug: str, who: str, desk=None) -> list[tuple[str, int]]:
    """Everything that a site is used for, once; what each answered."""
    event = db.session.scalars(select(Event).where(Event.slug == slug)).one()
    ticket = register_as(client, event, who)
    asked = [
        ("/", "/events.ics", "/events.atom", f"/events/{slug}", f"/events/{slug}.ics"),
        (ticket, f"{ticket}/details", f"{ticket}/calendar.ics", "/health/ready"),
    ]
    answers = [(path, client.get(path).status_code) for path in sum(asked, ())]
    asking = f"{ticket}/cancellation"
    answers.append((asking, client.post(asking).status_code))
    if desk is not None:
        here = f"/organize/events/{slug}"
        pages = ("/organize/", here, f"{here}/registrations", f"{here}/messages")
        pages += (f"{here}/registrations.csv", f"{here}/door", "/organize/work")
        answers += [(page, desk.get(page).status_code) for page in pages]
    db.session.remove()
    return answers


def test_a_process_of_the_release_before_serves_on_the_tables_of_the_next(
    app, client, ada, later
):
    slug = make_upcoming_event({"capacity": 30}).slug
    public = app.test_client()
    for number in range(ROUNDS):
        answers = visit(public, slug, f"ada{number}", client)
        assert {status for _, status in answers} <= {200, 303}, answers
    done, during = threading.Event(), []

    def go_on(name: str) -> None:
        number = 0
        with app.app_context():
            while not done.is_set() or number < 2:
                during.extend(visit(app.test_client(), slug, f"{name}{number}"))
                number += 1

    people = [threading.Thread(target=go_on, args=(name,)) for name in ("bo", "cy")]
    for person in people:
        person.start()
    upgrade(str(later))
    done.set()
    for person in people:
        person.join()

    assert {status for _, status in during} <= {200, 303}, during
    assert during
    for number in range(ROUNDS):
        answers = visit(public, slug, f"eve{number}", client)
        assert {status for _, status in answers} <= {200, 303}, answers
    assert set(states_by_name().values()) == {"cancelled"}
    failed: list[str] = []
    scheduler.run_due_jobs(utcnow(), early=True, failed=failed)
    assert failed == []
    words = db.session.execute(text("SELECT DISTINCT word FROM registrations"))
    assert words.scalars().all() == ["new"]


def test_it_says_that_an_update_is_under_way_and_starts_no_more(
    app, client, later, caplog, capsys
):
    upgrade(str(later))
    app.extensions.pop(health.LOGGED_EXTENSION, None)

    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.get_json()["status"] == "degraded"
    assert answer.get_json()["checks"]["schema"] == "degraded"
    assert "it is at 9999, newer than this process: start it anew" in caplog.text
    for command in (["serve"], ["worker", "--once"], ["check"], ["init"]):
        assert cli.run(command) == 1
        assert "made by a newer one" in capsys.readouterr().err
    db.session.remove()

    downgrade(str(later), revision="-1")
    assert client.get("/health/ready").get_json()["checks"]["schema"] == "ok"


def test_no_statement_takes_all_columns_there_are():
    """PostgreSQL refuses a prepared one once there is another column."""
    for file in (FILES_FOLDER / "rsvp").rglob("*.py"):
        written = file.read_text(encoding="utf-8").upper()
        for words in ("SELECT *", "RETURNING *"):
            assert words not in written, file


def test_the_newer_tables_keep_what_was_there(app, client, later):
    event = make_upcoming_event()
    register_as(client, event, "ada")
    before = db.session.execute(select(Registration.__table__)).all()
    db.session.remove()

    upgrade(str(later))

    assert db.session.execute(select(Registration.__table__)).all() == before
