"""Parse an event file: known keys only, each mistake with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from datetime import datetime
from typing import TypeVar

from rsvp.event_definition import (
    DEFAULT_REMINDERS,
    RETENTION_DAYS,
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
from rsvp.formats.eventfile import validate
from rsvp.formats.eventfile.readers import (
    KnownKeys,
    Mistake,
    Report,
    Section,
    Value,
    boolean,
    duration,
    enum_value,
    language_tag,
    list_of,
    mail_address,
    mapping_of,
    one_of_values,
    slug,
    text_block,
    text_line,
    time_of_day,
    wall_time,
    web_url,
    whole_number,
    with_placeholders,
    zone_name,
)
from rsvp.formats.eventfile.yaml_nodes import NotYamlError, compose
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
from rsvp.models.message import ATTENDEE_KINDS, MessageKind
from rsvp.models.registration import State
from rsvp.models.team import DEFAULT_TEAM

T = TypeVar("T")

MAX_CAPACITY = 1_000_000
MAX_PARTY = 100
MAX_STANDBY_MINUTES = 240
MAX_DAYS = 3650
MAX_ASK_HOURS = 30 * 24
MAX_DURATION_MINUTES = 60 * 24 * 60
MAX_TEXT_LENGTH = 2000

# Who may be reminded: whoever has a place, waits for one, or for a decision.
REMINDER_STATES = (State.CONFIRMED, State.WAITLISTED, State.OFFERED, State.REQUESTED)
# The mails with words to be changed; the organizers' own are theirs already.
CUSTOMIZABLE_KINDS = [kind for kind in ATTENDEE_KINDS if kind != MessageKind.NOTE]

INVALID_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - stands in for a time that is wrong


def keys_of(data: type, later: str = "") -> KnownKeys:
    return KnownKeys([field.name for field in fields(data)], later.split())


KNOWN_KEYS = {
    "": keys_of(
        EventDefinition,
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
    "still_coming": keys_of(ReconfirmationRules),
    "reminders": keys_of(ReminderData),
    "wording": keys_of(CustomTextData),
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
        super().__init__("\n".join(map(self.mistake_line, self.mistakes)))

    def mistake_line(self, mistake: Mistake) -> str:
        key = f"{mistake.key}: " if mistake.key else ""
        return f"{self.file}:{mistake.line}: {key}{mistake.reason}"


# --- reading ------------------------------------------------------------------------


def parse_event(text: str, name: str) -> EventDefinition:
    """Parse a file's text; `name` is what mistakes call it. Raises EventFileError."""
    report = Report()
    event = read_document(text, name, report)
    if event is None or report.mistakes:
        raise EventFileError(name, report.mistakes)
    return event


def key_line(text: str, key: str) -> int:
    """Return the line on which a key of a readable file stands."""
    report = Report()
    read_document(text, "", report)
    return report.line(key)


def read_document(text: str, name: str, report: Report) -> EventDefinition | None:
    try:
        root = Value(compose(text), "", report)
    except NotYamlError as error:
        raise EventFileError(name, [Mistake(error.line, "", error.reason)]) from error
    return root.take(mapping_of(KNOWN_KEYS[""], read_event))


def read_event(s: Section) -> EventDefinition:
    discreet = s.read("discreet", boolean) or False
    by_itself = Visibility.UNLISTED if discreet else Visibility.PUBLIC
    retention_days = s.read("retention_days", whole_number(0, MAX_DAYS))
    standby = s.read("standby", boolean)
    standby_minutes = s.read("standby_minutes", whole_number(0, MAX_STANDBY_MINUTES))
    reminders = read_list(s, "reminders", read_reminder)
    event = EventDefinition(
        slug=s.read("slug", slug, needed=True) or "",
        title=s.read("title", text_line(200), needed=True) or "",
        summary=s.read("summary", text_line(500)),
        description=s.read("description", text_block(20_000)),
        language=s.read("language", language_tag) or "en",
        status=s.read("status", enum_value(Status)) or Status.PUBLISHED,
        visibility=s.read("visibility", enum_value(Visibility)) or by_itself,
        discreet=discreet,
        team=s.read("team", slug) or DEFAULT_TEAM,
        timezone=s.read("timezone", zone_name, needed=True) or "UTC",
        starts=s.read("starts", wall_time, needed=True) or INVALID_TIME,
        ends=s.read("ends", wall_time, needed=True) or INVALID_TIME,
        doors=s.read("doors", wall_time),
        fold=s.read("fold", whole_number(0, 1)),
        also_show=s.read("also_show", list_of(zone_name)) or (),
        venue=read_mapping(s, "venue", read_venue),
        online=read_mapping(s, "online", read_online),
        room=s.read("room", whole_number(0, MAX_CAPACITY)),
        reserved_seats=s.read("reserved_seats", whole_number(0, MAX_CAPACITY)) or 0,
        standby=True if standby is None else standby,
        standby_minutes=DEFAULT_STANDBY_MINUTES
        if standby_minutes is None
        else standby_minutes,
        contact=s.read("contact", mail_address),
        series=read_mapping(s, "series", read_series),
        hosts=read_list(s, "hosts", read_organization) or (),
        sponsors=read_list(s, "sponsors", read_organization) or (),
        people=read_list(s, "people", read_contributor) or (),
        agenda=read_list(s, "agenda", read_agenda_item) or (),
        links=read_list(s, "links", read_link) or (),
        admissions=read_list(s, "admissions", read_admission, needed=True) or (),
        registration=read_mapping(s, "registration", read_registration_rules)
        or RegistrationRules(),
        still_coming=read_mapping(s, "still_coming", read_reconfirmation),
        reminders=DEFAULT_REMINDERS if reminders is None else reminders,
        wording=read_list(s, "wording", read_custom_text) or (),
        questions=read_list(s, "questions", read_question) or (),
        consents=read_list(s, "consents", read_consent) or (),
        retention_days=RETENTION_DAYS if retention_days is None else retention_days,
    )
    if not event.standby and standby_minutes is not None:
        s.report.add_mistake("standby_minutes", "does not go with standby: false")
    validate.validate(event, s.report)
    # In whatever order they are written, they say the same.
    return replace(event, wording=tuple(sorted(event.wording, key=message_of)))


def read_mapping(s: Section, name: str, build: Callable[[Section], T]) -> T | None:
    """Read the mapping at a key; None as of `Section.read`."""
    return s.read(name, mapping_of(KNOWN_KEYS[name], build))


def read_list(
    s: Section, name: str, build: Callable[[Section], T], *, needed: bool = False
) -> tuple[T, ...] | None:
    """Read the list of mappings at a key; None as of `Section.read`."""
    return s.read(name, list_of(mapping_of(KNOWN_KEYS[name], build)), needed)


def message_of(words: CustomTextData) -> str:
    return words.message


def read_venue(s: Section) -> Venue:
    return Venue(
        name=s.read("name", text_line(200), needed=True) or "",
        address=s.read("address", text_block(1000)),
        access=s.read("access", text_block(2000)),
    )


def read_online(s: Section) -> Online:
    online = Online(
        join_url=s.read("join_url", web_url), note=s.read("note", text_block(2000))
    )
    if online == Online() and s.report.has_no_mistake(s.path):
        s.report.add_mistake(s.path, "says nothing: give a join_url or a note")
    return online


def read_series(s: Section) -> SeriesData:
    return SeriesData(
        slug=s.read("slug", slug, needed=True) or "",
        title=s.read("title", text_line(200), needed=True) or "",
        summary=s.read("summary", text_line(500)),
    )


def read_organization(s: Section) -> Organization:
    return Organization(
        name=s.read("name", text_line(200), needed=True) or "",
        url=s.read("url", web_url),
    )


def read_contributor(s: Section) -> Contributor:
    return Contributor(
        name=s.read("name", text_line(200), needed=True) or "",
        role=s.read("role", text_line(100)),
    )


def read_agenda_item(s: Section) -> AgendaItem:
    return AgendaItem(
        at=s.read("at", time_of_day, needed=True) or "",
        title=s.read("title", text_line(200), needed=True) or "",
        note=s.read("note", text_block(1000)),
    )


def read_link(s: Section) -> Link:
    return Link(
        title=s.read("title", text_line(200), needed=True) or "",
        url=s.read("url", web_url, needed=True) or "",
    )


def read_admission(s: Section) -> AdmissionData:
    return AdmissionData(
        key=s.read("key", slug, needed=True) or "",
        name=s.read("name", text_line(200), needed=True) or "",
        mode=s.read("mode", enum_value(Mode), needed=True) or Mode.IN_PERSON,
        capacity=s.read("capacity", whole_number(0, MAX_CAPACITY)),
        waitlist=s.read("waitlist", boolean) or False,
        waitlist_max=s.read("waitlist_max", whole_number(0, MAX_CAPACITY)),
    )


def read_registration_rules(s: Section) -> RegistrationRules:
    required = s.read("required", boolean)
    return RegistrationRules(
        required=True if required is None else required,
        party_max=s.read("party_max", whole_number(1, MAX_PARTY)) or 1,
        opens=s.read("opens", wall_time),
        closes=s.read("closes", wall_time),
        paused=s.read("paused", boolean) or False,
        several=s.read("several", boolean) or False,
        allocation=s.read("allocation", enum_value(Allocation, later=["draw"]))
        or Allocation.FIRST_COME,
        promote=s.read("promote", enum_value(Promotion)) or Promotion.OFFER,
        confirm_address=s.read("confirm_address", boolean) or False,
        change_until=s.read("change_until", wall_time),
    )


def read_reconfirmation(s: Section) -> ReconfirmationRules:
    ask = s.read("ask_hours", whole_number(2, MAX_ASK_HOURS))
    answer = s.read("answer_hours", whole_number(1, MAX_ASK_HOURS))
    usual = ReconfirmationRules()
    return ReconfirmationRules(
        ask_hours=usual.ask_hours if ask is None else ask,
        answer_hours=usual.answer_hours if answer is None else answer,
        no_answer=s.read("no_answer", enum_value(NoAnswer)) or usual.no_answer,
    )


def read_reminder(s: Section) -> ReminderData:
    states = s.read("states", list_of(one_of_values(REMINDER_STATES)))
    return ReminderData(
        key=s.read("key", slug, needed=True) or "",
        before=s.read("before", duration(MAX_DURATION_MINUTES)),
        after=s.read("after", duration(MAX_DURATION_MINUTES)),
        admissions=s.read("admissions", list_of(slug)) or (),
        states=(State.CONFIRMED,) if states is None else states,
        subject=s.read("subject", with_placeholders(text_line(200))),
        text=s.read("text", with_placeholders(text_block(MAX_TEXT_LENGTH))),
    )


def read_custom_text(s: Section) -> CustomTextData:
    return CustomTextData(
        message=s.read("message", one_of_values(CUSTOMIZABLE_KINDS), needed=True)
        or CUSTOMIZABLE_KINDS[0],
        subject=s.read("subject", with_placeholders(text_line(200))),
        headline=s.read("headline", with_placeholders(text_line(200))),
        text=s.read("text", with_placeholders(text_block(MAX_TEXT_LENGTH))),
    )


def read_question(s: Section) -> QuestionData:
    return QuestionData(
        key=s.read("key", slug, needed=True) or "",
        ask=s.read("ask", text_line(500), needed=True) or "",
        hint=s.read("hint", text_line(500)),
        type=s.read("type", enum_value(QuestionType), needed=True) or QuestionType.TEXT,
        options=s.read("options", list_of(text_line(200))) or (),
        required=s.read("required", boolean) or False,
        per=s.read("per", enum_value(QuestionScope)) or QuestionScope.REGISTRATION,
        only_for=s.read("only_for", list_of(slug)) or (),
        keep_days=s.read("keep_days", whole_number(0, MAX_DAYS)),
    )


def read_consent(s: Section) -> ConsentData:
    return ConsentData(
        key=s.read("key", slug, needed=True) or "",
        text=s.read("text", text_block(2000), needed=True) or "",
        required=s.read("required", boolean) or False,
    )
