"""Invitations: the codes that open an event's registration, made, listed, revoked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _

from rsvp.db import utcnow, write, writing
from rsvp.domain import audit, invitations
from rsvp.domain.invitations import LONGEST_LABEL, MOST_AT_ONCE, MOST_USES
from rsvp.domain.teams import Action
from rsvp.formats.exports import invitations as invitation_exports
from rsvp.models import Event, Invitation
from rsvp.models.event import Phase
from rsvp.queries import invitations as invitation_queries
from rsvp.queries.invitations import Issued
from rsvp.web import guards
from rsvp.web.forms import organizer
from rsvp.web.organizer import layout
from rsvp.web.organizer.layout import Moment, Shown

bp = Blueprint("invitations", __name__, url_prefix="/organize/events/<slug>")
bp.after_request(layout.keep_private)

CSV = "text/csv; charset=utf-8"
LONGEST_NUMBER = 20
"""Of what was typed instead of a number or a time, so much comes back."""

STATES = {
    "works": Shown("open", "●", _("Works")),
    "used_up": Shown("over", "–", _("Used up")),
    "ended": Shown("over", "–", _("Over")),
    "revoked": Shown("cancelled", "✕", _("Revoked")),
}


@dataclass(frozen=True)
class Row:
    """One invitation in the list. Its code is a secret of those who manage
    registrations: whoever has it can register."""

    invitation: Invitation
    state: Shown
    code: str
    link: str
    used: str
    until: Moment | None


# --- looking ------------------------------------------------------------------------


@bp.get("/invitations")
@guards.signed_in
def show(slug: str) -> ResponseReturnValue:
    return page(my_event(slug))


def my_event(slug: str) -> Event:
    """The event, where the person signed in manages its registrations and it has
    invitations, or 404."""
    event = layout.my_event(slug, Action.MANAGE_REGISTRATIONS)
    return event if event.needs_invitation else abort(404)


def page(event: Event, wanted: Wanted | None = None) -> str:
    """The page; `wanted` is a form that comes back with mistakes."""
    now = utcnow()
    found = invitation_queries.some_invitations(
        event.id, before=layout.page_start("before")
    )
    return layout.event_page(
        "registrations/invitations.html",
        event,
        "invitations",
        rows=[row_of(event, each, now) for each in found.rows],
        is_first="before" not in request.args,
        more=None
        if found.is_last
        else url_for(".show", slug=event.slug, before=found.rows[-1].invitation.id),
        may_export=layout.may(Action.EXPORT, event),
        may_make=event.phase(now) not in (Phase.CANCELLED, Phase.OVER),
        form=wanted or Wanted(),
        most=MOST_AT_ONCE,
        most_uses=MOST_USES,
        longest_label=LONGEST_LABEL,
        zone=layout.zone_letters(event.starts_at, event.zone),
        done=done_words(),
    )


def row_of(event: Event, issued: Issued, now: datetime) -> Row:
    one = issued.invitation
    until = layout.moment(one.expires_at, event.zone) if one.expires_at else None
    return Row(
        invitation=one,
        state=STATES[state_of(issued, now)],
        code=code_of(one),
        link=link_of(event, one),
        used=used_words(issued),
        until=until,
    )


def state_of(issued: Issued, now: datetime) -> str:
    one = issued.invitation
    if one.revoked_at is not None:
        return "revoked"
    if not one.works_at(now):
        return "ended"
    is_used_up = one.uses_max is not None and issued.used >= one.uses_max
    return "used_up" if is_used_up else "works"


def code_of(invitation: Invitation) -> str:
    return invitations.code_of(invitation, current_app.config["CODE_KEY"])


def link_of(event: Event, invitation: Invitation) -> str:
    page = url_for("public.event", slug=event.slug, invitation=code_of(invitation))
    return f"{layout.public_url()}{page}"


def used_words(issued: Issued) -> str:
    most = issued.invitation.uses_max
    if most is None:
        return ngettext(
            "used %(num)d time, without limit",
            "used %(num)d times, without limit",
            issued.used,
        )
    return ngettext(
        "used %(used)d of %(num)d time",
        "used %(used)d of %(num)d times",
        most,
        used=issued.used,
    )


def done_words() -> str | None:
    if request.args.get("done") == "revoked":
        return gettext("The code is revoked: it lets nobody in any more.")
    made = min(MOST_AT_ONCE, max(0, request.args.get("made", 0, type=int)))
    if not made:
        return None
    return ngettext(
        "%(num)d code is made. It stands on top of the list.",
        "%(num)d codes are made. They stand on top of the list.",
        made,
    )


# --- making -------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """What was typed into the form, and what is wrong with it, by field."""

    count: str = "1"
    uses: str = "1"
    until: str = ""
    label: str = ""
    mistakes: dict[str, str] | None = None

    def mistake(self, field: str) -> str | None:
        return (self.mistakes or {}).get(field)


@bp.post("/invitations")
@guards.signed_in
def make(slug: str) -> ResponseReturnValue:
    event = my_event(slug)
    now = utcnow()
    mistakes: dict[str, str] = {}
    count = organizer.whole_number("count", 1, MOST_AT_ONCE)
    if count is None:
        mistakes["count"] = number_words(MOST_AT_ONCE)
    uses = organizer.whole_number("uses", 1, MOST_USES)
    if uses is None and organizer.line("uses"):
        mistakes["uses"] = number_words(MOST_USES)
    expires_at = None
    try:
        expires_at = organizer.time_to_come("until", event.zone, now)
    except ValueError as error:
        mistakes["until"] = str(error)
    label = organizer.line("label")
    if len(label) > LONGEST_LABEL:
        mistakes["label"] = organizer.too_long(LONGEST_LABEL)
    if mistakes or count is None:
        short = {
            name: organizer.line(name)[:LONGEST_NUMBER]
            for name in ("count", "uses", "until")
        }
        return page(event, Wanted(**short, label=label, mistakes=mistakes)), 422
    event_id, actor = event.id, layout.actor()
    write(
        lambda _again: invitations.make(
            event_id,
            count=count,
            uses_max=uses,
            expires_at=expires_at,
            label=label or None,
            code_key=current_app.config["CODE_KEY"],
            actor=actor,
            now=now,
        )
    )
    return redirect(url_for(".show", slug=slug, made=count), code=303)


def number_words(most: int) -> str:
    return gettext("Write a whole number from 1 to %(most)s.", most=f"{most:,}")


@bp.post("/invitations/<uuid:uuid>/revocation")
@guards.signed_in
def revoke(slug: str, uuid: UUID) -> ResponseReturnValue:
    event = my_event(slug)
    invitation = invitation_queries.find_invitation(event.id, uuid) or abort(404)
    invitation_id, actor, now = invitation.id, layout.actor(), utcnow()
    write(lambda _again: invitations.revoke(invitation_id, actor=actor, now=now))
    return redirect(url_for(".show", slug=slug, done="revoked"), code=303)


@bp.get("/invitations/<uuid:uuid>/revocation")
@guards.signed_in
def button_is_elsewhere(slug: str, **_uuid: UUID) -> ResponseReturnValue:
    return redirect(url_for(".show", slug=my_event(slug).slug), code=303)


# --- the file -----------------------------------------------------------------------


@bp.get("/invitations.csv")
@guards.signed_in
def invitations_csv(slug: str) -> ResponseReturnValue:
    """All codes with their links, to mail or print; that they left is noted."""
    event = my_event(slug)
    if not layout.may(Action.EXPORT, event):
        abort(404)
    now = utcnow()
    pieces: Iterable[bytes] = ()
    if request.method != "HEAD":
        issued = invitation_queries.invitations(event.id)
        # Written before the transaction that notes it: that reads nothing again.
        pieces = list(
            invitation_exports.write_csv([line_of(event, each, now) for each in issued])
        )
    response = Response(pieces, content_type=CSV)
    name = f"{event.slug}-invitations-{now.astimezone(event.zone):%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    if request.method != "HEAD":
        note(event.id, now)
    return response


def line_of(event: Event, issued: Issued, now: datetime) -> invitation_exports.Code:
    one = issued.invitation
    return invitation_exports.Code(
        code=code_of(one),
        link=link_of(event, one),
        label=one.label,
        used=issued.used,
        limit=one.uses_max,
        expires_at=one.expires_at,
        state=state_of(issued, now),
    )


def note(event_id: int, now: datetime) -> None:
    actor, details = layout.actor(), {"format": "csv", "what": "invitations"}
    with writing():
        audit.record("export", actor=actor, now=now, event_id=event_id, details=details)
