"""Invitations: an event's invitation codes, listed, created, exported and revoked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from flask import Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from rsvp.db import utcnow, write, writing
from rsvp.domain import audit, invitations
from rsvp.domain.invitations import MAX_AT_ONCE, MAX_LABEL_LENGTH, MAX_USES
from rsvp.domain.teams import Action
from rsvp.formats.exports import invitations as invitation_exports
from rsvp.models import Event, Invitation
from rsvp.models.audit import EventVerb
from rsvp.models.event import Phase
from rsvp.queries import invitations as invitation_queries
from rsvp.queries.invitations import InvitationUse
from rsvp.text.states import StateLabel
from rsvp.web import form_actions, guards
from rsvp.web.forms.base import Form
from rsvp.web.forms.fields import Line, LocalTime, WholeNumber
from rsvp.web.organizer import layout
from rsvp.web.organizer.registrations import bp
from rsvp.web.presentation import short_times, urls
from rsvp.web.presentation.short_times import ShortTime

CSV = "text/csv; charset=utf-8"

INVITATION_STATES = {
    "works": StateLabel("open", _l("Works")),
    "used_up": StateLabel("over", _l("Used up")),
    "ended": StateLabel("over", _l("Over")),
    "revoked": StateLabel("cancelled", _l("Revoked")),
}


@dataclass(frozen=True)
class InvitationRow:
    """One invitation in the list. Its code is a secret of those who manage
    registrations: whoever has it can register."""

    invitation: Invitation
    state: StateLabel
    code: str
    link: str
    used: str
    until: ShortTime | None


# --- looking ------------------------------------------------------------------------


@bp.get("/events/<slug>/invitations")
@guards.signed_in
def list_invitations(slug: str) -> ResponseReturnValue:
    return render_invitations(get_invited_event_or_404(slug))


def get_invited_event_or_404(slug: str) -> Event:
    """The event, where the person signed in manages its registrations and it has
    invitations, or 404."""
    event = layout.get_event_or_404(slug, Action.MANAGE_REGISTRATIONS)
    return event if event.needs_invitation else abort(404)


def render_invitations(event: Event, form: InvitationForm | None = None) -> str:
    """The page; `form` is a form that comes back with mistakes."""
    now = utcnow()
    page = invitation_queries.page_of_invitations(
        event.id, before=layout.page_cursor("before")
    )
    return layout.render_event_page(
        "registrations/invitations.html",
        event,
        "invitations",
        rows=[invitation_row(event, issued, now) for issued in page.rows],
        is_first="before" not in request.args,
        more=None
        if page.is_last
        else url_for(
            "organizer.registrations.list_invitations",
            slug=event.slug,
            before=page.rows[-1].invitation.id,
        ),
        may_export=layout.may(Action.EXPORT, event),
        may_make=event.phase(now) not in (Phase.CANCELLED, Phase.OVER),
        form=form or InvitationForm(zone=event.zone, now=now),
        most=MAX_AT_ONCE,
        zone=short_times.zone_abbreviation(event.starts_at, event.zone),
        done=done_message(),
    )


def invitation_row(event: Event, issued: InvitationUse, now: datetime) -> InvitationRow:
    invitation = issued.invitation
    until = (
        short_times.short_time(invitation.expires_at, event.zone)
        if invitation.expires_at
        else None
    )
    return InvitationRow(
        invitation=invitation,
        state=INVITATION_STATES[invitation_state(issued, now)],
        code=invitation_code(invitation),
        link=invitation_url(event, invitation),
        used=uses_text(issued),
        until=until,
    )


def invitation_state(issued: InvitationUse, now: datetime) -> str:
    invitation = issued.invitation
    if invitation.revoked_at is not None:
        return "revoked"
    if not invitation.works_at(now):
        return "ended"
    is_used_up = invitation.uses_max is not None and issued.uses >= invitation.uses_max
    return "used_up" if is_used_up else "works"


def invitation_code(invitation: Invitation) -> str:
    return invitations.invitation_code(invitation, current_app.config["CODE_KEY"])


def invitation_url(event: Event, invitation: Invitation) -> str:
    page = url_for(
        "public.show_event", slug=event.slug, invitation=invitation_code(invitation)
    )
    return f"{urls.site_url()}{page}"


def uses_text(issued: InvitationUse) -> str:
    most = issued.invitation.uses_max
    if most is None:
        return ngettext(
            "used %(num)d time, without limit",
            "used %(num)d times, without limit",
            issued.uses,
        )
    return ngettext(
        "used %(used)d of %(num)d time",
        "used %(used)d of %(num)d times",
        most,
        used=issued.uses,
    )


def done_message() -> str | None:
    if request.args.get("done") == "revoked":
        return _("The code is revoked: it lets nobody in any more.")
    made = min(MAX_AT_ONCE, max(0, request.args.get("made", 0, type=int)))
    if not made:
        return None
    return ngettext(
        "%(num)d code is made. It stands on top of the list.",
        "%(num)d codes are made. They stand on top of the list.",
        made,
    )


# --- making -------------------------------------------------------------------------


class InvitationForm(Form):
    """How many codes to make, and what each is good for."""

    count = WholeNumber(
        _l("How many codes"), low=1, high=MAX_AT_ONCE, required=True, default=1
    )
    uses = WholeNumber(
        _l("How often each works"),
        low=1,
        high=MAX_USES,
        default=1,
        hint=_l("Registrations, each for a whole party. Empty: without limit."),
    )
    until = LocalTime(_l("Until"), in_future=True)
    label = Line(
        _l("For whom"),
        max_length=MAX_LABEL_LENGTH,
        hint=_l("Only you and your team see it."),
    )


@form_actions.action(
    bp, "/events/<slug>/invitations", page="organizer.registrations.list_invitations"
)
@guards.signed_in
def create_invitations(slug: str) -> ResponseReturnValue:
    event = get_invited_event_or_404(slug)
    now = utcnow()
    form = InvitationForm(request.form, zone=event.zone, now=now)
    if not form.validate():
        return render_invitations(event, form), 422
    event_id, count, actor = event.id, form.count.data, layout.current_actor()
    write(
        invitations.create,
        event_id,
        count=count,
        uses_max=form.uses.data,
        expires_at=form.until.data,
        label=form.label.data or None,
        code_key=current_app.config["CODE_KEY"],
        actor=actor,
        now=now,
    )
    return redirect(
        url_for("organizer.registrations.list_invitations", slug=slug, made=count),
        code=303,
    )


@form_actions.action(
    bp,
    "/events/<slug>/invitations/<uuid:uuid>/revocation",
    page="organizer.registrations.list_invitations",
    find=get_invited_event_or_404,
)
@guards.signed_in
def revoke_invitation(slug: str, uuid: UUID) -> ResponseReturnValue:
    event = get_invited_event_or_404(slug)
    invitation = invitation_queries.find_invitation(event.id, uuid) or abort(404)
    invitation_id, actor, now = invitation.id, layout.current_actor(), utcnow()
    write(invitations.revoke, invitation_id, actor=actor, now=now)
    return redirect(
        url_for("organizer.registrations.list_invitations", slug=slug, done="revoked"),
        code=303,
    )


# --- the file -----------------------------------------------------------------------


@bp.get("/events/<slug>/invitations.csv")
@guards.signed_in
def invitations_csv(slug: str) -> ResponseReturnValue:
    """All codes with their links, to mail or print; that they left is noted."""
    event = get_invited_event_or_404(slug)
    if not layout.may(Action.EXPORT, event):
        abort(404)
    now = utcnow()
    pieces: Iterable[bytes] = ()
    if request.method != "HEAD":
        issued = invitation_queries.list_invitations(event.id)
        # Written before the transaction that notes it: that reads nothing again.
        pieces = list(
            invitation_exports.write_csv(
                [csv_row(event, invitation, now) for invitation in issued]
            )
        )
    response = Response(pieces, content_type=CSV)
    name = f"{event.slug}-invitations-{now.astimezone(event.zone):%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    if request.method != "HEAD":
        log_export(event.id, now)
    return response


def csv_row(
    event: Event, issued: InvitationUse, now: datetime
) -> invitation_exports.InvitationRow:
    invitation = issued.invitation
    return invitation_exports.InvitationRow(
        code=invitation_code(invitation),
        link=invitation_url(event, invitation),
        label=invitation.label,
        used=issued.uses,
        limit=invitation.uses_max,
        expires_at=invitation.expires_at,
        state=invitation_state(issued, now),
    )


def log_export(event_id: int, now: datetime) -> None:
    actor, details = layout.current_actor(), {"format": "csv", "what": "invitations"}
    with writing():
        audit.record(
            EventVerb.EXPORT, actor=actor, now=now, event_id=event_id, details=details
        )
