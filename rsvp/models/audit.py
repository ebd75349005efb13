"""The audit log: who did what, when, and from which state to which."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from rsvp.db import Base, BigId, Json, UtcDateTime
from rsvp.models.types import Word


class Verb(StrEnum):
    """What is done to one registration; its audit log has words for each."""

    REGISTER = "register"
    CONFIRM_ADDRESS = "confirm_address"
    PROMOTE = "promote"
    OFFER = "offer"
    ACCEPT = "accept"
    DECLINE_OFFER = "decline_offer"
    KEEP_PLACE = "keep_place"
    LAPSE = "lapse"
    SAY_YES = "say_yes"
    FLAG = "flag"
    APPROVE = "approve"
    DECLINE = "decline"
    REINSTATE = "reinstate"
    CONFIRM = "confirm"
    CONFIRM_ABOVE = "confirm_above"
    RELEASE = "release"
    LET_BACK = "let_back"
    SEAT_PRESENT = "seat_present"
    CANCEL = "cancel"
    CANCEL_GUEST = "cancel_guest"
    CHANGE_DETAILS = "change_details"
    ADD_GUEST = "add_guest"
    MOVE = "move"
    CORRECT_ADDRESS = "correct_address"
    MUTE = "mute"
    UNMUTE = "unmute"
    PASS_ON = "pass_on"  # noqa: S105 - no password
    ERASE_ONE = "erase_one"
    MOVE_IN_LINE = "move_in_line"
    SEND_AGAIN = "send_again"
    TRY_AGAIN = "try_again"
    PROVE_ADDRESS = "prove_address"
    NOT_MAILED = "not_mailed"
    REPLACE_CODES = "replace_codes"


class EventVerb(StrEnum):
    """What is done to an event, its door or the whole site."""

    IMPORT = "import"
    UPDATE = "update"
    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL_EVENT = "cancel_event"
    SET_CAPACITY = "set_capacity"
    SET_ROOM = "set_room"
    RESERVE = "reserve"
    CHANGE_WORDING = "change_wording"
    MAKE_INVITATIONS = "make_invitations"
    REVOKE_INVITATION = "revoke_invitation"
    SEND_MAILING = "send_mailing"
    STOP_MAILING = "stop_mailing"
    MAKE_DOOR_PASS = "make_door_pass"  # noqa: S105 - no password
    RENEW_DOOR_PASS = "renew_door_pass"  # noqa: S105 - no password
    REVOKE_DOOR_PASS = "revoke_door_pass"  # noqa: S105 - no password
    ENROL_PHONE = "enrol_phone"
    RETIRE_PHONE = "retire_phone"
    ERASE = "erase"
    RESTORE = "restore"
    REDERIVE = "rederive"
    EXPORT = "export"


class AuditEntry(Base):
    """Who did what, when, and from which state to which; never changed afterwards.

    `verb` is a `Verb` or `EventVerb`, or what another release wrote. `actor` is
    `attendee`, `worker`, `command`, `user:<id>` or `door:<device id>`. `details` name
    nobody. `lock_number` is the event's own at that moment, where its lock was held:
    what happened under it happened in that order.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_registration", "registration_id", "id"),
        Index("ix_audit_entries_event", "event_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(64))
    event_id: Mapped[int | None] = mapped_column(ForeignKey("events.id"))
    registration_id: Mapped[int | None] = mapped_column(ForeignKey("registrations.id"))
    verb: Mapped[str] = mapped_column(Word)
    from_state: Mapped[str | None] = mapped_column(Word)
    to_state: Mapped[str | None] = mapped_column(Word)
    details: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    lock_number: Mapped[int | None]
