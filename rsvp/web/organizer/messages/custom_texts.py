"""Custom texts: what an event's mails say, previewed and replaced by organizers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Response, abort, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from rsvp import errors
from rsvp.db import utcnow, write
from rsvp.domain import edit_versions, reconfirmation, reminders
from rsvp.domain.events import custom_texts
from rsvp.domain.events.custom_texts import (
    CUSTOMIZABLE_KINDS,
    MAX_LINE_LENGTH,
    MAX_TEXT_LENGTH,
)
from rsvp.domain.teams import Action
from rsvp.models import Event, Reminder
from rsvp.models.audit import EventVerb
from rsvp.models.message import MessageKind
from rsvp.models.registration import State
from rsvp.queries import audit as audit_queries
from rsvp.text import placeholders, states
from rsvp.web import form_actions, guards
from rsvp.web.forms import organizer
from rsvp.web.organizer import edit_conflicts, layout
from rsvp.web.organizer.edit_conflicts import EditConflict
from rsvp.web.organizer.messages import bp, preview_frame, previews, rows
from rsvp.web.presentation import short_times

DEADLINE_KINDS = {kind for kind, _field in placeholders.REQUIRED_PLACEHOLDERS}
FIELDS = ("subject", "headline", "text")
FIELD_LABELS = {
    "subject": _l("Subject"),
    "headline": _l("First sentence"),
    "text": _l("Text"),
}


@dataclass(frozen=True)
class KindRow:
    """One kind of mail in the list: what it is called, what it says now, and `when` it
    goes out, of those that go by the clock."""

    kind: MessageKind
    label: Any
    subject: str
    headline: str
    is_customized: bool
    when: str | None


@dataclass(frozen=True)
class CustomTextForm:
    """What stands in the form, and what is wrong with it, by field; `version` is that
    of what it was filled from."""

    texts: dict[str, str]
    version: str
    mistakes: dict[str, str] = field(default_factory=dict)


# --- looking ------------------------------------------------------------------------


@bp.get("/events/<slug>/messages/kinds")
@guards.signed_in
def list_custom_texts(slug: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.READ_MESSAGES)
    kinds = [kind for kind in rows.KIND_LABELS if kind in previews.PREVIEWED_KINDS]
    return layout.render_event_page(
        "messages/custom_texts.html",
        event,
        "messages",
        rows=[kind_row(event, kind) for kind in kinds if kind in CUSTOMIZABLE_KINDS],
    )


def kind_row(event: Event, kind: MessageKind) -> KindRow:
    texts = previews.make_preview(event, kind).texts
    return KindRow(
        kind=kind,
        label=rows.KIND_LABELS[kind],
        subject=texts.subject,
        headline=texts.headline,
        is_customized=kind in event.wording,
        when=schedule_text(event, kind),
    )


def schedule_text(event: Event, kind: MessageKind) -> str | None:
    """When mails of this kind go out by the clock, in words; None: something else is
    their cause."""
    if kind == MessageKind.STILL_COMING:
        return reconfirmation_schedule_text(event)
    anchors = [
        anchor for anchor, sent in reminders.KIND_BY_ANCHOR.items() if sent == kind
    ]
    if not anchors:
        return None
    event_reminders = [
        reminder for reminder in event.reminders if reminder.anchor in anchors
    ]
    if not event_reminders:
        return _("never, for the event file has none.")
    ordered = sorted(event_reminders, key=lambda each: (each.due_at, each.position))
    return " · ".join(reminder_schedule_text(event, reminder) for reminder in ordered)


def reminder_schedule_text(event: Event, reminder: Reminder) -> str:
    """When it goes out, and to whom, where that is not everybody who has a place."""
    at = short_times.short_time(reminder.due_at, event.zone).text
    names = {admission.key: admission.name for admission in event.admissions}
    whom = [names.get(key, key) for key in reminder.admissions]
    if reminder.states not in ([], [State.CONFIRMED]):
        whom += [str(states.STATE_LABELS[state].label) for state in reminder.states]
    return f"{at} ({', '.join(whom)})" if whom else at


def reconfirmation_schedule_text(event: Event) -> str:
    if event.ask_at is None or event.answer_by is None:
        return _("never, for the event file does not ask.")
    at = reconfirmation.ask_time(event, event.ask_at)
    return _(
        "%(at)s, to be answered until %(until)s",
        at=short_times.short_time(at, event.zone).text,
        until=short_times.short_time(event.answer_by, event.zone).text,
    )


def get_kind_or_404(name: str) -> MessageKind:
    if name not in CUSTOMIZABLE_KINDS or name not in previews.PREVIEWED_KINDS:
        abort(404)
    return MessageKind(name)


@bp.get("/events/<slug>/messages/kinds/<kind>")
@guards.signed_in
def show_custom_text(slug: str, kind: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.READ_MESSAGES)
    texts = custom_texts.custom_text_values(event, get_kind_or_404(kind))
    form = CustomTextForm(texts, edit_versions.version_of(texts))
    return custom_text_page(event, get_kind_or_404(kind), form)


def custom_text_page(
    event: Event,
    kind: MessageKind,
    form: CustomTextForm,
    status: int = 200,
    conflict: EditConflict | None = None,
) -> Response:
    preview = previews.make_preview(event, kind)
    default_subject, default_headline = preview.default_texts
    html = layout.render_event_page(
        "messages/custom_text.html",
        event,
        "messages",
        kind=kind,
        label=rows.KIND_LABELS[kind],
        mail=preview.mail,
        recipient_text=preview.recipient_text,
        form=form,
        conflict=conflict,
        is_customized=kind in event.wording,
        default_texts={"subject": default_subject, "headline": default_headline},
        may_change=layout.may(Action.EDIT_EVENT, event),
        when=schedule_text(event, kind),
        needs_deadline=kind in DEADLINE_KINDS,
        placeholders=placeholders.known_placeholders(
            has_deadline=kind in DEADLINE_KINDS
        ),
        longest={
            "subject": MAX_LINE_LENGTH,
            "headline": MAX_LINE_LENGTH,
            "text": MAX_TEXT_LENGTH,
        },
        done=DONE_MESSAGES.get(request.args.get("done", "")),
    )
    return preview_frame.page_with_frame(html, status)


DONE_MESSAGES = {
    "saved": _l("Saved. Mails of this kind say it from now on."),
    "ours": _l("Mails of this kind say it in our words again."),
    "kept": edit_conflicts.KEPT_MESSAGE,
}


@bp.get("/events/<slug>/messages/kinds/<kind>/preview")
@guards.signed_in
def show_custom_text_preview(slug: str, kind: str) -> ResponseReturnValue:
    """The mail's HTML by itself, for the frame on its page."""
    event = layout.get_event_or_404(slug, Action.READ_MESSAGES)
    return preview_frame.mail_frame(
        previews.make_preview(event, get_kind_or_404(kind)).mail
    )


# --- changing -----------------------------------------------------------------------


def find_custom_text(slug: str, kind: str) -> None:
    """404 where the person signed in may not read the event's mails."""
    layout.get_event_or_404(slug, Action.READ_MESSAGES)
    get_kind_or_404(kind)


@form_actions.action(
    bp,
    "/events/<slug>/messages/kinds/<kind>/wording",
    page="organizer.messages.show_custom_text",
    find=find_custom_text,
)
@guards.signed_in
def change_custom_text(slug: str, kind: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.EDIT_EVENT)
    form = form_from_request(event, get_kind_or_404(kind))
    if form.mistakes:
        return custom_text_page(event, get_kind_or_404(kind), form, 422)
    return save_texts(event, get_kind_or_404(kind), form.texts, "saved")


def form_from_request(event: Event, kind: MessageKind) -> CustomTextForm:
    texts = {
        "subject": organizer.read_line("subject"),
        "headline": organizer.read_line("headline"),
        "text": organizer.read_lines("text"),
    }
    mistakes = {name: text_mistake(event, kind, name, texts[name]) for name in FIELDS}
    return CustomTextForm(
        texts,
        edit_conflicts.version_for_form(custom_texts.custom_text_values(event, kind)),
        {name: wrong for name, wrong in mistakes.items() if wrong},
    )


def text_mistake(event: Event, kind: MessageKind, name: str, text: str) -> str | None:
    if not text:
        return None
    longest = MAX_TEXT_LENGTH if name == "text" else MAX_LINE_LENGTH
    if len(text) > longest:
        return organizer.too_long_message(longest)
    if name == "subject" and event.discreet:
        return _("The subjects of a discreet event say nothing: leave it empty.")
    return organizer.placeholder_mistake(
        text,
        needed=placeholders.REQUIRED_PLACEHOLDERS.get((kind, name)),
        has_deadline=kind in DEADLINE_KINDS,
    )


def save_texts(
    event: Event, kind: MessageKind, texts: dict[str, str], done: str
) -> ResponseReturnValue:
    """Save the texts (all empty: ours again), or show what somebody else has made of
    them meanwhile."""
    event_id, slug, version = event.id, event.slug, edit_conflicts.sent_version()
    current = custom_texts.custom_text_values(event, kind)
    if edit_conflicts.only_others_edited(version, current=current, typed=texts):
        done = "kept"
    actor, now = layout.current_actor(), utcnow()
    try:
        write(
            custom_texts.set_custom_text,
            event_id,
            kind,
            **texts,
            version=version,
            actor=actor,
            now=now,
        )
    except errors.EditConflict as refusal:
        event = layout.get_event_or_404(slug, Action.EDIT_EVENT)
        return conflict_page(event, kind, version or "", texts), refusal.status
    return redirect(
        url_for("organizer.messages.show_custom_text", slug=slug, kind=kind, done=done),
        code=303,
    )


def conflict_page(
    event: Event, kind: MessageKind, version: str, typed: dict[str, str]
) -> Response:
    current = custom_texts.custom_text_values(event, kind)
    conflict = edit_conflicts.find_conflict(
        version,
        current=current,
        typed=typed,
        labels=FIELD_LABELS,
        text_of=lambda _name, text: text or _("In our words"),
    )
    entry = audit_queries.find_last_change(
        event.id, EventVerb.CHANGE_WORDING, {"kind": kind.value}
    )
    form = CustomTextForm(
        edit_versions.merge(version, current=current, typed=typed),
        edit_versions.version_of(current),
    )
    conflict = edit_conflicts.said_by(conflict, event, entry)
    return custom_text_page(event, kind, form, conflict=conflict)


@form_actions.action(
    bp,
    "/events/<slug>/messages/kinds/<kind>/wording/removal",
    page="organizer.messages.show_custom_text",
    find=find_custom_text,
)
@guards.signed_in
def reset_custom_text(slug: str, kind: str) -> ResponseReturnValue:
    event = layout.get_event_or_404(slug, Action.EDIT_EVENT)
    ours = dict.fromkeys(FIELDS, "")
    return save_texts(event, get_kind_or_404(kind), ours, "ours")
