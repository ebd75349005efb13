"""Exports: who may take the list away, how it is sent, and what is noted about it."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from sqlalchemy import Table, select

from rsvp.db import Base
from rsvp.extensions import db
from rsvp.models import AuditEntry
from rsvp.models.team import Role
from rsvp.queries import attendees as attendee_queries
from tests.support.factories import make_user
from tests.support.for_each import for_each
from tests.support.pages.registration_lists import (
    EXPORT_FORMATS,
    export_path,
    make_mixed_event,
)
from tests.support.pages.sign_in import SIGN_IN_PATH, sign_in

pytestmark = pytest.mark.one_engine


def exports() -> list[AuditEntry]:
    db.session.rollback()
    noted = select(AuditEntry).where(AuditEntry.verb == "export")
    return list(db.session.scalars(noted.order_by(AuditEntry.id)))


# --- who is turned away -------------------------------------------------------------


@for_each("kind", EXPORT_FORMATS)
def test_nobody_takes_a_list_without_signing_in(client, app, kind):
    answer = client.get(export_path(make_mixed_event(), kind))

    assert answer.status_code == 302
    assert SIGN_IN_PATH in answer.location
    assert exports() == []


@for_each("kind", EXPORT_FORMATS, fresh=True)
@for_each(
    ("team", "role", "status"),
    [
        ("default", Role.OWNER, 200),
        ("default", Role.ORGANIZER, 200),
        ("default", Role.DOOR_HOST, 404),
        ("default", Role.VIEWER, 404),
        ("bakers", Role.OWNER, 404),
    ],
    fresh=True,
)
def test_a_list_is_for_the_teams_organizers(client, app, kind, team, role, status):
    event = make_mixed_event()
    make_user("eve@example.org", team=team, role=role)
    sign_in(client, "eve@example.org")
    answer = client.get(export_path(event, kind))

    assert answer.status_code == status
    assert (b"ada.marsh" in answer.data) is (status == 200 and kind == "csv")
    assert len(exports()) == (status == 200)


@for_each("kind", EXPORT_FORMATS)
@for_each("query", ["?state=asleep", "?admission=balcony", "?state=%00"])
def test_a_filter_that_makes_no_sense_leads_nowhere(client, ada, kind, query):
    event = make_mixed_event()

    assert client.get(export_path(event, kind, query)).status_code == 404
    assert client.get(export_path(event, "ods")).status_code == 404
    assert client.get("/organize/events/%00/registrations.csv").status_code == 404
    assert exports() == []


# --- how it is sent -----------------------------------------------------------------


@for_each(
    ("kind", "content_type"),
    [
        ("csv", "text/csv; charset=utf-8"),
        (
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
    ],
    fresh=True,
)
@for_each("method", ["GET", "HEAD"], fresh=True)
def test_it_comes_as_a_file_with_a_name_and_stays_out_of_caches(
    client, ada, kind, content_type, method
):
    event = make_mixed_event(slug="letters-and-soup")
    answer = client.open(export_path(event, kind), method=method)

    assert answer.headers["Content-Type"] == content_type
    assert re.fullmatch(
        rf'attachment; filename="letters-and-soup-\d{{4}}-\d\d-\d\d\.{kind}"',
        answer.headers["Content-Disposition"],
    )
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert bool(answer.data) is (method == "GET")


@pytest.mark.both_engines
def test_the_csv_is_sent_while_it_is_read(client, ada, monkeypatch):
    event = make_mixed_event()
    read = []
    iter_attendees = attendee_queries.iter_attendees

    def noting(event_id, wanted):
        for row in iter_attendees(event_id, wanted, batch=2):
            read.append(row.reference)
            yield row

    monkeypatch.setattr("rsvp.queries.attendees.iter_attendees", noting)
    monkeypatch.setattr("rsvp.formats.exports.attendees.CHUNK_BYTES", 1)
    answer = client.get(export_path(event, "csv"), buffered=False)
    pieces = answer.response
    next(pieces)
    after_one = len(read)
    answer.close()

    assert after_one <= 2
    assert len(read) == after_one


@pytest.mark.both_engines
@for_each("kind", EXPORT_FORMATS, fresh=True)
def test_whoever_goes_away_leaves_no_connection_behind(app, kind):
    event = make_mixed_event()
    make_user("ada@example.org")
    target, pool = export_path(event, kind), db.engine.pool
    db.session.remove()
    seen = []

    def browse() -> None:
        client = app.test_client()
        sign_in(client, "ada@example.org")
        answer = client.get(target, buffered=False)
        seen.append(len(next(answer.response)))
        seen.append(pool.checkedout())
        answer.close()
        seen.append(pool.checkedout())

    # In a thread requests have contexts of their own, as on a server.
    thread = threading.Thread(target=browse)
    thread.start()
    thread.join()
    length, during, after = seen

    assert length > 0
    # A workbook is sent from a file; who reads it slowly holds nobody up.
    assert during == (kind == "csv")
    assert after == 0


# --- what is noted ------------------------------------------------------------------


@for_each("kind", EXPORT_FORMATS, fresh=True)
def test_each_file_is_in_the_audit_log_without_names(client, ada, kind):
    event = make_mixed_event()
    event_id, user_id = event.id, ada.id
    target = export_path(event, kind)
    client.get(target)
    client.get(target + "?search=Cleo+Winter&state=confirmed&admission=in-person")
    first, second = exports()

    assert (first.actor, first.event_id) == (f"user:{user_id}", event_id)
    assert first.details == {"format": kind}
    assert second.details == {
        "format": kind,
        "search": True,
        "state": "confirmed",
        "admission": "in-person",
    }
    assert first.registration_id is None


@for_each("kind", EXPORT_FORMATS)
def test_asking_whether_there_is_a_file_is_not_noted(client, ada, kind, monkeypatch):
    event = make_mixed_event()
    monkeypatch.setattr(
        "rsvp.queries.attendees.iter_attendees", lambda *_: pytest.fail("it was read")
    )

    assert client.head(export_path(event, kind)).status_code == 200
    assert exports() == []


def test_a_file_changes_nothing_else(client, ada):
    event = make_mixed_event()
    before = {each: rows_of(each) for each in Base.metadata.sorted_tables}
    client.get(export_path(event, "csv"))
    changed = [each.name for each, rows in before.items() if rows_of(each) != rows]

    assert changed == ["audit_entries"]


def rows_of(one_table: Table) -> list[Any]:
    db.session.rollback()
    return list(db.session.execute(select(one_table)).all())
