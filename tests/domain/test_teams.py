"""Teams: who may do what, and what each person gets to see."""

from __future__ import annotations

import pytest

from rsvp.db import writing
from rsvp.domain import teams
from rsvp.domain.accounts import users
from rsvp.domain.teams import Action, may
from rsvp.errors import AccountExists
from rsvp.extensions import db
from rsvp.models import Event, Membership, Team, User
from rsvp.models.team import Role
from tests.support.factories import NOON, make_event, make_user
from tests.support.for_each import for_each

pytestmark = pytest.mark.one_engine

TABLE = """
                      owner organizer door_host viewer
manage_team           yes   -         -         -
edit_event            yes   yes       -         -
manage_registrations  yes   yes       -         -
read_messages         yes   yes       -         -
export                yes   yes       -         -
manage_door           yes   yes       -         -
see_names             yes   yes       yes       -
check_in              yes   yes       yes       -
see_numbers           yes   yes       yes       yes
"""
ROLES, *ROWS = [line.split() for line in TABLE.strip().splitlines()]
CASES = [
    (role, action, answer == "yes")
    for action, *answers in ROWS
    for role, answer in zip(ROLES, answers, strict=True)
]


@for_each(("role", "action", "allowed"), CASES)
def test_each_role_may_do_its_part(role, action, allowed):
    member = Membership(team_id=1, role=role)

    assert may(member, Action(action), Event(team_id=1)) is allowed
    assert may(member, Action(action), None) is allowed


def test_the_table_names_every_role_and_every_action():
    assert list(Role) == ROLES
    assert [action for action, *_ in ROWS] == list(Action)


@for_each("action", Action)
def test_nobody_may_do_anything_to_another_teams_event(action):
    assert not may(Membership(team_id=1, role=Role.OWNER), action, Event(team_id=2))


@for_each("action", Action)
def test_without_a_membership_nothing_is_allowed(action):
    assert not may(None, action, None)
    assert not may(None, action, Event(team_id=1))


def test_an_unknown_role_may_do_nothing():
    assert not may(Membership(team_id=1, role="janitor"), Action.SEE_NUMBERS, None)


@for_each("role", Role, fresh=True)
@for_each("action", Action, fresh=True)
def test_what_is_listed_is_what_may_allows(app, role, action):
    ours, theirs = make_event(), make_event(team="choir")
    user = make_user("ada@example.org", role=role)
    member = teams.membership_for(user, ours.team)

    listed = set(db.session.scalars(teams.events_where_may(user, action)))

    assert listed == {e for e in (ours, theirs) if may(member, action, e)}
    assert teams.may_anywhere(user, action) is may(member, action, None)


def test_an_account_belongs_to_the_default_team_unless_told(app):
    user = make_user("ada@example.org")

    [member] = user.memberships
    assert (member.team.slug, member.role) == ("default", Role.OWNER)
    assert user.active
    assert user.created_at == NOON


def test_a_team_is_made_where_it_does_not_exist(app):
    first = make_user("ada@example.org", team="choir")
    second = make_user("ben@example.org", team="choir", role=Role.VIEWER)

    assert first.memberships[0].team_id == second.memberships[0].team_id
    assert db.session.query(Team).where(Team.slug == "choir").count() == 1


@for_each(
    "again", ["ada@example.org", "ADA@Example.org", " ada@example.org "], fresh=True
)
def test_an_address_has_one_account(app, again):
    make_user("Ada@example.org")

    with pytest.raises(AccountExists) as refusal:
        make_user(again)

    assert refusal.value.code == "address_taken"
    assert db.session.query(User).count() == 1


@for_each(
    "typed", ["ada@example.org", "ADA@EXAMPLE.ORG", "Ada@Example.org "], fresh=True
)
def test_an_account_is_found_in_any_case(app, typed):
    assert users.find_user(typed) is None
    user = make_user("Ada@Example.org")

    assert users.find_user(typed) == user


def test_another_password_signs_out_everywhere(app):
    user = make_user("ada@example.org")
    before = user.fs_uniquifier

    with writing():
        users.set_password(user, "another hash")

    db.session.expire_all()
    assert user.password == "another hash"
    assert user.fs_uniquifier != before


def test_a_stronger_hash_does_not_undo_another_password(app):
    user = make_user("ada@example.org")
    with writing():
        users.replace_password_hash(user.id, user.password, "stronger")
    assert db.session.get_one(User, user.id).password == "stronger"

    with writing():
        users.replace_password_hash(user.id, "the hash before", "the old password")

    assert db.session.get_one(User, user.id).password == "stronger"


def test_an_account_that_was_kept_case_folded_is_found_when_signing_in_alone(app):
    make_user("strasse@example.org")

    assert (
        users.find_user_to_sign_in("Straße@example.org").email == "strasse@example.org"
    )
    assert users.find_user("straße@example.org") is None
    with writing():
        users.create_user("straße@example.org", None, now=NOON)
    assert (
        users.find_user_to_sign_in("Straße@example.org").email == "straße@example.org"
    )
    assert users.find_user_to_sign_in("bo@example.org") is None
