"""Organizers: their events at a glance, and the messages their events have caused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import dates
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from flask_security.utils import current_user

from rsvp import i18n, queries
from rsvp.db import utcnow
from rsvp.domain import teams
from rsvp.domain.teams import Action
from rsvp.formats import mails
from rsvp.models import Event, Message, User
from rsvp.models.event import Phase, Status
from rsvp.models.ledger import MessageKind, MessageState
from rsvp.web import CONTENT, guards

bp = Blueprint("organizer", __name__, url_prefix="/organize")

OWN_FRAMES = "frame-src 'self'"
# What a mail may do when it is looked at here: show its text, styles and pictures.
PREVIEW_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox"
)
LARGEST_ID = 2**63 - 1


@bp.after_request
def keep_private(response: Response) -> Response:
    """These pages name people: they stay out of caches, indexes and referrers."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    # Not `no-referrer`: over https, forms are also checked by where they came from.
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def me() -> User:
    return current_user._get_current_object()


def page(template: str, **context: Any) -> str:
    return render_template(
        f"organizer/{template}",
        me=me(),
        reads_messages=teams.may_anywhere(me(), Action.READ_MESSAGES),
        **context,
    )


@dataclass(frozen=True)
class Shown:
    """A state as pages show it: a word, a sign, and the key its colour goes by."""

    key: str
    sign: str
    word: Any


# --- events -------------------------------------------------------------------------

PHASES = {
    Phase.DRAFT: Shown("draft", "○", _("Draft")),
    Phase.CANCELLED: Shown("cancelled", "✕", _("Cancelled")),
    Phase.OVER: Shown("over", "–", _("Over")),
    Phase.NOT_OPEN: Shown("not_open", "◷", _("Opens later")),
    Phase.PAUSED: Shown("paused", "‖", _("Paused")),
    Phase.CLOSED: Shown("closed", "–", _("Registration closed")),
    Phase.OPEN: Shown("open", "●", _("Open")),
}


@dataclass(frozen=True)
class Filled:
    """How full an admission or the room is; `share` (per cent) None without a limit."""

    name: Any
    taken: int
    capacity: int | None
    waiting: int

    @property
    def share(self) -> int | None:
        if self.capacity is None:
            return None
        return min(100, 100 * self.taken // self.capacity) if self.capacity else 100

    @property
    def over(self) -> int:
        return 0 if self.capacity is None else max(0, self.taken - self.capacity)

    @property
    def tone(self) -> str:
        if self.capacity is None or self.taken < self.capacity:
            return "free"
        return "over" if self.over else "full"


@dataclass(frozen=True)
class EventRow:
    event: Event
    state: Shown
    hours: str
    seats: list[Filled]
    # The public page, for whoever may be sent there.
    link: str | None
    link_text: str | None


@bp.get("/")
@guards.signed_in
def events() -> ResponseReturnValue:
    past, after = "past" in request.args, request.args.get("after", "")
    if not after.isprintable():
        abort(404)
    now = utcnow()
    found = queries.overview(me(), now, past=past, after=after or None)
    return page(
        "events.html",
        rows=[event_row(event, now) for event in found.rows],
        past=past,
        several_teams=len({event.team_id for event in found.rows}) > 1,
        more=None
        if found.is_last
        else url_for(
            ".events", past="yes" if past else None, after=found.rows[-1].slug
        ),
    )


def event_row(event: Event, now: datetime) -> EventRow:
    path = url_for("public.event", slug=event.slug)
    link = None if event.status == Status.DRAFT else f"{public_url()}{path}"
    begins, ends = event.starts_at, event.ends_at
    return EventRow(
        event=event,
        state=PHASES[event.phase(now)],
        hours=f"{i18n.clock(begins, event.zone)}–{i18n.clock(ends, event.zone)}"
        f" {zone_letters(begins, event.zone)}",
        seats=filled(event),
        link=link,
        link_text=link and link.partition("://")[2],
    )


def public_url() -> str:
    url: str = current_app.config["PUBLIC_URL"]
    return url


def filled(event: Event) -> list[Filled]:
    seats = [
        Filled(a.name, a.seats_taken, a.capacity, a.waiting) for a in event.admissions
    ]
    if event.room_capacity is not None:
        room = _("The room, all together")
        seats.append(Filled(room, event.room_taken, event.room_capacity, 0))
    return seats


# --- messages -----------------------------------------------------------------------

KINDS = {
    MessageKind.CONFIRMATION: _("Confirmation"),
    MessageKind.WAITLISTED: _("On the waitlist"),
    MessageKind.PROMOTED: _("A place came free"),
    MessageKind.CHANGED: _("Something changed"),
    MessageKind.CANCELLED: _("Cancelled"),
    MessageKind.TICKET_AGAIN: _("The ticket again"),
    MessageKind.EVENT_CANCELLED: _("The event is cancelled"),
}
STATES = {
    MessageState.QUEUED: Shown("queued", "◔", _("Waiting")),
    MessageState.SENT: Shown("sent", "●", _("Sent")),
    MessageState.FAILED: Shown("failed", "✕", _("Not delivered")),
    MessageState.SUPERSEDED: Shown("superseded", "–", _("Replaced by a newer one")),
}
RETRYING = Shown("retrying", "↻", _("Trying again"))


@dataclass(frozen=True)
class Moment:
    iso: str
    text: str


@dataclass(frozen=True)
class MessageRow:
    message: Message
    kind: Any
    state: Shown
    written: Moment
    sent: Moment | None
    next_try: Moment | None
    reason: str | None


@dataclass(frozen=True)
class Tab:
    word: Any
    count: int
    url: str
    is_here: bool


@bp.get("/messages")
@guards.signed_in
def messages() -> ResponseReturnValue:
    if not teams.may_anywhere(me(), Action.READ_MESSAGES):
        abort(404)
    state = wanted_state()
    found = queries.outbox(me(), state=state, before=wanted_start())
    return page(
        "messages.html",
        rows=[message_row(message) for message in found.rows],
        tabs=message_tabs(state),
        mail_is_set=bool(current_app.config["MAIL_SERVER"]),
        more=None
        if found.is_last
        else url_for(".messages", state=state, before=found.rows[-1].id),
    )


def wanted_state() -> MessageState | None:
    try:
        return MessageState(request.args["state"]) if "state" in request.args else None
    except ValueError:
        abort(404)


def wanted_start() -> int | None:
    if "before" not in request.args:
        return None
    before = request.args.get("before", type=int)
    if before is None or not 0 < before <= LARGEST_ID:
        abort(404)
    return before


def message_tabs(here: MessageState | None) -> list[Tab]:
    counts = queries.outbox_counts(me())
    total = sum(counts.values())
    tabs = [Tab(_("All"), total, url_for(".messages"), here is None)]
    return tabs + [
        Tab(
            STATES[state].word,
            counts[state],
            url_for(".messages", state=state),
            here == state,
        )
        for state in MessageState
        if counts[state] or here == state
    ]


@bp.get("/messages/<uuid:uuid>")
@guards.signed_in
def message(uuid: UUID) -> ResponseReturnValue:
    found = readable_message(uuid)
    html = page("message.html", row=message_row(found), mail=masked_mail(found))
    response = current_app.make_response(html)
    response.headers["Content-Security-Policy"] = f"{CONTENT}; {OWN_FRAMES}"
    return response


@bp.get("/messages/<uuid:uuid>/preview")
@guards.signed_in
def message_preview(uuid: UUID) -> ResponseReturnValue:
    """The mail's HTML by itself, for the frame on its page."""
    html = masked_mail(readable_message(uuid)).html
    # Links would open in a new window, which the sandbox doesn't allow: they rest.
    response = Response(html.replace("<head>", '<head><base target="_blank">', 1))
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    return response


def readable_message(uuid: UUID) -> Message:
    found = teams.find_message(me(), uuid)
    if found is None:
        abort(404)
    return found


def masked_mail(message: Message) -> mails.Mail:
    """The mail as its reader gets it, but for the links and codes that are secret."""
    return mails.compose(
        message,
        code_key=current_app.config["CODE_KEY"],
        public_url=public_url(),
        masked=True,
    )


def message_row(message: Message) -> MessageRow:
    zone = message.event.zone
    state = STATES[MessageState(message.state)]
    waits = message.state == MessageState.QUEUED
    if waits and message.attempts:
        state = RETRYING
    return MessageRow(
        message=message,
        kind=KINDS[MessageKind(message.kind)],
        state=state,
        written=moment(message.created_at, zone),
        sent=moment(message.sent_at, zone) if message.sent_at else None,
        next_try=moment(message.due_at, zone) if state is RETRYING else None,
        # Of one that went out in the end, an early failure is of no interest.
        reason=message.last_error if waits or state.key == "failed" else None,
    )


def moment(at: datetime, zone: ZoneInfo) -> Moment:
    """A time in short, by the clocks of the event: `15 Jan 2027, 13:00 CET`."""
    day = dates.format_date(
        at.astimezone(zone), "d MMM y", locale=i18n.current_language()
    )
    return Moment(
        at.isoformat(timespec="seconds"),
        f"{day}, {i18n.clock(at, zone)} {zone_letters(at, zone)}",
    )


def zone_letters(at: datetime, zone: ZoneInfo) -> str:
    """The zone as clocks there call it (`CET`), or its distance from UTC."""
    letters = at.astimezone(zone).strftime("%Z")
    return letters if letters.isalpha() else f"UTC{letters}"
