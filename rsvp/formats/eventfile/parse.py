"""Reading an event file: known keys only, and every mistake with its line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import datetime

from rsvp.event_definition import (
    REMINDERS,
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
    ReminderData,
    SeriesData,
    StillComing,
    Venue,
    WordingData,
)
from rsvp.formats.eventfile import validate
from rsvp.formats.eventfile.readers import (
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
    one_of,
    slug,
    span,
    time_of_day,
    url,
    wall_time,
    whole,
    word,
    worded,
    zone,
)
from rsvp.formats.eventfile.yaml_nodes import NotYamlError, compose
from rsvp.models.event import (
    STANDBY_MINUTES,
    Allocation,
    Mode,
    NoAnswer,
    Per,
    Promotion,
    QuestionType,
    Status,
    Visibility,
)
from rsvp.models.message import TO_ATTENDEES, MessageKind
from rsvp.models.registration import State
from rsvp.models.team import DEFAULT_TEAM

LARGEST_CAPACITY = 1_000_000
LARGEST_PARTY = 100
LONGEST_STANDBY = 240
MOST_DAYS = 3650
LONGEST_ASKED_BEFORE = 30 * 24
LONGEST_SPAN = 60 * 24 * 60
LONGEST_WORDS = 2000

# Who may be reminded: whoever has a place, waits for one, or for a decision.
REMINDED = (State.CONFIRMED, State.WAITLISTED, State.OFFERED, State.REQUESTED)
# The mails with words to be changed; the organizers' own are theirs already.
WORDED = [kind for kind in TO_ATTENDEES if kind != MessageKind.NOTE]

NOWHERE = datetime(2000, 1, 1)  # noqa: DTZ001 - stands in for a time that is wrong


def keys_of(data: type, later: str = "") -> Keys:
    return Keys([field.name for field in fields(data)], later.split())


KEYS = {
    "": keys_of(
        EventFile,
        later="cover invitations reconfirmation offers door_search",
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
        later="fewer_ok offer_hours",
    ),
    "still_coming": keys_of(StillComing),
    "reminders": keys_of(ReminderData),
    "wording": keys_of(WordingData),
    "questions": keys_of(QuestionData),
    "consents": keys_of(ConsentData),
}
"""What each mapping may hold, by the key it stands at."""


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
    standby = s.read("standby", flag)
    standby_minutes = s.read("standby_minutes", whole(0, LONGEST_STANDBY))
    reminders = s.read("reminders", each(mapping(KEYS["reminders"], read_reminder)))
    event = EventFile(
        slug=s.read("slug", slug, needed=True) or "",
        title=s.read("title", line(200), needed=True) or "",
        summary=s.read("summary", line(500)),
        description=s.read("description", block(20_000)),
        language=s.read("language", language) or "en",
        status=s.read("status", word(Status)) or Status.PUBLISHED,
        visibility=s.read("visibility", word(Visibility)) or by_itself,
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
        reserved_seats=s.read("reserved_seats", whole(0, LARGEST_CAPACITY)) or 0,
        standby=True if standby is None else standby,
        standby_minutes=STANDBY_MINUTES if standby_minutes is None else standby_minutes,
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
        still_coming=s.read(
            "still_coming", mapping(KEYS["still_coming"], read_still_coming)
        ),
        reminders=REMINDERS if reminders is None else reminders,
        wording=s.read("wording", each(mapping(KEYS["wording"], read_wording))) or (),
        questions=s.read("questions", each(mapping(KEYS["questions"], read_question)))
        or (),
        consents=s.read("consents", each(mapping(KEYS["consents"], read_consent)))
        or (),
        retention_days=RETENTION_DAYS if retention_days is None else retention_days,
    )
    if not event.standby and standby_minutes is not None:
        s.report.wrong("standby_minutes", "does not go with standby: false")
    validate.check(event, s.report)
    # In whatever order they are written, they say the same.
    return replace(event, wording=tuple(sorted(event.wording, key=by_message)))


def by_message(words: WordingData) -> str:
    return words.message


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
        waitlist_max=s.read("waitlist_max", whole(0, LARGEST_CAPACITY)),
    )


def read_rules(s: Section) -> RegistrationRules:
    required = s.read("required", flag)
    return RegistrationRules(
        required=True if required is None else required,
        party_max=s.read("party_max", whole(1, LARGEST_PARTY)) or 1,
        opens=s.read("opens", wall_time),
        closes=s.read("closes", wall_time),
        paused=s.read("paused", flag) or False,
        several=s.read("several", flag) or False,
        allocation=s.read("allocation", word(Allocation, later=["draw"]))
        or Allocation.FIRST_COME,
        promote=s.read("promote", word(Promotion)) or Promotion.OFFER,
        confirm_address=s.read("confirm_address", flag) or False,
        change_until=s.read("change_until", wall_time),
    )


def read_still_coming(s: Section) -> StillComing:
    ask = s.read("ask_hours", whole(2, LONGEST_ASKED_BEFORE))
    answer = s.read("answer_hours", whole(1, LONGEST_ASKED_BEFORE))
    usual = StillComing()
    return StillComing(
        ask_hours=usual.ask_hours if ask is None else ask,
        answer_hours=usual.answer_hours if answer is None else answer,
        no_answer=s.read("no_answer", word(NoAnswer)) or usual.no_answer,
    )


def read_reminder(s: Section) -> ReminderData:
    states = s.read("states", each(one_of(REMINDED)))
    return ReminderData(
        key=s.read("key", slug, needed=True) or "",
        before=s.read("before", span(LONGEST_SPAN)),
        after=s.read("after", span(LONGEST_SPAN)),
        admissions=s.read("admissions", each(slug)) or (),
        states=(State.CONFIRMED,) if states is None else states,
        subject=s.read("subject", worded(line(200))),
        text=s.read("text", worded(block(LONGEST_WORDS))),
    )


def read_wording(s: Section) -> WordingData:
    return WordingData(
        message=s.read("message", one_of(WORDED), needed=True) or WORDED[0],
        subject=s.read("subject", worded(line(200))),
        headline=s.read("headline", worded(line(200))),
        text=s.read("text", worded(block(LONGEST_WORDS))),
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
