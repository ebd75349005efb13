"""The door desk: passes and phones, and who is in, each for those who may see it."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from sqlalchemy import select, update

from rsvp import tokens
from rsvp.db import utcnow, write, writing
from rsvp.domain.checkin import passes
from rsvp.domain.events import capacity_changes
from rsvp.extensions import db
from rsvp.models import Attendee, AuditEntry, Device, DoorPass, Event, Scan
from rsvp.models.team import Role
from rsvp.queries import checkin as checkin_queries
from tests.support.door import attendees_of, make_phone, record_scan, stays_of_event
from tests.support.factories import CODE_KEY, cancel, make_event, make_user, register
from tests.support.for_each import for_each
from tests.support.matching import has_word
from tests.support.pages.registration_form import IN_TWO_WEEKS, TODAY
from tests.support.pages.sign_in import SIGN_IN_PATH, csrf_token, sign_in

pytestmark = pytest.mark.one_engine

TONIGHT = TODAY + timedelta(hours=2)


def tonight(*admissions, **values) -> Event:
    """An event whose door counts at the real present, which views go by."""
    return make_event(*admissions, **{"starts": TONIGHT, "timezone": "UTC"} | values)


def join(event: Event, *names: str, **wanted):
    return register(event, *names, now=utcnow(), **wanted)


def press(client, path: str, **values: str):
    """Send a form as a page of the desk does."""
    token = csrf_token(client, "/organize/")
    return client.post(path, data=values | {"csrf_token": token})


def the_pass() -> DoorPass:
    db.session.rollback()
    return db.session.scalars(select(DoorPass)).one()


# --- passes and phones --------------------------------------------------------------


def test_a_pass_is_made_shown_as_a_code_and_revoked(client, ada):
    event = tonight()
    door = f"/organize/events/{event.slug}/door"

    made = press(client, f"{door}/passes", phones="2")
    html = client.get(door).text
    link = passes.pass_token(the_pass(), CODE_KEY)

    assert (made.status_code, made.location) == (303, door)
    assert f"https://rsvp.example.org/door/{link}" in html
    assert "0 of 2 phones" in html
    assert "<svg" in html

    gone = press(client, f"{door}/passes/{the_pass().uuid}/revocation")
    html = client.get(door).text
    assert gone.status_code == 303
    assert the_pass().revoked_at is not None
    assert link not in html
    assert "One pass has ended" in html


def test_phones_are_listed_and_one_is_sent_home(client, ada):
    event = tonight()
    join(event, "Zoë")
    now = utcnow()
    phone, other = (
        make_phone(event, "Main <entrance>", now),
        make_phone(event, "Side", now),
    )
    record_scan(phone, attendees_of(event)[0], now=utcnow())
    door = f"/organize/events/{event.slug}/door"

    html = client.get(door).text
    assert "Main &lt;entrance&gt;" in html
    assert "1 scan," in html

    answer = press(client, f"{door}/phones/{phone.uuid}/revocation")
    assert answer.status_code == 303
    db.session.rollback()
    assert db.session.get_one(Device, phone.id).revoked_at is not None
    assert db.session.get_one(Device, other.id).revoked_at is None
    assert "sent home" in client.get(door).text


@for_each("phones", ["0", "-1", "101", "ten", "", "1e2", "٣٣٣٣", "9" * 50])
def test_a_senseless_number_of_phones_is_told_beside_the_field(client, ada, phones):
    event = tonight()

    answer = press(client, f"/organize/events/{event.slug}/door/passes", phones=phones)

    assert answer.status_code == 422
    assert "Write a number from 1 to 100." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert db.session.query(DoorPass).count() == 0


def test_a_rehearsal_is_offered_before_the_door_counts(client, ada):
    event = make_event(starts=IN_TWO_WEEKS)
    door = f"/organize/events/{event.slug}/door"

    assert "For a rehearsal" in client.get(door).text
    press(client, f"{door}/passes", phones="1", at_once="yes")
    assert the_pass().at_once
    assert "Works now" in client.get(door).text
    assert (
        "For a rehearsal"
        not in client.get(f"/organize/events/{tonight().slug}/door").text
    )


def test_once_the_door_has_closed_no_pass_is_made(client, ada):
    event = make_event(starts=TODAY - timedelta(days=3))
    door = f"/organize/events/{event.slug}/door"

    assert "Make a pass" not in client.get(door).text
    answer = press(client, f"{door}/passes", phones="1")
    assert answer.status_code == 409
    assert "The door is closed" in answer.text


def test_passes_and_phones_of_another_event_are_not_found(client, ada):
    mine, other = tonight(), tonight(team="choir")
    phone = make_phone(other, now=utcnow())
    door = f"/organize/events/{mine.slug}/door"

    for path in (
        f"{door}/passes/{the_pass().uuid}/revocation",
        f"{door}/phones/{phone.uuid}/revocation",
        f"{door}/passes/{UUID(int=1)}/revocation",
        f"/organize/events/{other.slug}/door/phones/{phone.uuid}/revocation",
    ):
        assert press(client, path).status_code == 404, path
    db.session.rollback()
    assert db.session.get_one(Device, phone.id).revoked_at is None


# --- who is in ----------------------------------------------------------------------


def test_numbers_and_names_of_who_is_in(client, ada):
    event = tonight({"capacity": 5}, {"key": "web", "mode": "online", "capacity": None})
    join(event, "Zoë Ωmega", "Ada Guest")
    join(event, "Ben <b>")
    join(event, "Online Olga", admission="web")
    gone = join(event, "Gone Gil")
    cancel(gone, now=utcnow())
    zoe, ada_guest, ben, *_ = attendees_of(event)
    phone = make_phone(event, "Main entrance", utcnow() - timedelta(minutes=5))
    record_scan(phone, zoe, now=utcnow() - timedelta(minutes=3))
    record_scan(phone, ben, now=utcnow() - timedelta(minutes=2))
    record_scan(phone, zoe, "out", now=utcnow() - timedelta(minutes=1))
    path = f"/organize/events/{event.slug}/check-in"

    html = client.get(path).text
    awaited = client.get(f"{path}?awaited=yes").text

    assert re.search(r"<strong>1</strong>\s*<span>in, of 3 expected", html)
    assert html.index("Ben &lt;b&gt;") < html.index("Zoë Ωmega")
    assert "Main entrance" in html
    assert "Ada Guest" not in html
    assert "Ada Guest" in awaited
    for nobody in ("Zoë Ωmega", "Olga", "Gil"):
        assert nobody not in awaited
    attendance = checkin_queries.attendance_of(db.session.get_one(Event, event.id))
    assert attendance == checkin_queries.Attendance(
        inside=1, came=2, expected=3, free=2
    )
    assert ada_guest.id


def test_only_who_has_a_place_is_expected(client, ada):
    event = tonight({"capacity": 4}, promotion="offer")
    write(
        capacity_changes.set_reserved_seats, event.id, 1, actor="user:1", now=utcnow()
    )
    gone = join(event, "Gone Gil")
    join(event, "Zoë", "Ada Guest")
    join(event, "Offered Olga")
    cancel(gone, now=utcnow())
    path = f"/organize/events/{event.slug}/check-in"

    html = client.get(path).text
    awaited = client.get(f"{path}?awaited=yes").text

    assert re.search(r"<strong>0</strong>\s*<span>in, of 2 expected", html)
    assert "Zoë" in awaited
    assert "Offered Olga" not in awaited
    attendance = checkin_queries.attendance_of(db.session.get_one(Event, event.id))
    assert attendance == checkin_queries.Attendance(
        inside=0, came=0, expected=2, free=0
    )


def test_somebody_is_let_in_by_hand_and_taken_back(client, ada):
    event = tonight()
    join(event, "Zoë")
    [zoe] = attendees_of(event)
    path = f"/organize/events/{event.slug}/check-in"
    by_hand = f"/organize/events/{event.slug}/check-ins/{zoe.uuid}"

    assert f'action="{by_hand}"' in client.get(f"{path}?awaited=yes&search=ZOE").text
    assert press(client, by_hand).location == path
    assert "by hand" in client.get(path).text
    assert len(stays_of_event(event)) == 1
    assert db.session.scalars(select(Scan.actor)).one() == f"user:{ada.id}"

    assert press(client, f"{by_hand}/undoing").location == path
    assert stays_of_event(event) == []
    assert "Zoë" in client.get(f"{path}?awaited=yes").text


def test_who_can_not_be_let_in_is_refused_in_words(client, ada):
    event = tonight({"capacity": 1})
    join(event, "Zoë")
    join(event, "Waiting Wim")
    wim = attendees_of(event)[1]

    answer = press(client, f"/organize/events/{event.slug}/check-ins/{wim.uuid}")

    assert answer.status_code == 409
    assert "can’t be let in" in answer.text
    assert stays_of_event(event) == []


def test_searching_finds_whom_it_is_asked_for(client, ada):
    event = tonight()
    join(event, "Zoë Ωmega")
    join(event, "Ben 100%")
    path = f"/organize/events/{event.slug}/check-in?awaited=yes&search="

    assert "Zoë" in client.get(f"{path}zoe").text
    assert not has_word(client.get(f"{path}zoe").text, "Ben")
    assert "Ben" in client.get(f"{path}%25").text
    assert "Zoë" not in client.get(f"{path}%25").text
    assert "Nobody of that name" in client.get(f"{path}_").text
    assert "Nobody of that name" in client.get(path + "x" * 300).text
    assert "Zoë" in client.get(f"{path}zo%00").text


def test_a_name_is_found_with_what_joins_its_letters(client, ada):
    event = tonight()
    join(event, "نرگس می\u200cآید")
    path = f"/organize/events/{event.slug}/check-in?awaited=yes&search="

    assert "نرگس" in client.get(f"{path}می\u200cآ").text


def test_pages_of_people_neither_overlap_nor_leave_out(client, ada, monkeypatch):
    monkeypatch.setattr("rsvp.queries.checkin.PAGE_SIZE", 2)
    event = tonight()
    names = [f"Guest-{letter}" for letter in "ABCDE"]
    for name in names:
        join(event, name)
    path = f"/organize/events/{event.slug}/check-in"

    def all_pages(start: str) -> list[str]:
        seen, here = [], start
        while here:
            html = client.get(here).text
            seen += re.findall(r"<bdi>([^<]+)</bdi>", html)
            more = re.search(r'class="button" href="([^"]+)"', html)
            here = more and more[1].replace("&amp;", "&")
        return seen

    assert all_pages(f"{path}?awaited=yes") == names
    now = utcnow()
    phone = make_phone(event, now=now - timedelta(minutes=1))
    for person in attendees_of(event):
        # All at the same instant.
        record_scan(phone, person, now=now, at=now)
    assert sorted(all_pages(path)) == names
    for senseless in ("before=0", "before=x", f"before={2**64}", "awaited=&after=-1"):
        assert client.get(f"{path}?{senseless}").status_code == 404
    assert client.get(f"{path}?before=999999").status_code == 200


# --- who is turned away -------------------------------------------------------------

MAY = {
    "door": {Role.OWNER, Role.ORGANIZER},
    "check-in": set(Role),
    "let in": {Role.OWNER, Role.ORGANIZER, Role.DOOR_HOST},
    "names": {Role.OWNER, Role.ORGANIZER, Role.DOOR_HOST},
}


@for_each("role", Role, fresh=True)
def test_each_role_gets_as_far_as_it_may(app, client, role):
    event = tonight()
    join(event, "Canary Cora")
    join(event, "Canary Carl")
    cora, carl = attendees_of(event)
    make_user("vera@example.org", role=role)
    sign_in(client, "vera@example.org")
    phone = make_phone(event, now=utcnow() - timedelta(minutes=1))
    record_scan(phone, carl, now=utcnow())
    here = f"/organize/events/{event.slug}"

    assert client.get(f"{here}/door").status_code == (
        200 if role in MAY["door"] else 404
    )
    made = press(client, f"{here}/door/passes", phones="1")
    assert made.status_code == (303 if role in MAY["door"] else 404)
    for tab in ("", "?awaited=yes"):
        answer = client.get(f"{here}/check-in{tab}")
        assert answer.status_code == 200
        assert ("Canary" in answer.text) == (role in MAY["names"])
    let_in = press(client, f"{here}/check-ins/{cora.uuid}")
    assert let_in.status_code == (303 if role in MAY["let in"] else 404)
    assert len(stays_of_event(event)) == (2 if role in MAY["let in"] else 1)


def test_hosts_of_the_door_find_names_and_no_addresses(app, client):
    event = tonight()
    join(event, "Zoë", email="hidden@example.org")
    path = f"/organize/events/{event.slug}/check-in?awaited=yes&search="
    make_user("hugo@example.org", role=Role.DOOR_HOST)
    make_user("olga@example.org", role=Role.ORGANIZER)

    sign_in(client, "hugo@example.org")
    assert "Zoë" in client.get(f"{path}zoe").text
    assert "Zoë" not in client.get(f"{path}hidden").text
    other = app.test_client()
    sign_in(other, "olga@example.org")
    assert "Zoë" in other.get(f"{path}hidden").text


def test_whose_name_was_erased_is_no_guest(client, ada):
    event = tonight()
    join(event, "Zoë", "Ada Guest")
    with writing() as session:
        session.execute(update(Attendee).values(name=None))

    html = client.get(f"/organize/events/{event.slug}/check-in?awaited=yes").text

    assert "Whoever registered" in html
    assert "Guest 1" in html
    assert "Guest 0" not in html


def test_nobody_and_other_teams_get_nowhere(app, client):
    event = tonight()
    join(event, "Canary Cora")
    [cora] = attendees_of(event)
    paths = [f"/organize/events/{event.slug}/{page}" for page in ("door", "check-in")]

    for path in paths:
        answer = client.get(path)
        assert urlsplit(answer.location).path == SIGN_IN_PATH
    make_user("eve@example.org", team="bakers")
    sign_in(client, "eve@example.org")
    for path in paths:
        assert client.get(path).status_code == 404
    assert press(client, f"{paths[0]}/passes", phones="1").status_code == 404
    by_hand = f"/organize/events/{event.slug}/check-ins/{cora.uuid}"
    assert press(client, by_hand).status_code == 404
    assert stays_of_event(event) == []


def test_a_form_without_its_token_changes_nothing(client, ada):
    event = tonight()

    answer = client.post(
        f"/organize/events/{event.slug}/door/passes", data={"phones": "1"}
    )

    assert answer.status_code == 400
    assert db.session.query(DoorPass).count() == 0


def test_what_is_done_at_the_desk_is_in_the_audit_log(client, ada):
    event = tonight()
    door = f"/organize/events/{event.slug}/door"
    press(client, f"{door}/passes", phones="1")
    pass_id = the_pass().id
    with writing():
        passes.enrol_device(pass_id, "Door", tokens.new_device_secret(), now=utcnow())
    press(client, f"{door}/passes/{the_pass().uuid}/revocation")

    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    told = [(entry.verb, entry.actor) for entry in entries]
    assert told == [
        ("make_door_pass", f"user:{ada.id}"),
        ("enrol_phone", "door:1"),
        ("revoke_door_pass", f"user:{ada.id}"),
    ]
    assert all("Door" not in str(entry.details) for entry in entries)
