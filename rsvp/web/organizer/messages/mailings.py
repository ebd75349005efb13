"""Mailings: organizers write to some of an event's people: draft, test, send, stop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from rsvp import errors
from rsvp.db import utcnow, write
from rsvp.domain import mailings
from rsvp.domain.teams import Action
from rsvp.formats.mail import render, samples
from rsvp.models import Event, Mailing
from rsvp.models.event import Status
from rsvp.models.mailing import MailingState
from rsvp.queries import mailings as mailing_queries
from rsvp.queries.mailings import Progress, Reach
from rsvp.text.states import StateLabel
from rsvp.web import form_actions, guards
from rsvp.web.forms import organizer
from rsvp.web.forms.organizer import Mistake
from rsvp.web.organizer import edit_conflicts, layout
from rsvp.web.organizer.edit_conflicts import EditConflict
from rsvp.web.organizer.messages import bp, mailing_form, preview_frame
from rsvp.web.presentation import short_times
from rsvp.web.presentation.short_times import ShortTime

MAILING_STATES = {
    MailingState.DRAFT: StateLabel("draft", _l("Draft")),
    MailingState.SCHEDULED: StateLabel("not_open", _l("Scheduled")),
    MailingState.SENDING: StateLabel("retrying", _l("Being sent")),
    MailingState.SENT: StateLabel("sent", _l("Sent")),
    MailingState.STOPPED: StateLabel("cancelled", _l("Stopped")),
}
NO_PROGRESS = Progress(total=0, sent=0, failed=0, stopped=0)


@dataclass(frozen=True)
class MailingRow:
    """One mailing in the list; `sends_at` is when it goes, or went, out."""

    mailing: Mailing
    state: StateLabel
    sends_at: ShortTime | None
    progress: str


# --- looking ------------------------------------------------------------------------


@bp.get("/events/<slug>/mailings")
@guards.signed_in
def list_mailings(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.READ_MESSAGES)
    event_mailings = mailing_queries.list_mailings(event.id)
    progress = mailing_queries.progress_by_mailing(
        [mailing.id for mailing in event_mailings]
    )
    return layout.render_event_page(
        "messages/mailings.html",
        event,
        "messages",
        rows=[
            mailing_row(event, mailing, progress.get(mailing.id, NO_PROGRESS))
            for mailing in event_mailings
        ],
        may_write=may_write(event),
        done=DONE_MESSAGES.get(request.args.get("done", "")),
    )


DONE_MESSAGES = {
    "removed": _l("The draft is thrown away."),
    "saved": _l("Saved. Nothing is sent yet."),
    "sent": _l("It is on its way."),
    "scheduled": _l("It goes out at the time below. Until then you can stop it."),
    "test": _l("A test is on its way to your own address."),
    "kept": edit_conflicts.KEPT_MESSAGE,
}


def mailing_row(event: Event, mailing: Mailing, progress: Progress) -> MailingRow:
    # Stopped before its time it never goes: the time would read as that of the stop.
    is_off = mailing.state == MailingState.STOPPED and not progress.total
    at = None if is_off else mailing.send_at
    return MailingRow(
        mailing=mailing,
        state=MAILING_STATES[effective_state(mailing, progress, utcnow())],
        sends_at=short_times.short_time(at, event.zone) if at else None,
        progress=progress_text(mailing, progress),
    )


def effective_state(
    mailing: Mailing, progress: Progress, now: datetime
) -> MailingState:
    """Return its state, but that it is being sent from its time on, though a worker
    takes some seconds to begin, until nothing of it waits."""
    if mailing.state == MailingState.SENT and progress.waiting:
        return MailingState.SENDING
    if mailing.state == MailingState.SCHEDULED and (mailing.send_at or now) <= now:
        return MailingState.SENDING
    return MailingState(mailing.state)


def progress_text(mailing: Mailing, progress: Progress) -> str:
    """`212 of 300 sent, 3 not delivered`; nothing before it begins."""
    if mailing.state in (MailingState.DRAFT, MailingState.SCHEDULED):
        return ""
    if not progress.total:
        if mailing.state == MailingState.STOPPED:
            return _("before any of it went out")
        was_sent = mailing.state == MailingState.SENT
        return _("nobody was on the list") if was_sent else ""
    parts = [
        ngettext(
            "%(sent)d of %(num)d sent",
            "%(sent)d of %(num)d sent",
            progress.total,
            sent=progress.sent,
        )
    ]
    if progress.failed:
        parts.append(_("%(count)d not delivered", count=progress.failed))
    if progress.stopped:
        parts.append(_("%(count)d stopped", count=progress.stopped))
    return ", ".join(parts)


def may_write(event: Event) -> bool:
    """Whether the person signed in may write to its people, and there may be some."""
    is_open = event.status != Status.DRAFT and event.erased_at is None
    return is_open and layout.may(Action.MANAGE_REGISTRATIONS, event)


def get_mailing_or_404(slug: str, uuid: UUID, *, sends: bool = False) -> Mailing:
    """The mailing, where the person signed in may read it, or (`sends`) send it."""
    action = Action.MANAGE_REGISTRATIONS if sends else Action.READ_MESSAGES
    event = layout.get_event_or_404(slug, action)
    return mailing_queries.find_mailing(event.id, uuid) or abort(404)


@bp.get("/events/<slug>/mailings/<uuid:uuid>")
@guards.signed_in
def show_mailing(slug: str, uuid: UUID) -> ResponseReturnValue:
    mailing = get_mailing_or_404(slug, uuid)
    return mailing_page(mailing, mailing_form.form_of_mailing(mailing.event, mailing))


def mailing_page(
    mailing: Mailing,
    form: mailing_form.MailingForm,
    status: int = 200,
    conflict: EditConflict | None = None,
) -> Response:
    """A mailing's page: of a draft the form, filled as in `form`, of any other how far
    it has come; and what it looks like."""
    event = mailing.event
    progress = mailing_queries.progress_by_mailing([mailing.id]).get(
        mailing.id, NO_PROGRESS
    )
    html = layout.render_event_page(
        "messages/mailing.html",
        event,
        "messages",
        mailing=mailing,
        row=mailing_row(event, mailing, progress),
        is_draft=mailing.state == MailingState.DRAFT,
        may_stop=mailings.may_be_stopped(mailing, progress.waiting),
        may_write=may_write(event),
        recipients=mailing_form.recipients_text(event, mailing.wanted),
        reach=mailing_reach(event, mailing.wanted),
        mail=sample_mail(mailing),
        recipient_text=sample_recipient_text(mailing),
        mail_is_set=bool(current_app.config["MAIL_SERVER"]),
        done=DONE_MESSAGES.get(request.args.get("done", "")),
        stopped=stopped_message(),
        conflict=conflict,
        **mailing_form.form_context(event, form),
    )
    return preview_frame.page_with_frame(html, status)


def stopped_message() -> str | None:
    stopped = request.args.get("stopped", type=int)
    if stopped is None or not 0 <= stopped < 10**9:
        return None
    if not stopped:
        return _("It is stopped. No mail had to be kept back.")
    return ngettext(
        "It is stopped. %(num)d mail was kept back. What was just being sent goes out.",
        "It is stopped. %(num)d mails were kept back. "
        "What was just being sent goes out.",
        stopped,
    )


def mailing_reach(event: Event, recipients: dict[str, Any]) -> Reach:
    return mailing_queries.count_reach(
        event.id, mailing_queries.mailing_filter(event, recipients)
    )


@bp.get("/events/<slug>/mailings/<uuid:uuid>/preview")
@guards.signed_in
def show_mailing_preview(slug: str, uuid: UUID) -> ResponseReturnValue:
    """The mail's HTML by itself, for the frame on its page."""
    return preview_frame.mail_frame(sample_mail(get_mailing_or_404(slug, uuid)))


def sample_mail(mailing: Mailing) -> render.RenderedMail:
    """Return the mail as the first on its list would get it, or somebody made up."""
    event = mailing.event
    filter_ = mailing_queries.mailing_filter(event, mailing.wanted)
    recipient = mailing_queries.first_recipient(event.id, filter_)
    about = recipient or samples.sample_registration(event, now=utcnow())
    return preview_frame.masked_mail(
        samples.sample_mailing(mailing.subject, mailing.text, about)
    )


def sample_recipient_text(mailing: Mailing) -> str:
    filter_ = mailing_queries.mailing_filter(mailing.event, mailing.wanted)
    recipient = mailing_queries.first_recipient(mailing.event_id, filter_)
    if recipient is None:
        return _("As somebody made up would get it: nobody is on the list now.")
    return _("As %(name)s would get it.", name=recipient.name)


# --- writing ------------------------------------------------------------------------


@bp.get("/events/<slug>/mailings/new")
@guards.signed_in
def show_new_mailing(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.MANAGE_REGISTRATIONS)
    return render_new_mailing(event, mailing_form.form_from_args(event))


def render_new_mailing(
    event: Event, form: mailing_form.MailingForm, *, is_late: bool = False
) -> str:
    """The form of a new one; `is_late`: it was meant to change one that was sent."""
    reach = mailing_reach(event, form.recipients(event))
    return layout.render_event_page(
        "messages/mailing_new.html",
        event,
        "messages",
        may_write=may_write(event),
        is_late=is_late,
        reach=reach,
        **mailing_form.form_context(event, form),
    )


@form_actions.action(
    bp, "/events/<slug>/mailings", page="organizer.messages.show_new_mailing"
)
@guards.signed_in
def create_mailing(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.MANAGE_REGISTRATIONS)
    form = mailing_form.form_from_request(event)
    if form.mistakes:
        return render_new_mailing(event, form), 422
    event_id, actor, now = event.id, layout.current_actor(), utcnow()
    values = form.values(event)

    def draft() -> UUID:
        return mailings.create_draft(event_id, **values, actor=actor, now=now).uuid

    return redirect(
        url_for("organizer.messages.show_mailing", slug=slug, uuid=write(draft)),
        code=303,
    )


@form_actions.action(
    bp, "/events/<slug>/mailings/<uuid:uuid>", page="organizer.messages.show_mailing"
)
@guards.signed_in
def update_mailing(slug: str, uuid: UUID) -> ResponseReturnValue:
    mailing = get_mailing_or_404(slug, uuid, sends=True)
    form = mailing_form.form_from_request(mailing.event)
    if form.mistakes and mailing.state != MailingState.DRAFT:
        return render_new_mailing(mailing.event, form, is_late=True), 422
    if form.mistakes:
        current = mailing_form.draft_values(mailing)
        form = replace(form, version=edit_conflicts.version_for_form(current))
        return mailing_page(mailing, form, 422)
    mailing_id, values = mailing.id, form.values(mailing.event)
    version = edit_conflicts.sent_version()
    current = mailing_form.draft_values(mailing)
    typed = mailings.draft_values(**values)
    is_kept = edit_conflicts.only_others_edited(version, current=current, typed=typed)
    try:
        write(mailings.update_draft, mailing_id, **values, version=version)
    except errors.EditConflict as refusal:
        mailing = get_mailing_or_404(slug, uuid, sends=True)
        form, conflict = mailing_form.form_after_conflict(mailing.event, mailing, form)
        return mailing_page(mailing, form, refusal.status, conflict)
    except errors.MailingNotDraft as refusal:
        event = layout.get_event_or_404(slug, Action.MANAGE_REGISTRATIONS)
        return render_new_mailing(event, form, is_late=True), refusal.status
    done = "kept" if is_kept else "saved"
    return redirect(
        url_for("organizer.messages.show_mailing", slug=slug, uuid=uuid, done=done),
        code=303,
    )


@form_actions.action(
    bp,
    "/events/<slug>/mailings/<uuid:uuid>/removal",
    page="organizer.messages.show_mailing",
    find=get_mailing_or_404,
)
@guards.signed_in
def remove_mailing(slug: str, uuid: UUID) -> ResponseReturnValue:
    mailing_id = get_mailing_or_404(slug, uuid, sends=True).id
    write(mailings.delete_draft, mailing_id)
    return redirect(
        url_for("organizer.messages.list_mailings", slug=slug, done="removed"), code=303
    )


@form_actions.action(
    bp,
    "/events/<slug>/mailings/<uuid:uuid>/test",
    page="organizer.messages.show_mailing",
    find=get_mailing_or_404,
)
@guards.signed_in
def send_test_mailing(slug: str, uuid: UUID) -> ResponseReturnValue:
    """Send a test to the person signed in alone."""
    mailing = get_mailing_or_404(slug, uuid, sends=True)
    event, user, now = mailing.event, layout.signed_in_user(), utcnow()
    filter_ = mailing_queries.mailing_filter(event, mailing.wanted)
    recipient = mailing_queries.first_recipient(event.id, filter_)
    event_id, subject, text = event.id, mailing.subject, mailing.text
    user_id, address, recipient_uuid = (
        user.id,
        user.email,
        recipient.uuid if recipient else None,
    )
    write(
        mailings.send_test_mail,
        event_id=event_id,
        user_id=user_id,
        address=address,
        subject=subject,
        text=text,
        like=recipient_uuid,
        now=now,
    )
    return redirect(
        url_for("organizer.messages.show_mailing", slug=slug, uuid=uuid, done="test"),
        code=303,
    )


# --- sending ------------------------------------------------------------------------


@bp.get("/events/<slug>/mailings/<uuid:uuid>/sending")
@guards.signed_in
def show_sending_form(slug: str, uuid: UUID) -> ResponseReturnValue:
    """Show to how many it would go, before it does."""
    mailing = get_mailing_or_404(slug, uuid, sends=True)
    if mailing.state != MailingState.DRAFT:
        return redirect(
            url_for("organizer.messages.show_mailing", slug=slug, uuid=uuid), code=303
        )
    return render_sending_form(mailing)


def render_sending_form(mailing: Mailing, mistake: Mistake | None = None) -> str:
    """Render the page that asks when; `mistake` is beside what was chosen (`when`) or
    typed (`at`)."""
    event = mailing.event
    return layout.render_event_page(
        "messages/mailing_sending.html",
        event,
        "messages",
        mailing=mailing,
        may_write=may_write(event),
        recipients=mailing_form.recipients_text(event, mailing.wanted),
        reach=mailing_reach(event, mailing.wanted),
        zone=short_times.zone_abbreviation(event.starts_at, event.zone),
        mistake=mistake,
        is_later=request.form.get("when") == "later",
        at=organizer.read_line("at")[:40],
    )


@form_actions.action(
    bp,
    "/events/<slug>/mailings/<uuid:uuid>/sending",
    page="organizer.messages.show_mailing",
)
@guards.signed_in
def send_mailing(slug: str, uuid: UUID) -> ResponseReturnValue:
    mailing = get_mailing_or_404(slug, uuid, sends=True)
    now, actor, mailing_id = utcnow(), layout.current_actor(), mailing.id
    is_later = request.form.get("when") == "later"
    if not is_later and (mistake := send_now_mistake(mailing)):
        return render_sending_form(mailing, mistake), 422
    try:
        at = requested_send_time(mailing.event, now) if is_later else None
        write(mailings.schedule, mailing_id, send_at=at, actor=actor, now=now)
    except ValueError as wrong:
        return render_sending_form(mailing, Mistake("at", str(wrong), "")), 422
    except errors.TooManyMailings as refusal:
        message = _(
            "An event sends at most %(limit)d such mails a day. Choose a later day.",
            **refusal.facts,
        )
        mistake = Mistake("at" if is_later else "when", message, "")
        return render_sending_form(
            get_mailing_or_404(slug, uuid, sends=True), mistake
        ), 422
    done = "scheduled" if is_later else "sent"
    return redirect(
        url_for("organizer.messages.show_mailing", slug=slug, uuid=uuid, done=done),
        code=303,
    )


def send_now_mistake(mailing: Mailing) -> Mistake | None:
    """What would surprise whoever sends a draft now: it can't be got back."""
    if mailing.state != MailingState.DRAFT:
        return None
    if organizer.read_line("at"):
        message = _(
            "“Now” is chosen, but a time is written below. Choose that time, or empty "
            "its field."
        )
        return Mistake("when", message, "now")
    if not mailing_reach(mailing.event, mailing.wanted).reached:
        message = _(
            "Nobody would get it now. Choose a later time, or change to whom it goes."
        )
        return Mistake("when", message, "now")
    return None


def requested_send_time(event: Event, now: datetime) -> datetime:
    """Read the time of sending. Raises ValueError with words for the person who typed
    it."""
    at = organizer.read_future_time("at", event.zone, now)
    if at is None:
        raise ValueError(_("Write a day and a time."))
    return at


@form_actions.action(
    bp,
    "/events/<slug>/mailings/<uuid:uuid>/stop",
    page="organizer.messages.show_mailing",
    find=get_mailing_or_404,
)
@guards.signed_in
def stop_mailing(slug: str, uuid: UUID) -> ResponseReturnValue:
    mailing_id = get_mailing_or_404(slug, uuid, sends=True).id
    actor, now = layout.current_actor(), utcnow()
    stopped = write(mailings.stop, mailing_id, actor=actor, now=now)
    return redirect(
        url_for(
            "organizer.messages.show_mailing", slug=slug, uuid=uuid, stopped=stopped
        ),
        code=303,
    )
