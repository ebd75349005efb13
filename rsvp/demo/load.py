"""Demo data: load sample events dated around today, with registrations.

The events are the files in `files/`, whose dates are counted from today: `{{+16 fri}}`
is the first Friday that is at least 16 days away, `{{-6}}` is six days ago, both in the
event's zone. People register as everybody does, so their mails wait in the outbox.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from rsvp import event_definition
from rsvp.db import current_session, writing
from rsvp.domain.events import publish
from rsvp.domain.registrations import approval, create
from rsvp.domain.registrations.create import RegistrationRequest, RequestedAttendee
from rsvp.formats.eventfile import parse
from rsvp.models import Admission, Event, Question, Registration
from rsvp.models.event import QuestionScope, QuestionType
from rsvp.models.registration import State
from rsvp.models.team import DEFAULT_TEAM

SAMPLE_FOLDER = Path(__file__).parent / "files"
DATE_PATTERN = re.compile(r"\{\{([+-]\d+)(?: (mon|tue|wed|thu|fri|sat|sun))?\}\}")
ZONE_PATTERN = re.compile(r"^timezone: (\S+)$", re.MULTILINE)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# How many seats are asked for, in parties of these sizes in turn.
REGISTRATIONS: tuple[tuple[str, str, int, tuple[int, ...]], ...] = (
    ("seed-swap-supper", "table", 31, (2, 1, 1, 3, 1)),
    ("harbour-forum", "hall", 46, (1, 2, 1, 4, 1, 2)),
    ("harbour-forum", "stream", 29, (1, 1, 2)),
    ("repair-nights-kettle", "online", 38, (1,)),
    ("what-the-tide-gauge-remembers", "chair", 17, (2, 1, 2)),
    ("shade-for-small-streets", "call", 22, (1,)),
    ("fold-a-pocket-notebook", "bench", 14, (1, 2)),
    ("quiet-table-4m7x", "circle", 8, (1,)),
    ("quiet-table-4m7x", "tea", 5, (1, 2)),
)

NAMES = (
    "Ada Brandt",
    "Bilal Yıldız",
    "Chiara Fontana",
    "Daan Vermeer",
    "Edith Okafor",
    "Farah Nasser",
    "Gwen Pryce",
    "Hugo Lindqvist",
    "Ines Carvalho",
    "Jun Watanabe",
    "Katarzyna Zając",
    "Leo Marchetti",
    "Mina Tehrani",
    "Noor de Wit",
    "Oona Virtanen",
    "Pavel Dvořák",
    "Quentin Lefèvre",
    "Rosa Iglesias",
    "Samuel Adeyemi",
    "Tomoko Abe",
    "Ursula Kern",
    "Viktor Petrov",
    "Willa Hartmann",
    "Xin Yi Lim",
    "Yusuf Demir",
    "Zoë Maes",
    "Anneke Bos",
    "Bruno Salles",
    "Ciara Nolan",
    "Dmitri Orlov",
    "Esi Mensah",
    "Florian Huber",
    "Greta Aas",
    "Hana Kovač",
    "Ismail Haddou",
    "Julia Sørensen",
    "Kofi Boateng",
    "Lucía Herrera",
    "Mei Tan",
    "Nils Bergström",
    "王小雨",
    "Ольга Сидорова",
    "ليلى حداد",
    "Ελένη Παππά",
    "तारा मेहता",
    "한지우",
)

APPROVAL_NOTE = "Bring an apron if you have one."
DECLINE_REASON = (
    "You asked for the day before; that one is full. Write to us about the next."
)

TEXT_ANSWERS = {
    "diet": ("No nuts, please", "Nothing from the sea", "No celery, I am allergic"),
    "access": ("A seat near the door", "Large print", "Somebody who signs"),
    "ask": (
        "Mine hums for a minute and then gives up. Is that the plate or the switch?",
        "Which screws do you never throw away?",
        "Is limescale ever the reason, or only ever blamed?",
    ),
    "keep": (
        "Recipes from my aunt, who measures in handfuls.",
        "Birds, with dates.",
        "I will find out.",
    ),
    "reach": ("Not before ten", "Not on Thursdays"),
}


def load_sample_data(now: datetime, code_key: bytes) -> bool:
    """Load sample events and people if there is no event yet; return whether it did."""
    files = [read_sample(path, now) for path in sorted(SAMPLE_FOLDER.glob("*.yaml"))]
    with writing() as session:
        # Whoever else loads them at this moment waits here, and then finds them.
        publish.get_or_create_team(DEFAULT_TEAM)
        if session.scalar(select(Event.id).limit(1)) is not None:
            return False
        for file in files:
            publish.publish_definition(
                file, actor="command", now=now - timedelta(days=6)
            )
        for slug, key, seats, sizes in REGISTRATIONS:
            event = session.scalars(select(Event).where(Event.slug == slug)).one()
            admission = next(a for a in event.admissions if a.key == key)
            register_parties(event, admission, seats, sizes, now=now, code_key=code_key)
        decide_requests(now)
    return True


def read_sample(path: Path, now: datetime) -> event_definition.EventDefinition:
    return parse.parse_event(
        fill_in_dates(path.read_text(encoding="utf-8"), now), path.name
    )


def fill_in_dates(text: str, now: datetime) -> str:
    """Return the text with each `{{…}}` as a date, counted from today in the event's
    zone."""
    [zone] = ZONE_PATTERN.findall(text)
    today = now.astimezone(ZoneInfo(zone)).date()
    return DATE_PATTERN.sub(
        lambda match: f"{relative_day(today, match[1], match[2])}", text
    )


def relative_day(today: date, days: str, weekday: str | None) -> date:
    day = today + timedelta(days=int(days))
    if weekday:
        day += timedelta(days=(WEEKDAYS.index(weekday) - day.weekday()) % 7)
    return day


# --- people -------------------------------------------------------------------------


def register_parties(
    event: Event,
    admission: Admission,
    seats: int,
    sizes: tuple[int, ...],
    *,
    now: datetime,
    code_key: bytes,
) -> None:
    """Register parties until this many seats are asked for, the latest an hour ago."""
    parties = list(party_sizes(seats, sizes))
    for number, size in enumerate(parties):
        email = f"{event.slug.split('-')[0]}-{admission.key}-{number + 1}@example.org"
        requested = RegistrationRequest(
            admission_id=admission.id,
            email=email,
            email_key=email,
            party=tuple(
                RequestedAttendee(
                    attendee_name(event, number, guest),
                    make_answers(
                        event, admission, QuestionScope.ATTENDEE, number + guest
                    ),
                )
                for guest in range(size)
            ),
            answers=make_answers(event, admission, QuestionScope.REGISTRATION, number),
            consents={
                consent.id: consent.required or number % 3 == 0
                for consent in event.consents
            },
            language=event.language,
        )
        at = now - timedelta(minutes=60 + 73 * (len(parties) - number))
        plan = create.prepare(event, requested, code_key=code_key, now=at)
        create.register(plan, under_lock=True)


def decide_requests(now: datetime) -> None:
    """Decide the older half of the requests, as their organizers would: one no, and yes
    to the others."""
    asked = list(
        current_session().scalars(
            select(Registration.id)
            .where(Registration.state == State.REQUESTED)
            .order_by(Registration.id)
        )
    )
    first, *others = asked[: len(asked) // 2]
    approval.decline(first, why=DECLINE_REASON, actor="command", now=now)
    for registration_id in others:
        approval.approve(registration_id, why=APPROVAL_NOTE, actor="command", now=now)


def party_sizes(seats: int, sizes: tuple[int, ...]) -> Iterator[int]:
    for size in cycle(sizes):
        if seats <= 0:
            return
        yield min(size, seats)
        seats -= size


def attendee_name(event: Event, number: int, guest: int) -> str | None:
    """Return a name; some guests have none yet, as it is in life."""
    if guest and number % 4 == 1:
        return None
    start = 7 * event.id + 3 * number + 11 * guest
    return next(islice(cycle(NAMES), start, None))


def make_answers(
    event: Event, admission: Admission, per: QuestionScope, number: int
) -> dict[str, Any]:
    """Return answers to what is asked; what needs none is often left empty."""
    return {
        question.key: make_answer(question, number)
        for question in event.questions
        if question.per == per and question.is_for(admission)
        if question.required or number % 3 == 0
    }


def make_answer(question: Question, number: int) -> Any:
    match question.type:
        case QuestionType.YES_NO:
            return number % 2 == 0
        case QuestionType.CHOICE:
            return question.options[number % len(question.options)]
        case QuestionType.CHOICES:
            return question.options[: 1 + number % 2]
    texts = TEXT_ANSWERS[question.key]
    return texts[number // 3 % len(texts)]
