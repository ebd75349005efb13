"""Hypothesis strategies: any event that a file can say."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import assume
from hypothesis import strategies as st

from rsvp import walltime
from rsvp.event_definition import (
    AdmissionData,
    AgendaItem,
    ConsentData,
    Contributor,
    CustomTextData,
    EventDefinition,
    Link,
    Online,
    Organization,
    QuestionData,
    ReconfirmationRules,
    RegistrationRules,
    ReminderData,
    SeriesData,
    Venue,
)
from rsvp.models.event import (
    DEFAULT_STANDBY_MINUTES,
    Allocation,
    Mode,
    NoAnswer,
    Promotion,
    QuestionScope,
    QuestionType,
    Status,
    Visibility,
)
from rsvp.models.message import MessageKind
from rsvp.models.registration import State
from rsvp.text import durations

MINUTE = timedelta(minutes=1)


def letters(longest: int, also: str = "") -> st.SearchStrategy[str]:
    """Text in any script, with what is awkward in YAML, as `parse` leaves it."""
    awkward = st.sampled_from(list(":#-?[]{}&*!|>'\"%@`,\\ ~=/.0") + list(also))
    anything = st.characters(
        exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\ufeff"
    )
    texts = st.text(awkward | anything, min_size=1, max_size=longest)
    return texts.map(str.strip).filter(
        lambda text: any(c.isprintable() and not c.isspace() for c in text)
    )


def several(values: st.SearchStrategy[Any], by: str = "") -> st.SearchStrategy[Any]:
    """A tuple of some, unique by their attribute `by`."""
    unique = (lambda value: getattr(value, by)) if by else None
    return st.lists(values, max_size=3, unique_by=unique).map(tuple)


LINES = letters(40) | st.sampled_from(
    ("null", "~", "yes", "No", "1984", "2027-01-29", "18:00", "0x1f", "- a", "a: b")
)
BLOCKS = letters(80, also="\n\n\n\t") | LINES
# Among them what YAML would take for something else than text.
KEYS = st.sampled_from(
    (
        "a",
        "b-2",
        "reading-room",
        "x" * 64,
        "9-9-9",
        "hall",
        "diet",
        "2027-01-29",
        "null",
        "no",
        "on",
        "true",
        "12",
        "0",
        "0x1f",
        "1e3",
        "0o7",
        "nan",
    )
)
FLAGS = st.booleans()
LENGTHS = st.integers(0, 60 * 24 * 20).map(lambda minutes: minutes * MINUTE)
SEATS = st.none() | st.integers(0, 1_000_000)
MAYBE_LINE, MAYBE_BLOCK = st.none() | LINES, st.none() | BLOCKS
URLS = st.builds("https://{}.example.org/{}".format, KEYS, KEYS)

ORGANIZATIONS = several(st.builds(Organization, name=LINES, url=st.none() | URLS))
QUESTIONS = st.builds(
    QuestionData,
    key=KEYS,
    ask=LINES,
    hint=MAYBE_LINE,
    type=st.sampled_from(QuestionType),
    options=st.lists(LINES, min_size=1, max_size=4, unique=True).map(tuple),
    required=FLAGS,
    per=st.sampled_from(QuestionScope),
    keep_days=st.none() | st.integers(0, 10),
)
ADMISSIONS = st.builds(
    AdmissionData,
    key=KEYS,
    name=LINES,
    mode=st.sampled_from(Mode),
    capacity=SEATS,
    waitlist=FLAGS,
    waitlist_max=SEATS,
)

# What depends on nothing else in the file.
WORDS = st.none() | BLOCKS.filter(lambda text: not set("{}") & set(text))
ONE_LINE = LINES.filter(lambda text: not set("{}") & set(text))
SPANS = st.integers(0, 60 * 24 * 60).map(durations.format_duration)
REMINDERS = st.builds(
    ReminderData, key=KEYS, before=SPANS, subject=st.none() | ONE_LINE, text=WORDS
) | st.builds(
    ReminderData,
    key=KEYS,
    after=SPANS,
    states=st.sampled_from(((State.WAITLISTED,), (State.CONFIRMED, State.OFFERED))),
    text=WORDS,
)
WORDINGS = st.builds(
    CustomTextData,
    message=st.sampled_from((MessageKind.CANCELLED, MessageKind.REMINDER)),
    subject=st.none() | ONE_LINE,
    headline=ONE_LINE,
    text=WORDS,
)

VALUES = st.fixed_dictionaries(
    {
        "slug": KEYS,
        "title": LINES,
        "summary": MAYBE_LINE,
        "description": MAYBE_BLOCK,
        "language": st.sampled_from(("en", "nl", "pt-BR", "zh-Hant-TW", "no")),
        "status": st.sampled_from(Status),
        "visibility": st.sampled_from(Visibility),
        "discreet": FLAGS,
        "team": KEYS,
        "series": st.none()
        | st.builds(SeriesData, slug=KEYS, title=LINES, summary=MAYBE_LINE),
        "timezone": st.sampled_from(
            ("Europe/Amsterdam", "America/New_York", "Asia/Tokyo")
        ),
        "fold": st.sampled_from((None, 0, 1)),
        "also_show": st.sampled_from(((), ("UTC",), ("UTC", "Asia/Kolkata"))),
        "venue": st.none()
        | st.builds(Venue, name=LINES, address=MAYBE_BLOCK, access=MAYBE_BLOCK),
        "online": st.builds(Online, join_url=st.none() | URLS, note=MAYBE_BLOCK),
        "hosts": ORGANIZATIONS,
        "sponsors": ORGANIZATIONS,
        "people": several(st.builds(Contributor, name=LINES, role=MAYBE_LINE)),
        "agenda": several(
            st.builds(
                AgendaItem,
                at=st.times().map("{:%H:%M}".format),
                title=LINES,
                note=MAYBE_BLOCK,
            )
        ),
        "links": several(st.builds(Link, title=LINES, url=URLS)),
        "room": SEATS,
        "reserved_seats": st.integers(0, 1_000_000),
        "standby": FLAGS,
        "standby_minutes": st.integers(0, 240),
        "admissions": several(ADMISSIONS, by="key").filter(bool),
        "still_coming": st.none()
        | st.builds(
            ReconfirmationRules,
            ask_hours=st.integers(50, 720),
            answer_hours=st.integers(1, 49),
            no_answer=st.sampled_from(NoAnswer),
        ),
        "reminders": several(REMINDERS, by="key"),
        "wording": several(WORDINGS, by="message").map(
            lambda found: tuple(sorted(found, key=lambda words: words.message))
        ),
        "questions": several(QUESTIONS, by="key"),
        "consents": several(
            st.builds(ConsentData, key=KEYS, text=BLOCKS, required=FLAGS), by="key"
        ),
        "contact": st.none() | KEYS.map("{}@example.org".format),
        "retention_days": st.integers(10, 3650),
    }
)
RULES = st.builds(
    RegistrationRules,
    required=FLAGS,
    party_max=st.integers(1, 100),
    paused=FLAGS,
    several=FLAGS,
    allocation=st.sampled_from(Allocation),
    promote=st.sampled_from(Promotion),
    confirm_address=FLAGS,
)
STARTS = st.datetimes(datetime(2001, 1, 1), datetime(2190, 1, 1))
# How long it lasts, and how long before the start doors and the form open.
TIMES = st.tuples(LENGTHS, st.none() | LENGTHS, st.none() | LENGTHS)


@st.composite
def event_definitions(draw: st.DrawFn) -> EventDefinition:
    values = draw(VALUES)
    starts = draw(STARTS).replace(second=0, microsecond=0)
    lasts, doors, opens = draw(TIMES)
    ends = starts + MINUTE + lasts
    rules = replace(
        draw(RULES),
        opens=None if opens is None else starts - MINUTE - opens,
        closes=draw(st.sampled_from((None, starts, ends))),
        change_until=draw(st.sampled_from((None, starts - MINUTE, starts, ends))),
    )
    event = EventDefinition(
        **values,
        starts=starts,
        ends=ends,
        doors=None if doors is None else starts - doors,
        registration=rules,
    )
    assume(has_times_in_order(event))
    return fitting(event)


def has_times_in_order(event: EventDefinition) -> bool:
    """Whether each time exists; around a fold, wall times in order can be instants that
    are not."""
    at = {}
    for name, wall in event.wall_times.items():
        try:
            if wall:
                at[name] = walltime.instant(wall, ZoneInfo(event.timezone), event.fold)
        except ValueError:
            return False
    closes = at.get("closes", at["starts"])
    return (
        at.get("doors", at["starts"]) <= at["starts"] < at["ends"]
        and closes <= at["ends"]
        and at.get("change_until", at["ends"]) <= at["ends"]
        and ("opens" not in at or at["opens"] < closes)
    )


def fitting(event: EventDefinition) -> EventDefinition:
    """The event without what one of its values does not allow in another."""
    modes = {admission.mode for admission in event.admissions}
    takes_options = (QuestionType.CHOICE, QuestionType.CHOICES)
    only_for = (event.admissions[-1].key,)
    by_approval = event.registration.allocation == Allocation.APPROVAL
    is_public = event.visibility == Visibility.PUBLIC
    room = event.room if Mode.IN_PERSON in modes else None
    is_capped = room is not None or any(
        admission.capacity is not None for admission in event.admissions
    )
    return replace(
        event,
        visibility=Visibility.UNLISTED
        if event.discreet and is_public
        else event.visibility,
        room=room,
        still_coming=event.still_coming if is_capped else None,
        reminders=tuple(
            replace(reminder, subject=None if event.discreet else reminder.subject)
            for reminder in event.reminders
        ),
        wording=tuple(
            replace(words, subject=None if event.discreet else words.subject)
            for words in event.wording
        ),
        reserved_seats=min(event.reserved_seats, cap_of_reserved(event, room)),
        standby_minutes=event.standby_minutes
        if event.standby
        else DEFAULT_STANDBY_MINUTES,
        admissions=tuple(
            replace(
                admission,
                waitlist_max=admission.waitlist_max if admission.waitlist else None,
            )
            for admission in event.admissions
        ),
        registration=replace(
            event.registration,
            confirm_address=event.registration.confirm_address and not by_approval,
        ),
        online=event.online
        if Mode.ONLINE in modes and event.online != Online()
        else None,
        questions=tuple(
            replace(
                question,
                options=question.options if question.type in takes_options else (),
                only_for=only_for if question.required else (),
            )
            for question in event.questions
        ),
    )


def cap_of_reserved(event: EventDefinition, room: int | None) -> int:
    """The cap that reserved seats come from; 0 where there is none."""
    if room is not None:
        return room
    capped = [one for one in event.admissions if one.capacity is not None]
    in_person = [one for one in capped if one.mode == Mode.IN_PERSON]
    return next((one.capacity or 0 for one in in_person or capped), 0)
