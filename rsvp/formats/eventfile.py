"""Event files: YAML that says all about one event, read strictly and written back.

`parse(dump(x)) == x` for every x that `parse` gave. Each key, its default and its
limits are described in docs/event-file.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from rsvp import walltime
from rsvp.eventdata import (
    RETENTION_DAYS,
    AdmissionData,
    AgendaItem,
    ConsentData,
    Contributor,
    EventFile,
    Link,
    Online,
    Organization,
    QuestionData,
    RegistrationRules,
    SeriesData,
    Venue,
)
from rsvp.formats.fields import (
    Keys,
    Mistake,
    Report,
    Section,
    Value,
    block,
    each,
    flag,
    language,
    line,
    mail_address,
    mapping,
    slug,
    time_of_day,
    url,
    wall_time,
    whole,
    word,
    zone,
)
from rsvp.formats.located import NotYamlError, compose
from rsvp.models.event import Mode, Per, QuestionType, Status, Visibility
from rsvp.models.team import DEFAULT_TEAM

__all__ = [
    "KEYS",
    "EventFile",
    "EventFileError",
    "Mistake",
    "dump",
    "key_line",
    "parse",
]

LARGEST_CAPACITY = 1_000_000
LARGEST_PARTY = 100
LONGEST_EVENT = timedelta(days=366)
MOST_DAYS = 3650

NOWHERE = datetime(2000, 1, 1)  # noqa: DTZ001 - stands in for a time that is wrong


def keys_of(data: type, also: str = "", later: str = "") -> Keys:
    names = [field.name for field in fields(data)]
    return Keys((*names, *also.split()), later.split())


KEYS = {
    "": keys_of(
        EventFile,
        later="reserved_seats cover standby_minutes standby invitations still_coming "
        "reconfirmation offers door_search",
    ),
    "venue": keys_of(Venue),
    "online": keys_of(Online),
    "series": keys_of(SeriesData),
    "hosts": keys_of(Organization, later="logo"),
    "sponsors": keys_of(Organization, later="logo"),
    "people": keys_of(Contributor, later="url picture bio"),
    "agenda": keys_of(AgendaItem),
    "links": keys_of(Link),
    "admissions": keys_of(AdmissionData, later="opens closes party_max"),
    "registration": keys_of(
        RegistrationRules,
        also="allocation promote",
        later="confirm_address fewer_ok change_until offer_hours",
    ),
    "questions": keys_of(QuestionData),
    "consents": keys_of(ConsentData),
}
"""What each mapping may hold, by the key it stands at."""


class Allocation(StrEnum):
    FIRST_COME = "first_come"


class Promote(StrEnum):
    CONFIRM = "confirm"


class EventFileError(ValueError):
    """A file that can't be used, with each mistake in it, by line.

    `line`, `key` and `reason` are those of the first; the text has one line for each,
    as in `evening.yaml:12: admissions[0].capacity: must be 0 or more, not -1`.
    """

    def __init__(self, file: str, mistakes: Iterable[Mistake]) -> None:
        self.file = file
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.line)
        first = self.mistakes[0]
        self.line, self.key, self.reason = first.line, first.key, first.reason
        super().__init__("\n".join(map(self.told, self.mistakes)))

    def told(self, mistake: Mistake) -> str:
        key = f"{mistake.key}: " if mistake.key else ""
        return f"{self.file}:{mistake.line}: {key}{mistake.reason}"


# --- reading ------------------------------------------------------------------------


def parse(text: str, name: str) -> EventFile:
    """Read a file's text; `name` is what mistakes call it. Raises EventFileError."""
    report = Report()
    event = read(text, name, report)
    if event is None or report.mistakes:
        raise EventFileError(name, report.mistakes)
    return event


def key_line(text: str, key: str) -> int:
    """The line on which a key of a readable file stands."""
    report = Report()
    read(text, "", report)
    return report.line(key)


def read(text: str, name: str, report: Report) -> EventFile | None:
    try:
        root = Value(compose(text), "", report)
    except NotYamlError as error:
        raise EventFileError(name, [Mistake(error.line, "", error.reason)]) from error
    return root.take(mapping(KEYS[""], read_event))


def read_event(s: Section) -> EventFile:
    discreet = s.read("discreet", flag) or False
    by_itself = Visibility.UNLISTED if discreet else Visibility.PUBLIC
    retention_days = s.read("retention_days", whole(0, MOST_DAYS))
    event = EventFile(
        slug=s.read("slug", slug, needed=True) or "",
        title=s.read("title", line(200), needed=True) or "",
        summary=s.read("summary", line(500)),
        description=s.read("description", block(20_000)),
        language=s.read("language", language) or "en",
        status=s.read("status", word(Status)) or Status.PUBLISHED,
        visibility=s.read("visibility", word(Visibility, later=["invitation"]))
        or by_itself,
        discreet=discreet,
        team=s.read("team", slug) or DEFAULT_TEAM,
        timezone=s.read("timezone", zone, needed=True) or "UTC",
        starts=s.read("starts", wall_time, needed=True) or NOWHERE,
        ends=s.read("ends", wall_time, needed=True) or NOWHERE,
        doors=s.read("doors", wall_time),
        fold=s.read("fold", whole(0, 1)),
        also_show=s.read("also_show", each(zone)) or (),
        venue=s.read("venue", mapping(KEYS["venue"], read_venue)),
        online=s.read("online", mapping(KEYS["online"], read_online)),
        room=s.read("room", whole(0, LARGEST_CAPACITY)),
        contact=s.read("contact", mail_address),
        series=s.read("series", mapping(KEYS["series"], read_series)),
        hosts=s.read("hosts", each(mapping(KEYS["hosts"], read_organization))) or (),
        sponsors=s.read("sponsors", each(mapping(KEYS["sponsors"], read_organization)))
        or (),
        people=s.read("people", each(mapping(KEYS["people"], read_contributor))) or (),
        agenda=s.read("agenda", each(mapping(KEYS["agenda"], read_agenda_item))) or (),
        links=s.read("links", each(mapping(KEYS["links"], read_link))) or (),
        admissions=s.read(
            "admissions", each(mapping(KEYS["admissions"], read_admission)), needed=True
        )
        or (),
        registration=s.read("registration", mapping(KEYS["registration"], read_rules))
        or RegistrationRules(),
        questions=s.read("questions", each(mapping(KEYS["questions"], read_question)))
        or (),
        consents=s.read("consents", each(mapping(KEYS["consents"], read_consent)))
        or (),
        retention_days=RETENTION_DAYS if retention_days is None else retention_days,
    )
    check_times(event, s.report)
    check_ways_to_attend(event, s.report)
    check_questions(event, s.report)
    check_repeats(event, s.report)
    return event


def read_venue(s: Section) -> Venue:
    return Venue(
        name=s.read("name", line(200), needed=True) or "",
        address=s.read("address", block(1000)),
        access=s.read("access", block(2000)),
    )


def read_online(s: Section) -> Online:
    online = Online(join_url=s.read("join_url", url), note=s.read("note", block(2000)))
    if online == Online() and s.report.fine(s.path):
        s.report.wrong(s.path, "says nothing: give a join_url or a note")
    return online


def read_series(s: Section) -> SeriesData:
    return SeriesData(
        slug=s.read("slug", slug, needed=True) or "",
        title=s.read("title", line(200), needed=True) or "",
        summary=s.read("summary", line(500)),
    )


def read_organization(s: Section) -> Organization:
    return Organization(
        name=s.read("name", line(200), needed=True) or "", url=s.read("url", url)
    )


def read_contributor(s: Section) -> Contributor:
    return Contributor(
        name=s.read("name", line(200), needed=True) or "",
        role=s.read("role", line(100)),
    )


def read_agenda_item(s: Section) -> AgendaItem:
    return AgendaItem(
        at=s.read("at", time_of_day, needed=True) or "",
        title=s.read("title", line(200), needed=True) or "",
        note=s.read("note", block(1000)),
    )


def read_link(s: Section) -> Link:
    return Link(
        title=s.read("title", line(200), needed=True) or "",
        url=s.read("url", url, needed=True) or "",
    )


def read_admission(s: Section) -> AdmissionData:
    return AdmissionData(
        key=s.read("key", slug, needed=True) or "",
        name=s.read("name", line(200), needed=True) or "",
        mode=s.read("mode", word(Mode), needed=True) or Mode.IN_PERSON,
        capacity=s.read("capacity", whole(0, LARGEST_CAPACITY)),
        waitlist=s.read("waitlist", flag) or False,
    )


def read_rules(s: Section) -> RegistrationRules:
    s.read("allocation", word(Allocation, later=["approval", "draw"]))
    s.read("promote", word(Promote, later=["offer"]))
    required = s.read("required", flag)
    return RegistrationRules(
        required=True if required is None else required,
        party_max=s.read("party_max", whole(1, LARGEST_PARTY)) or 1,
        opens=s.read("opens", wall_time),
        closes=s.read("closes", wall_time),
        paused=s.read("paused", flag) or False,
        several=s.read("several", flag) or False,
    )


def read_question(s: Section) -> QuestionData:
    return QuestionData(
        key=s.read("key", slug, needed=True) or "",
        ask=s.read("ask", line(500), needed=True) or "",
        hint=s.read("hint", line(500)),
        type=s.read("type", word(QuestionType), needed=True) or QuestionType.TEXT,
        options=s.read("options", each(line(200))) or (),
        required=s.read("required", flag) or False,
        per=s.read("per", word(Per)) or Per.REGISTRATION,
        only_for=s.read("only_for", each(slug)) or (),
        keep_days=s.read("keep_days", whole(0, MOST_DAYS)),
    )


def read_consent(s: Section) -> ConsentData:
    return ConsentData(
        key=s.read("key", slug, needed=True) or "",
        text=s.read("text", block(2000), needed=True) or "",
        required=s.read("required", flag) or False,
    )


# --- rules across keys --------------------------------------------------------------

TIME_KEYS = {
    "starts": "starts",
    "ends": "ends",
    "doors": "doors",
    "opens": "registration.opens",
    "closes": "registration.closes",
}


def check_times(event: EventFile, report: Report) -> None:
    if not report.fine("timezone", "fold"):
        return
    at = {}
    for name, wall in event.wall_times.items():
        key = TIME_KEYS[name]
        if wall is None or not report.fine(key):
            continue
        try:
            at[name] = walltime.instant(wall, ZoneInfo(event.timezone), event.fold)
        except ValueError as error:
            report.wrong(key, str(error))
    if not report.fine("starts", "ends"):
        return
    if at["ends"] <= at["starts"]:
        report.wrong("ends", "must be after starts")
    elif at["ends"] - at["starts"] > LONGEST_EVENT:
        report.wrong("ends", f"must be within {LONGEST_EVENT.days} days of starts")
    if "doors" in at and at["doors"] > at["starts"]:
        report.wrong("doors", "must not be after starts")
    if "closes" in at and at["closes"] > at["ends"]:
        report.wrong("registration.closes", "must not be after ends")
    closes = at.get("closes", at["starts"])
    if "opens" in at and report.fine("registration.closes") and at["opens"] >= closes:
        by = "registration.closes" if "closes" in at else "starts, when it closes"
        report.wrong("registration.opens", f"must be before {by}")


def check_ways_to_attend(event: EventFile, report: Report) -> None:
    if not report.fine("admissions"):
        return
    if not event.admissions:
        report.wrong("admissions", "must list at least one way to attend")
        return
    modes = {admission.mode for admission in event.admissions}
    if event.room is not None and Mode.IN_PERSON not in modes:
        report.wrong("room", "caps in-person seats, but no admission is in_person")
    if event.online and Mode.ONLINE not in modes:
        report.wrong("online", "would reach nobody: no admission is online")
    if event.discreet and event.visibility == Visibility.PUBLIC:
        report.wrong("visibility", "must be unlisted, since the event is discreet")
    if event.timezone in event.also_show and report.fine("also_show"):
        number = event.also_show.index(event.timezone)
        report.wrong(f"also_show[{number}]", "is the event's own zone already")


def check_questions(event: EventFile, report: Report) -> None:
    if not report.fine("questions"):
        return
    admissions = {admission.key for admission in event.admissions}
    for number, question in enumerate(event.questions):
        path = f"questions[{number}]"
        takes_options = question.type in (QuestionType.CHOICE, QuestionType.CHOICES)
        if takes_options and not question.options:
            report.wrong(f"{path}.options", f"is missing: {question.type} needs some")
        if question.options and not takes_options:
            report.wrong(f"{path}.options", f"is not for the type {question.type}")
        if report.fine("admissions"):
            for place, key in enumerate(question.only_for):
                if key not in admissions:
                    report.wrong(
                        f"{path}.only_for[{place}]", f"no admission has the key {key}"
                    )
        if question.keep_days is not None and question.keep_days > event.retention_days:
            days = f"retention_days ({event.retention_days})"
            report.wrong(f"{path}.keep_days", f"must not be more than {days}")


def check_repeats(event: EventFile, report: Report) -> None:
    lists: list[tuple[str, str, Sequence[str]]] = [
        ("also_show", "", event.also_show),
        ("admissions", ".key", [a.key for a in event.admissions]),
        ("questions", ".key", [q.key for q in event.questions]),
        ("consents", ".key", [c.key for c in event.consents]),
    ]
    for number, question in enumerate(event.questions):
        lists.append((f"questions[{number}].options", "", question.options))
        lists.append((f"questions[{number}].only_for", "", question.only_for))
    for path, tail, values in lists:
        if not report.fine(path):
            continue
        for number, value in enumerate(values):
            if value in values[:number]:
                report.wrong(f"{path}[{number}]{tail}", f"{value} stands there twice")


# --- writing ------------------------------------------------------------------------


class Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block, as people do."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        # Lists are indented below their key, as in the files people write.
        super().increase_indent(flow, False)


def represent_text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    if "\n" not in text:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text)
    # Reading strips the last newline again.
    return dumper.represent_scalar("tag:yaml.org,2002:str", f"{text}\n", style="|")


Dumper.add_representer(str, represent_text)


def dump(event: EventFile) -> str:
    """The file that says this; what stands at its default is left out."""
    return yaml.dump(
        plain(event),
        Dumper=Dumper,
        allow_unicode=True,
        default_flow_style=False,
        sort_keys=False,
        width=88,
    )


def plain(value: Any) -> Any:
    """Dataclasses as mappings of what is not at its default, in the order of KEYS."""
    if is_dataclass(value):
        return {
            field.name: plain(getattr(value, field.name))
            for field in fields(value)
            if getattr(value, field.name) != field.default
        }
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value) if isinstance(value, StrEnum) else value
