"""Teams: who owns events, and the people who run them, each with a role."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from flask_security.core import UserMixin
from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rsvp.db import Base, BigId, UtcDateTime, utcnow
from rsvp.models.types import Key, Line, Word, enum_check

DEFAULT_TEAM = "default"


class Role(StrEnum):
    OWNER = "owner"
    ORGANIZER = "organizer"
    DOOR_HOST = "door_host"
    VIEWER = "viewer"


class Team(Base):
    """Owns events. There is always one with the slug `default`."""

    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    slug: Mapped[str] = mapped_column(Key, unique=True)
    name: Mapped[str] = mapped_column(Line)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    members: Mapped[list[Membership]] = relationship(back_populates="team")


class User(Base, UserMixin):
    """An account of somebody who runs events. Attendees have none."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    # What sign-in cookies name; a new one signs the account out everywhere.
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    memberships: Mapped[list[Membership]] = relationship(back_populates="user")

    @property
    def roles(self) -> list[Any]:  # type: ignore[override]
        """The accounts library's site-wide roles: none, since roles are per team."""
        return []


class Membership(Base):
    """What a person may do in a team; `domain.teams.may` reads it."""

    __tablename__ = "memberships"
    __table_args__ = (
        UniqueConstraint("team_id", "user_id"),
        enum_check("role", Role),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str] = mapped_column(Word)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)

    team: Mapped[Team] = relationship(back_populates="members")
    user: Mapped[User] = relationship(back_populates="memberships")


DEFAULT_TEAM = "default"
