"""Wording: what each kind of an event's mails says, looked at and put in own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from rsvp.db import utcnow, write
from rsvp.domain import reconfirmation, reminders
from rsvp.domain.events import custom_texts
from rsvp.domain.events.custom_texts import LONGEST_LINE, LONGEST_TEXT, WORDED
from rsvp.domain.teams import Action
from rsvp.models import Event, Reminder
from rsvp.models.message import MessageKind
from rsvp.models.registration import State
from rsvp.text import placeholders
from rsvp.web import guards
from rsvp.web.forms import organizer
from rsvp.web.organizer import layout
from rsvp.web.organizer.messages import preview_frame, previews, rows

bp = Blueprint("wording", __name__, url_prefix="/organize/events/<slug>/messages/kinds")
bp.after_request(layout.keep_private)

WITH_DEADLINE = {kind for kind, _field in placeholders.NEEDED}
FIELDS = ("subject", "headline", "text")


@dataclass(frozen=True)
class Row:
    """One kind of mail in the list: what it is called, what it says now, and `when` it
    goes out, of those that go by the clock."""

    kind: MessageKind
    word: Any
    subject: str
    headline: str
    is_own: bool
    when: str | None


@dataclass(frozen=True)
class Own:
    """What stands in the form, and what is wrong with it, by field."""

    words: dict[str, str]
    mistakes: dict[str, str] = field(default_factory=dict)


# --- looking ------------------------------------------------------------------------


@bp.get("")
@guards.signed_in
def every(slug: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.READ_MESSAGES)
    kinds = [kind for kind in rows.KINDS if kind in previews.PREVIEWED]
    return layout.event_page(
        "messages/custom_texts.html",
        event,
        "messages",
        rows=[row_of(event, kind) for kind in kinds if kind in WORDED],
    )


def row_of(event: Event, kind: MessageKind) -> Row:
    words = previews.preview_of(event, kind).words
    return Row(
        kind=kind,
        word=rows.KINDS[kind],
        subject=words.subject,
        headline=words.headline,
        is_own=kind in event.wording,
        when=when_of(event, kind),
    )


def when_of(event: Event, kind: MessageKind) -> str | None:
    """When mails of this kind go out by the clock, in words; None: something else is
    their cause."""
    if kind == MessageKind.STILL_COMING:
        return asking_of(event)
    anchors = [anchor for anchor, sent in reminders.KINDS.items() if sent == kind]
    if not anchors:
        return None
    mine = [each for each in event.reminders if each.anchor in anchors]
    if not mine:
        return gettext("never, for the event file has none.")
    ordered = sorted(mine, key=lambda each: (each.due_at, each.position))
    return " · ".join(reminder_words(event, each) for each in ordered)


def reminder_words(event: Event, reminder: Reminder) -> str:
    """When it goes out, and to whom, where that is not everybody who has a place."""
    at = layout.moment(reminder.due_at, event.zone).text
    names = {each.key: each.name for each in event.admissions}
    whom = [names.get(key, key) for key in reminder.admissions]
    if reminder.states not in ([], [State.CONFIRMED]):
        whom += [str(layout.STATES[state].word) for state in reminder.states]
    return f"{at} ({', '.join(whom)})" if whom else at


def asking_of(event: Event) -> str:
    if event.ask_at is None or event.answer_by is None:
        return gettext("never, for the event file does not ask.")
    at = reconfirmation.time_to_ask(event, event.ask_at)
    return gettext(
        "%(at)s, to be answered until %(until)s",
        at=layout.moment(at, event.zone).text,
        until=layout.moment(event.answer_by, event.zone).text,
    )


def kind_of(name: str) -> MessageKind:
    if name not in WORDED or name not in previews.PREVIEWED:
        abort(404)
    return MessageKind(name)


@bp.get("/<kind>")
@guards.signed_in
def show(slug: str, kind: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.READ_MESSAGES)
    own = Own(event.wording.get(kind_of(kind), {}))
    return page(event, kind_of(kind), own)


def page(event: Event, kind: MessageKind, own: Own, status: int = 200) -> Response:
    preview = previews.preview_of(event, kind)
    our_subject, our_headline = preview.our_words
    html = layout.event_page(
        "messages/custom_text.html",
        event,
        "messages",
        kind=kind,
        word=rows.KINDS[kind],
        mail=preview.mail,
        whose=preview.whose,
        own=own,
        is_own=kind in event.wording,
        ours={"subject": our_subject, "headline": our_headline},
        may_change=layout.may(Action.EDIT_EVENT, event),
        when=when_of(event, kind),
        needs_deadline=kind in WITH_DEADLINE,
        placeholders=placeholders.known(has_deadline=kind in WITH_DEADLINE),
        longest={
            "subject": LONGEST_LINE,
            "headline": LONGEST_LINE,
            "text": LONGEST_TEXT,
        },
        done=DONE.get(request.args.get("done", "")),
    )
    return preview_frame.page(html, status)


DONE = {
    "saved": _("Saved. Mails of this kind say it from now on."),
    "ours": _("Mails of this kind say it in our words again."),
}


@bp.get("/<kind>/preview")
@guards.signed_in
def preview(slug: str, kind: str) -> ResponseReturnValue:
    """The mail's HTML by itself, for the frame on its page."""
    event = layout.my_event(slug, Action.READ_MESSAGES)
    return preview_frame.frame(previews.preview_of(event, kind_of(kind)).mail)


# --- changing -----------------------------------------------------------------------


@bp.post("/<kind>/wording")
@guards.signed_in
def change(slug: str, kind: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.EDIT_EVENT)
    own = typed_words(event, kind_of(kind))
    if own.mistakes:
        return page(event, kind_of(kind), own, 422)
    save(event.id, kind_of(kind), **own.words)
    return redirect(url_for(".show", slug=slug, kind=kind, done="saved"), code=303)


def typed_words(event: Event, kind: MessageKind) -> Own:
    words = {
        "subject": organizer.line("subject"),
        "headline": organizer.line("headline"),
        "text": organizer.lines("text"),
    }
    mistakes = {name: wrong_words(event, kind, name, words[name]) for name in FIELDS}
    return Own(words, {name: wrong for name, wrong in mistakes.items() if wrong})


def wrong_words(event: Event, kind: MessageKind, name: str, said: str) -> str | None:
    if not said:
        return None
    longest = LONGEST_TEXT if name == "text" else LONGEST_LINE
    if len(said) > longest:
        return organizer.too_long(longest)
    if name == "subject" and event.discreet:
        return gettext("The subjects of a discreet event say nothing: leave it empty.")
    return organizer.placeholder_mistake(
        said,
        needed=placeholders.NEEDED.get((kind, name)),
        has_deadline=kind in WITH_DEADLINE,
    )


def save(event_id: int, kind: MessageKind, **words: str) -> None:
    actor, now = layout.actor(), utcnow()
    write(
        lambda _again: custom_texts.set_wording(
            event_id, kind, **words, actor=actor, now=now
        )
    )


@bp.post("/<kind>/wording/removal")
@guards.signed_in
def back_to_ours(slug: str, kind: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.EDIT_EVENT)
    save(event.id, kind_of(kind))
    return redirect(url_for(".show", slug=slug, kind=kind, done="ours"), code=303)


@bp.get("/<kind>/wording")
@bp.get("/<kind>/wording/removal")
@guards.signed_in
def button_is_elsewhere(slug: str, kind: str) -> ResponseReturnValue:
    event = layout.my_event(slug, Action.READ_MESSAGES)
    there = url_for(".show", slug=event.slug, kind=kind_of(kind))
    return redirect(there, code=303)
