"""The file of erasures: what was erased is known after a backup was put back."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from rsvp import erasure_log
from rsvp.db import write, writing
from rsvp.domain import privacy
from rsvp.extensions import db
from tests.support.factories import NOON, load_registration, make_event, register

LATER = NOON + timedelta(days=1)


class Cut(Exception):
    """Whatever may go wrong."""


def test_lines_are_whole_and_a_cut_off_one_is_passed_over(tmp_path):
    file = erasure_log.ErasureLog(tmp_path / "erasures")
    assert file.read() == erasure_log.LoggedErasures()
    file.begin(NOON)
    file.begin(LATER)
    entry = {"at": NOON.isoformat(), "registration": "0" * 32}
    file.append([entry, entry | {"registration": "1" * 32}])
    with file.path.open("ab") as opened:
        opened.write(b'{"at": "2027-01-15T12:0')
    file.append([{"at": LATER.isoformat(), "event": "2" * 32, "questions": ["diet"]}])

    noted = file.read()
    assert noted.since == NOON
    assert [e.get("registration", "")[:1] for e in noted.entries] == ["0", "1", ""]
    assert noted.entries[-1]["questions"] == ["diet"]


def test_nothing_is_erased_that_is_not_noted_before(app, monkeypatch):
    order = []
    zoe = register(make_event(), email="zoe@example.org")
    monkeypatch.setitem(
        db.engine.__dict__, "rsvp_erased", lambda entries: order.append(entries)
    )
    session = db.session()
    commit = session.commit
    monkeypatch.setattr(
        session, "commit", lambda: (order.append("commit"), commit())[1]
    )
    write(privacy.erase_registration, zoe.registration_id, actor="a", now=NOON)

    [entries, committed] = order
    assert committed == "commit"
    assert entries == [
        {"at": NOON.isoformat(), "registration": load_registration(zoe).uuid.hex}
    ]
    # One that was rolled back is not noted with the next.
    with contextlib.suppress(Cut), writing():
        db.session.info["erased"] = [{"event": "x"}]
        raise Cut
    with writing():
        pass
    assert order[2:] == ["commit"]


def test_erasing_goes_on_where_it_can_not_be_noted(tmp_path, caplog):
    erasure_log.ErasureLog(tmp_path / "none" / "erasures").append([{"at": "now"}])

    assert "it must be erased again by hand" in caplog.text
