"""Users: the accounts of those who run events."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from sqlalchemy import func, select, update

from rsvp.db import current_session, lock_rows
from rsvp.errors import AccountExists
from rsvp.models import Membership, Team, User
from rsvp.models.team import DEFAULT_TEAM, Role
from rsvp.text import mail_addresses


def create_user(
    email: str,
    password_hash: str | None,
    team_slug: str = DEFAULT_TEAM,
    role: str = Role.OWNER,
    *,
    now: datetime,
) -> User:
    """Create an account with a role in a team, which is made if it does not exist yet.

    Without a `password_hash` nobody can sign in to it until one is set. Raises
    AccountExists if the address, in whatever case, has an account already.
    """
    if find_user(email):
        raise AccountExists(email=email)
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
    """Create the first account of the site; None, and nothing is made, if there is one.

    Goes in turn, by the default team's lock: two people can't both be the first.
    """
    query = select(Team).where(Team.slug == DEFAULT_TEAM)
    current_session().scalar(lock_rows(query))
    if has_users():
        return None
    return create_user(email, password_hash, now=now)


def set_password(user: User, password_hash: str) -> None:
    """Give the account another password and sign it out everywhere."""
    user.password = password_hash
    user.fs_uniquifier = uuid4().hex


def replace_password_hash(user_id: int, old_hash: str, new_hash: str) -> None:
    """Keep the same password under a stronger hash, unless it has changed meanwhile."""
    current_session().execute(
        update(User)
        .where(User.id == user_id, User.password == old_hash)
        .values(password=new_hash)
    )


def find_user(email: str) -> User | None:
    return current_session().scalar(
        select(User).where(User.email == account_key(email))
    )


def find_user_to_sign_in(email: str) -> User | None:
    """Return the account that somebody signs in to with this address.

    Older versions kept addresses case-folded, so that straße@ may have an account as
    strasse@. Only here, where a password decides: mail goes to the kept address.
    """
    query = select(User).where(User.email == account_key(email).casefold())
    return find_user(email) or current_session().scalar(query)


def has_users() -> bool:
    return bool(current_session().scalar(select(func.count()).select_from(User)))


def account_key(email: str) -> str:
    """Return the address as accounts keep it and are looked up by: as it is read
    everywhere, in lower case. What is no address is nobody's."""
    try:
        text = mail_addresses.parse_mail_address(email).text
    except mail_addresses.InvalidMailAddress:
        text = email.strip()
    return mail_addresses.to_lower_case(text)
