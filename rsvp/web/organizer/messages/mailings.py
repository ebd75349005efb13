"""Mailings: organizers write to a part of the list, look at it first, and send it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _

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
from rsvp.web import guards
from rsvp.web.forms import organizer
from rsvp.web.forms.organizer import Mistake
from rsvp.web.organizer import layout
from rsvp.web.organizer.layout import Moment, Shown
from rsvp.web.organizer.messages import mailing_form, preview_frame

bp = Blueprint("mailings", __name__, url_prefix="/organize/events/<slug>/mailings")
bp.after_request(layout.keep_private)

STATES = {
    MailingState.DRAFT: Shown("draft", "○", _("Draft")),
    MailingState.SCHEDULED: Shown("not_open", "◷", _("Scheduled")),
    MailingState.SENDING: Shown("retrying", "↻", _("Being sent")),
    MailingState.SENT: Shown("sent", "●", _("Sent")),
    MailingState.STOPPED: Shown("cancelled", "✕", _("Stopped")),
}
NOBODY = Progress(total=0, sent=0, failed=0, stopped=0)


@dataclass(frozen=True)
class Row:
    """One mailing in the list; `goes` is when it goes, or went, out."""

    mailing: Mailing
    state: Shown
    goes: Moment | None
    progress: str


# --- looking ------------------------------------------------------------------------


@bp.get("")
@guards.signed_in
def every(slug: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.READ_MESSAGES)
    found = mailing_queries.mailings(event.id)
    counted = mailing_queries.progress([mailing.id for mailing in found])
    return layout.event_page(
        "messages/mailings.html",
        event,
        "messages",
        rows=[row_of(event, each, counted.get(each.id, NOBODY)) for each in found],
        may_write=may_write(event),
        done=DONE.get(request.args.get("done", "")),
    )


DONE = {
    "removed": _("The draft is thrown away."),
    "saved": _("Saved. Nothing is sent yet."),
    "sent": _("It is on its way."),
    "scheduled": _("It goes out at the time below. Until then you can stop it."),
    "test": _("A test is on its way to your own address."),
}


def row_of(event: Event, mailing: Mailing, progress: Progress) -> Row:
    # Stopped before its time it never goes: the time would read as that of the stop.
    is_off = mailing.state == MailingState.STOPPED and not progress.total
    at = None if is_off else mailing.send_at
    return Row(
        mailing=mailing,
        state=STATES[state_of(mailing, progress, utcnow())],
        goes=layout.moment(at, event.zone) if at else None,
        progress=progress_words(mailing, progress),
    )


def state_of(mailing: Mailing, progress: Progress, now: datetime) -> MailingState:
    """Its state, but that it is being sent from its time on, though a worker takes some
    seconds to begin, until nothing of it waits."""
    if mailing.state == MailingState.SENT and progress.waiting:
        return MailingState.SENDING
    if mailing.state == MailingState.SCHEDULED and (mailing.send_at or now) <= now:
        return MailingState.SENDING
    return MailingState(mailing.state)


def progress_words(mailing: Mailing, progress: Progress) -> str:
    """`212 of 300 sent, 3 not delivered`; nothing before it begins."""
    if mailing.state in (MailingState.DRAFT, MailingState.SCHEDULED):
        return ""
    if not progress.total:
        if mailing.state == MailingState.STOPPED:
            return gettext("before any of it went out")
        was_sent = mailing.state == MailingState.SENT
        return gettext("nobody was on the list") if was_sent else ""
    words = [
        ngettext(
            "%(sent)d of %(num)d sent",
            "%(sent)d of %(num)d sent",
            progress.total,
            sent=progress.sent,
        )
    ]
    if progress.failed:
        words.append(gettext("%(count)d not delivered", count=progress.failed))
    if progress.stopped:
        words.append(gettext("%(count)d stopped", count=progress.stopped))
    return ", ".join(words)


def may_write(event: Event) -> bool:
    """Whether the person signed in may write to its people, and there may be some."""
    is_open = event.status != Status.DRAFT and event.erased_at is None
    return is_open and layout.may(Action.MANAGE_REGISTRATIONS, event)


def my_mailing(slug: str, uuid: UUID, *, sends: bool = False) -> Mailing:
    """The mailing, where the person signed in may read it, or (`sends`) send it."""
    action = Action.MANAGE_REGISTRATIONS if sends else Action.READ_MESSAGES
    event = layout.my_event(slug, action)
    return mailing_queries.find_mailing(event.id, uuid) or abort(404)


@bp.get("/<uuid:uuid>")
@guards.signed_in
def show(slug: str, uuid: UUID) -> ResponseReturnValue:
    mailing = my_mailing(slug, uuid)
    return page_of(mailing, mailing_form.written_of(mailing.event, mailing))


def page_of(
    mailing: Mailing, form: mailing_form.Written, status: int = 200
) -> Response:
    """A mailing's page: of a draft the form, filled as in `form`, of any other how far
    it has come; and what it looks like."""
    event = mailing.event
    counted = mailing_queries.progress([mailing.id]).get(mailing.id, NOBODY)
    html = layout.event_page(
        "messages/mailing.html",
        event,
        "messages",
        mailing=mailing,
        row=row_of(event, mailing, counted),
        is_draft=mailing.state == MailingState.DRAFT,
        may_stop=mailings.may_be_stopped(mailing, counted.waiting),
        may_write=may_write(event),
        to_whom=mailing_form.to_whom(event, mailing.wanted),
        reach=reach_of(event, mailing.wanted),
        mail=sample_of(mailing),
        like=like_words(mailing),
        mail_is_set=bool(current_app.config["MAIL_SERVER"]),
        done=DONE.get(request.args.get("done", "")),
        stopped=stopped_words(),
        **mailing_form.fields(event, form),
    )
    return preview_frame.page(html, status)


def stopped_words() -> str | None:
    stopped = request.args.get("stopped", type=int)
    if stopped is None or not 0 <= stopped < 10**9:
        return None
    if not stopped:
        return gettext("It is stopped. No mail had to be kept back.")
    return ngettext(
        "It is stopped. %(num)d mail was kept back. What was just being sent goes out.",
        "It is stopped. %(num)d mails were kept back. "
        "What was just being sent goes out.",
        stopped,
    )


def reach_of(event: Event, wanted: dict[str, Any]) -> Reach:
    return mailing_queries.reach(event.id, mailing_queries.filter_of(event, wanted))


@bp.get("/<uuid:uuid>/preview")
@guards.signed_in
def preview(slug: str, uuid: UUID) -> ResponseReturnValue:
    """The mail's HTML by itself, for the frame on its page."""
    return preview_frame.frame(sample_of(my_mailing(slug, uuid)))


def sample_of(mailing: Mailing) -> render.Mail:
    """The mail as the first on its list would get it, or somebody made up."""
    event = mailing.event
    wanted = mailing_queries.filter_of(event, mailing.wanted)
    like = mailing_queries.first_reached(event.id, wanted)
    about = like or samples.registration(event, now=utcnow())
    return preview_frame.masked_mail(samples.note(mailing.subject, mailing.text, about))


def like_words(mailing: Mailing) -> str:
    wanted = mailing_queries.filter_of(mailing.event, mailing.wanted)
    like = mailing_queries.first_reached(mailing.event_id, wanted)
    if like is None:
        return gettext("As somebody made up would get it: nobody is on the list now.")
    return gettext("As %(name)s would get it.", name=like.name)


# --- writing ------------------------------------------------------------------------


@bp.get("/new")
@guards.signed_in
def new(slug: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.MANAGE_REGISTRATIONS)
    return new_page(event, mailing_form.prefilled(event))


def new_page(event: Event, form: mailing_form.Written, *, is_late: bool = False) -> str:
    """The form of a new one; `is_late`: it was meant to change one that was sent."""
    reach = reach_of(event, form.wanted(event))
    return layout.event_page(
        "messages/mailing_new.html",
        event,
        "messages",
        may_write=may_write(event),
        is_late=is_late,
        reach=reach,
        **mailing_form.fields(event, form),
    )


@bp.post("")
@guards.signed_in
def make(slug: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.MANAGE_REGISTRATIONS)
    form = mailing_form.typed_form(event)
    if form.mistakes:
        return new_page(event, form), 422
    event_id, actor, now = event.id, layout.actor(), utcnow()
    values = form.values(event)

    def draft(_again: bool) -> UUID:
        return mailings.draft(event_id, **values, actor=actor, now=now).uuid

    return redirect(url_for(".show", slug=slug, uuid=write(draft)), code=303)


@bp.post("/<uuid:uuid>")
@guards.signed_in
def change(slug: str, uuid: UUID) -> ResponseReturnValue:
    mailing = my_mailing(slug, uuid, sends=True)
    form = mailing_form.typed_form(mailing.event)
    if form.mistakes and mailing.state != MailingState.DRAFT:
        return new_page(mailing.event, form, is_late=True), 422
    if form.mistakes:
        return page_of(mailing, form, 422)
    mailing_id, values = mailing.id, form.values(mailing.event)
    try:
        write(lambda _again: mailings.change(mailing_id, **values))
    except errors.OnItsWay as refusal:
        event = layout.my_event(slug, Action.MANAGE_REGISTRATIONS)
        return new_page(event, form, is_late=True), refusal.status
    return redirect(url_for(".show", slug=slug, uuid=uuid, done="saved"), code=303)


@bp.post("/<uuid:uuid>/removal")
@guards.signed_in
def remove(slug: str, uuid: UUID) -> ResponseReturnValue:
    mailing_id = my_mailing(slug, uuid, sends=True).id
    write(lambda _again: mailings.remove(mailing_id))
    return redirect(url_for(".every", slug=slug, done="removed"), code=303)


@bp.post("/<uuid:uuid>/test")
@guards.signed_in
def send_test(slug: str, uuid: UUID) -> ResponseReturnValue:
    """To the person signed in alone."""
    mailing = my_mailing(slug, uuid, sends=True)
    event, me, now = mailing.event, layout.me(), utcnow()
    wanted = mailing_queries.filter_of(event, mailing.wanted)
    like = mailing_queries.first_reached(event.id, wanted)
    event_id, subject, text = event.id, mailing.subject, mailing.text
    user_id, address, like_uuid = me.id, me.email, like.uuid if like else None
    write(
        lambda _again: mailings.send_test(
            event_id=event_id,
            user_id=user_id,
            address=address,
            subject=subject,
            text=text,
            like=like_uuid,
            now=now,
        )
    )
    return redirect(url_for(".show", slug=slug, uuid=uuid, done="test"), code=303)


# --- sending ------------------------------------------------------------------------


@bp.get("/<uuid:uuid>/sending")
@guards.signed_in
def ask(slug: str, uuid: UUID) -> ResponseReturnValue:
    """Says to how many it would go, before it does."""
    mailing = my_mailing(slug, uuid, sends=True)
    if mailing.state != MailingState.DRAFT:
        return redirect(url_for(".show", slug=slug, uuid=uuid), code=303)
    return sending_page(mailing)


def sending_page(mailing: Mailing, mistake: Mistake | None = None) -> str:
    """Asks when; `mistake` is beside what was chosen (`when`) or typed (`at`)."""
    event = mailing.event
    return layout.event_page(
        "messages/mailing_sending.html",
        event,
        "messages",
        mailing=mailing,
        may_write=may_write(event),
        to_whom=mailing_form.to_whom(event, mailing.wanted),
        reach=reach_of(event, mailing.wanted),
        zone=layout.zone_letters(event.starts_at, event.zone),
        mistake=mistake,
        is_later=request.form.get("when") == "later",
        at=organizer.line("at")[:40],
    )


@bp.post("/<uuid:uuid>/sending")
@guards.signed_in
def send(slug: str, uuid: UUID) -> ResponseReturnValue:
    mailing = my_mailing(slug, uuid, sends=True)
    now, actor, mailing_id = utcnow(), layout.actor(), mailing.id
    is_later = request.form.get("when") == "later"
    if not is_later and (mistake := mistake_of_now(mailing)):
        return sending_page(mailing, mistake), 422
    try:
        at = wanted_time(mailing.event, now) if is_later else None
        write(
            lambda _again: mailings.schedule(
                mailing_id, send_at=at, actor=actor, now=now
            )
        )
    except ValueError as wrong:
        return sending_page(mailing, Mistake("at", str(wrong), "")), 422
    except errors.TooManyMailings as refusal:
        words = gettext(
            "An event sends at most %(limit)d such mails a day. Choose a later day.",
            **refusal.facts,
        )
        mistake = Mistake("at" if is_later else "when", words, "")
        return sending_page(my_mailing(slug, uuid, sends=True), mistake), 422
    done = "scheduled" if is_later else "sent"
    return redirect(url_for(".show", slug=slug, uuid=uuid, done=done), code=303)


def mistake_of_now(mailing: Mailing) -> Mistake | None:
    """What would surprise whoever sends a draft now: it can't be got back."""
    if mailing.state != MailingState.DRAFT:
        return None
    if organizer.line("at"):
        words = gettext(
            "“Now” is chosen, but a time is written below. Choose that time, or empty "
            "its field."
        )
        return Mistake("when", words, "now")
    if not reach_of(mailing.event, mailing.wanted).reached:
        words = gettext(
            "Nobody would get it now. Choose a later time, or change to whom it goes."
        )
        return Mistake("when", words, "now")
    return None


def wanted_time(event: Event, now: datetime) -> datetime:
    """Raises ValueError with words for the person who typed it."""
    at = organizer.time_to_come("at", event.zone, now)
    if at is None:
        raise ValueError(gettext("Write a day and a time."))
    return at


@bp.post("/<uuid:uuid>/stop")
@guards.signed_in
def stop(slug: str, uuid: UUID) -> ResponseReturnValue:
    mailing_id = my_mailing(slug, uuid, sends=True).id
    actor, now = layout.actor(), utcnow()
    stopped = write(lambda _again: mailings.stop(mailing_id, actor=actor, now=now))
    return redirect(url_for(".show", slug=slug, uuid=uuid, stopped=stopped), code=303)


@bp.get("/<uuid:uuid>/test")
@bp.get("/<uuid:uuid>/stop")
@bp.get("/<uuid:uuid>/removal")
@guards.signed_in
def button_is_elsewhere(slug: str, uuid: UUID) -> ResponseReturnValue:
    my_mailing(slug, uuid)
    return redirect(url_for(".show", slug=slug, uuid=uuid), code=303)
