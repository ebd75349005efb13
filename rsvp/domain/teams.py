"""Teams: which roles may do what, and what each user may see."""

from __future__ import annotations

from enum import StrEnum, auto
from uuid import UUID

from sqlalchemy import Select, select

from rsvp.db import current_session
from rsvp.models import Event, Membership, Message, Team, User
from rsvp.models.team import Role


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


DOOR_HOST_ACTIONS = frozenset({Action.SEE_NAMES, Action.CHECK_IN, Action.SEE_NUMBERS})
ORGANIZER_ACTIONS = DOOR_HOST_ACTIONS | {
    Action.EDIT_EVENT,
    Action.MANAGE_REGISTRATIONS,
    Action.READ_MESSAGES,
    Action.EXPORT,
    Action.MANAGE_DOOR,
}
ACTIONS_BY_ROLE: dict[str, frozenset[Action]] = {
    Role.OWNER: frozenset(Action),
    Role.ORGANIZER: ORGANIZER_ACTIONS,
    Role.DOOR_HOST: DOOR_HOST_ACTIONS,
    Role.VIEWER: frozenset({Action.SEE_NUMBERS}),
}


def may(member: Membership | None, action: Action, event: Event | None) -> bool:
    """Whether this member may do this, to this event; the one place that decides it.

    `event` is None for what concerns the team as a whole. Nobody may do anything to an
    event of another team.
    """
    if member is None or (event is not None and event.team_id != member.team_id):
        return False
    return action in ACTIONS_BY_ROLE.get(member.role, frozenset())


def roles_that_may(action: Action) -> list[str]:
    return [role for role, actions in ACTIONS_BY_ROLE.items() if action in actions]


# --- what each person gets to see ---------------------------------------------------


def events_where_may(user: User, action: Action = Action.SEE_NUMBERS) -> Select[Event]:
    """Select the events this person may do `action` to, in no order; drafts too."""
    return select(Event).where(Event.team_id.in_(teams_where_may(user, action)))


def readable_messages(user: User) -> Select[Message]:
    """Select the messages this person may read, in no order."""
    teams = teams_where_may(user, Action.READ_MESSAGES)
    # What goes to an account is for nobody else, even where it is about an event.
    to_attendees = Message.registration_id.is_not(None)
    return select(Message).join(Event).where(Event.team_id.in_(teams), to_attendees)


def find_message(user: User, uuid: UUID) -> Message | None:
    """Return the message, where this person may read it."""
    return current_session().scalar(readable_messages(user).where(Message.uuid == uuid))


def may_anywhere(user: User, action: Action) -> bool:
    """Whether some team of this person lets them do `action`: what menus go by."""
    team_id = current_session().scalar(teams_where_may(user, action).limit(1))
    return team_id is not None


def membership_for(user: User, team: Team) -> Membership | None:
    return current_session().scalar(
        select(Membership).where(
            Membership.user_id == user.id, Membership.team_id == team.id
        )
    )


def users_who_may(action: Action, team_id: int) -> list[User]:
    """Return the accounts of a team that may do `action`."""
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
