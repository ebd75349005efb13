"""Teams: who may do what, the accounts behind it, and what each person gets to see."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum, auto
from uuid import UUID, uuid4

from sqlalchemy import Select, func, select, update

from rsvp.db import current_session
from rsvp.errors import AddressTaken
from rsvp.models import Event, Membership, Message, Team, User
from rsvp.models.team import Role
from rsvp.text import mail_addresses

DEFAULT_TEAM = "default"


class Action(StrEnum):
    """What somebody may want to do in a team, to one of its events or to none."""

    MANAGE_TEAM = auto()
    EDIT_EVENT = auto()
    MANAGE_REGISTRATIONS = auto()
    READ_MESSAGES = auto()
    EXPORT = auto()
    MANAGE_DOOR = auto()
    SEE_NAMES = auto()
    CHECK_IN = auto()
    SEE_NUMBERS = auto()


DOOR_HOST = frozenset({Action.SEE_NAMES, Action.CHECK_IN, Action.SEE_NUMBERS})
ORGANIZER = DOOR_HOST | {
    Action.EDIT_EVENT,
    Action.MANAGE_REGISTRATIONS,
    Action.READ_MESSAGES,
    Action.EXPORT,
    Action.MANAGE_DOOR,
}
MAY: dict[str, frozenset[Action]] = {
    Role.OWNER: frozenset(Action),
    Role.ORGANIZER: ORGANIZER,
    Role.DOOR_HOST: DOOR_HOST,
    Role.VIEWER: frozenset({Action.SEE_NUMBERS}),
}


def may(member: Membership | None, action: Action, event: Event | None) -> bool:
    """Whether this member may do this, to this event; the one place that decides it.

    `event` is None for what concerns the team as a whole. Nobody may do anything to an
    event of another team.
    """
    if member is None or (event is not None and event.team_id != member.team_id):
        return False
    return action in MAY.get(member.role, frozenset())


def roles_that_may(action: Action) -> list[str]:
    return [role for role, actions in MAY.items() if action in actions]


# --- what each person gets to see ---------------------------------------------------


def events_of(user: User, action: Action = Action.SEE_NUMBERS) -> Select[Event]:
    """The events this person may do `action` to, in no order; drafts among them."""
    return select(Event).where(Event.team_id.in_(teams_where_may(user, action)))


def messages_of(user: User) -> Select[Message]:
    """The messages this person may read, in no order."""
    teams = teams_where_may(user, Action.READ_MESSAGES)
    # What goes to an account is for nobody else, even where it is about an event.
    to_attendees = Message.registration_id.is_not(None)
    return select(Message).join(Event).where(Event.team_id.in_(teams), to_attendees)


def find_message(user: User, uuid: UUID) -> Message | None:
    """The message, where this person may read it."""
    return current_session().scalar(messages_of(user).where(Message.uuid == uuid))


def may_anywhere(user: User, action: Action) -> bool:
    """Whether some team of this person lets them do `action`: what menus go by."""
    found = current_session().scalar(teams_where_may(user, action).limit(1))
    return found is not None


def membership_for(user: User, team: Team) -> Membership | None:
    return current_session().scalar(
        select(Membership).where(
            Membership.user_id == user.id, Membership.team_id == team.id
        )
    )


def people_who_may(action: Action, team_id: int) -> list[User]:
    """The accounts of a team that may do `action`."""
    return list(
        current_session().scalars(
            select(User)
            .join(Membership, Membership.user_id == User.id)
            .where(
                Membership.team_id == team_id,
                Membership.role.in_(roles_that_may(action)),
                User.active,
            )
            .order_by(User.id)
        )
    )


def teams_where_may(user: User, action: Action) -> Select[int]:
    return select(Membership.team_id).where(
        Membership.user_id == user.id, Membership.role.in_(roles_that_may(action))
    )


# --- accounts -----------------------------------------------------------------------


def create_user(
    email: str,
    password_hash: str | None,
    team_slug: str = DEFAULT_TEAM,
    role: str = Role.OWNER,
    *,
    now: datetime,
) -> User:
    """An account with a role in a team, which is made if it does not exist yet.

    Without a `password_hash` nobody can sign in to it until one is set. Raises
    AddressTaken if the address, in whatever case, has an account already.
    """
    if find_user(email):
        raise AddressTaken(email=email)
    team = current_session().scalar(select(Team).where(Team.slug == team_slug))
    if team is None:
        team = Team(slug=team_slug, name=team_slug, created_at=now)
    user = User(
        email=account_key(email),
        password=password_hash,
        active=True,
        fs_uniquifier=uuid4().hex,
        created_at=now,
    )
    current_session().add_all(
        [user, Membership(team=team, user=user, role=Role(role), created_at=now)]
    )
    current_session().flush()
    return user


def create_first_owner(email: str, password_hash: str, *, now: datetime) -> User | None:
    """The first account of the site; None, and nothing is made, if there is one.

    Goes in turn, by the default team's lock: two people can't both be the first.
    """
    lock = select(Team).where(Team.slug == DEFAULT_TEAM)
    current_session().scalar(lock.with_for_update(key_share=True))
    if has_users():
        return None
    return create_user(email, password_hash, now=now)


def set_password(user: User, password_hash: str) -> None:
    """Give the account another password and sign it out everywhere."""
    user.password = password_hash
    user.fs_uniquifier = uuid4().hex


def replace_hash(user_id: int, old: str, new: str) -> None:
    """Keep the same password under a stronger hash, unless it has changed meanwhile."""
    current_session().execute(
        update(User)
        .where(User.id == user_id, User.password == old)
        .values(password=new)
    )


def find_user(email: str) -> User | None:
    return current_session().scalar(
        select(User).where(User.email == account_key(email))
    )


def find_signing_in(email: str) -> User | None:
    """Whose account it is that somebody signs in to with this address.

    Older versions kept addresses case-folded, so that straße@ may have an account as
    strasse@. Only here, where a password decides: mail goes to the kept address.
    """
    folded = select(User).where(User.email == account_key(email).casefold())
    return find_user(email) or current_session().scalar(folded)


def has_users() -> bool:
    return bool(current_session().scalar(select(func.count()).select_from(User)))


def account_key(email: str) -> str:
    """How an account's address is kept and looked up: as it is read everywhere, in
    lower case. What is no address is nobody's."""
    try:
        text = mail_addresses.read(email).text
    except mail_addresses.NoMailAddress:
        text = email.strip()
    return mail_addresses.lower(text)
