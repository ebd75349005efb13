"""Every mistake an event file can hold: the text, its line, the key and the reason."""
# ruff: noqa: E501 - a row for each mistake is read best on a line of its own

from __future__ import annotations

import re

EVENT_TEXT = """\
slug: evening
title: Evening
timezone: Europe/Amsterdam
starts: 2027-01-29 18:00
ends: 2027-01-29 21:30
admissions:
  - key: hall
    name: In person
    mode: in_person
    capacity: 30
"""


def with_key(key: str, value: str) -> str:
    """The evening with one top-level key set to something else, or added."""
    line = f"{key}: {value}\n"
    old = re.search(rf"^{re.escape(key)}:.*\n", EVENT_TEXT, re.MULTILINE)
    return EVENT_TEXT.replace(old[0], line) if old else EVENT_TEXT + line


TWICE = (
    "2027-10-31 02:30 exists twice in Europe/Amsterdam: first at UTC+02:00, then at "
    "UTC+01:00; say which with `fold: 0` (UTC+02:00) or `fold: 1` (UTC+01:00)"
)
SKIPPED = (
    "2027-03-28 02:30 does not exist in Europe/Amsterdam: the clocks go from 02:00 to "
    "03:00"
)

LINE = len(EVENT_TEXT.splitlines()) + 1
"""The line that comes after the evening's own."""

MISTAKES = [
    # text, line, key, reason
    ("", 1, "", "the file is empty"),
    ("just words", 1, "", "must be a mapping with slug and title"),
    ("- slug: x", 1, "", "must be a mapping with slug and title"),
    ("title: [1", 1, "", "is not YAML: expected ',' or ']', but got '<stream end>'"),
    ("slug: x\ntitle: a: b", 2, "", "is not YAML: mapping values are not allowed here"),
    (EVENT_TEXT + "---\nslug: y", LINE, "", "the file holds several documents; write one event a file"),
    ("slug: x\ntitle: \x07", 2, "", "has a character that no text file should have"),
    ("slug: x\n" + "a" * 200_000, 1, "", "the file is longer than 200,000 characters"),
    (with_key("title", "&a Evening"), 2, "", "anchors and aliases (& and *) are not supported"),
    (with_key("title", "*a"), 2, "", "anchors and aliases (& and *) are not supported"),
    (with_key("title", "!!python/name:os.system"), 2, "", "tags (!) are not supported"),
    (with_key("title", "[" * 20), 2, "", "lists and mappings are nested too deeply"),
    (with_key("? [a]", "b"), LINE, "", "has a key that is no plain word"),
    (with_key("colour", "red"), LINE, "colour", "unknown key"),
    (with_key("sumary", "x"), LINE, "sumary", 'unknown key; did you mean "summary"?'),
    (with_key("title", "x\ntitle: y"), 3, "title", "stands twice (first on line 2)"),
    (with_key("cover", "a.jpg"), LINE, "cover", "is not supported yet"),
    (with_key("registration", "{fewer_ok: true}"), LINE, "registration.fewer_ok", "is not supported yet"),
    (with_key("registration", "{allocation: lottery}"), LINE, "registration.allocation", "must be one of: first_come, approval"),
    (with_key("registration", "{allocation: draw}"), LINE, "registration.allocation", '"draw" is not supported yet'),
    (with_key("registration", "{promote: lottery}"), LINE, "registration.promote", "must be one of: offer, confirm"),
    (with_key("registration", "{offer_hours: 24}"), LINE, "registration.offer_hours", "is not supported yet"),
    (with_key("registration", "{part_max: 2}"), LINE, "registration.part_max", 'unknown key; did you mean "party_max"?'),
    # text
    ("title: Evening\n" + EVENT_TEXT.split("\n", 2)[2], 1, "slug", "is missing"),
    (re.sub("title.*\n", "", EVENT_TEXT), 1, "title", "is missing"),
    (with_key("title", ""), 2, "title", "is missing"),
    (with_key("title", "''"), 2, "title", "is empty: leave the key out instead"),
    (with_key("title", '"\\u200b"'), 2, "title", "is empty: leave the key out instead"),
    (with_key("title", "1984"), 2, "title", 'must be text: put it in quotes, "1984"'),
    (with_key("title", "No"), 2, "title", 'must be text: put it in quotes, "No"'),
    (with_key("title", "[a]"), 2, "title", "must be text"),
    (with_key("title", "|\n  two\n  lines"), 2, "title", "must be a single line"),
    (with_key("title", '"a\\0b"'), 2, "title", "has a control character"),
    (with_key("title", "x" * 201), 2, "title", "is too long: 201 of 200 characters"),
    (with_key("summary", "x" * 501), LINE, "summary", "is too long: 501 of 500 characters"),
    (with_key("slug", "Evening"), 1, "slug", "may have small letters a-z, digits and single hyphens only"),
    (with_key("slug", "an--evening"), 1, "slug", "may have small letters a-z, digits and single hyphens only"),
    (with_key("slug", "evening\u0661"), 1, "slug", "may have small letters a-z, digits and single hyphens only"),
    (with_key("slug", "x" * 65), 1, "slug", "is too long: 65 of 64 characters"),
    (with_key("language", "english language"), LINE, "language", "must be a language tag, as in en, nl or pt-BR"),
    (with_key("language", "no"), LINE, "language", 'must be text: put it in quotes, "no"'),
    (with_key("contact", "hello"), LINE, "contact", "is no mail address: hello (it has no @)"),
    (with_key("contact", "a@b@example.org"), LINE, "contact", "is no mail address: a@b@example.org (it has more than one @)"),
    (with_key("links", "[{title: A, url: 'javascript:alert(1)'}]"), LINE, "links[0].url", "must begin with https:// or http://"),
    (with_key("links", "[{title: A, url: example.org}]"), LINE, "links[0].url", "must begin with https:// or http://"),
    (with_key("links", "[{title: A, url: 'https://'}]"), LINE, "links[0].url", "is no address on the web"),
    (with_key("links", "[{title: A, url: 'https://a b'}]"), LINE, "links[0].url", "is no address on the web"),
    (with_key("links", "[{title: A, url: 'https://example.org:x'}]"), LINE, "links[0].url", "is no address on the web"),
    (with_key("links", "[{title: A, url: 'https://bank@example.org'}]"), LINE, "links[0].url", "must not carry a user name"),
    (with_key("links", "[{title: A}]"), LINE, "links[0].url", "is missing"),
    (with_key("online", "{join_url: 'ftp://example.org'}"), LINE, "online.join_url", "must begin with https:// or http://"),
    # words, switches and numbers
    (with_key("status", "public"), LINE, "status", "must be one of: draft, published, cancelled"),
    (with_key("status", "true"), LINE, "status", "must be one of: draft, published, cancelled"),
    (with_key("visibility", "secret"), LINE, "visibility", "must be one of: public, unlisted, invitation"),
    (with_key("discreet", "maybe"), LINE, "discreet", "must be true or false"),
    (with_key("discreet", '"true"'), LINE, "discreet", "must be true or false"),
    (EVENT_TEXT.replace("capacity: 30", "capacity: -1"), 10, "admissions[0].capacity", "must be 0 or more, not -1"),
    (EVENT_TEXT.replace("capacity: 30", "capacity: ten"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENT_TEXT.replace("capacity: 30", 'capacity: "30"'), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENT_TEXT.replace("capacity: 30", "capacity: true"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENT_TEXT.replace("capacity: 30", "capacity: 30.0"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENT_TEXT.replace("capacity: 30", "capacity: 030"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENT_TEXT.replace("capacity: 30", "capacity: 1:30"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENT_TEXT.replace("capacity: 30", "capacity: [30]"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENT_TEXT.replace("capacity: 30", "capacity: 1000001"), 10, "admissions[0].capacity", "must be 1,000,000 at most, not 1,000,001"),
    (with_key("room", "-1"), LINE, "room", "must be 0 or more, not -1"),
    (with_key("reserved_seats", "-1"), LINE, "reserved_seats", "must be 0 or more, not -1"),
    (with_key("reserved_seats", "some"), LINE, "reserved_seats", "must be a whole number"),
    (with_key("standby_minutes", "-1"), LINE, "standby_minutes", "must be 0 or more, not -1"),
    (with_key("standby_minutes", "241"), LINE, "standby_minutes", "must be 240 at most, not 241"),
    (with_key("standby", "15"), LINE, "standby", "must be true or false"),
    (EVENT_TEXT + "    waitlist_max: -1", LINE, "admissions[0].waitlist_max", "must be 0 or more, not -1"),
    (EVENT_TEXT + "    waitlist: true\n    waitlist_max: 1000001", LINE + 1, "admissions[0].waitlist_max", "must be 1,000,000 at most, not 1,000,001"),
    (with_key("registration", "{confirm_address: 2}"), LINE, "registration.confirm_address", "must be true or false"),
    (with_key("retention_days", "-1"), LINE, "retention_days", "must be 0 or more, not -1"),
    (with_key("retention_days", "3651"), LINE, "retention_days", "must be 3,650 at most, not 3,651"),
    (with_key("registration", "{party_max: 0}"), LINE, "registration.party_max", "must be 1 or more, not 0"),
    (with_key("registration", "{party_max: 101}"), LINE, "registration.party_max", "must be 100 at most, not 101"),
    # times
    (with_key("timezone", "Europe/Rotterdam"), 3, "timezone", 'unknown time zone Europe/Rotterdam; did you mean "Europe/Amsterdam"?'),
    (with_key("timezone", "+01:00"), 3, "timezone", "unknown time zone +01:00"),
    (with_key("timezone", "../etc/passwd"), 3, "timezone", "unknown time zone ../etc/passwd"),
    (with_key("also_show", "[America/New-York]"), LINE, "also_show[0]", 'unknown time zone America/New-York; did you mean "America/New_York"?'),
    (with_key("also_show", "[Europe/Amsterdam]"), LINE, "also_show[0]", "is the event's own zone already"),
    (with_key("also_show", "[Europe/London, Europe/London]"), LINE, "also_show[1]", "Europe/London stands there twice"),
    (with_key("starts", "2027-01-29"), 4, "starts", "needs a time of day, as in 2027-01-29 18:00"),
    (with_key("starts", "2027-01-29 18:00Z"), 4, "starts", "is a wall time in `timezone`: write it without an offset"),
    (with_key("starts", "2027-01-29T18:00:00+01:00"), 4, "starts", "is a wall time in `timezone`: write it without an offset"),
    (with_key("starts", "2027-01-29 18:00:30"), 4, "starts", "must be a date and time, as in 2027-01-29 18:00"),
    (with_key("starts", "tomorrow"), 4, "starts", "must be a date and time, as in 2027-01-29 18:00"),
    (with_key("starts", "[2027]"), 4, "starts", "must be a date and time, as in 2027-01-29 18:00"),
    (with_key("starts", "2027-02-30 18:00"), 4, "starts", "2027-02-30 18:00 is no date and time that exists"),
    (with_key("starts", "2027-01-29 24:00"), 4, "starts", "2027-01-29 24:00 is no date and time that exists"),
    (with_key("starts", "1027-01-29 18:00"), 4, "starts", "must be between 2000 and 2199"),
    (with_key("starts", "2027-03-28 02:30"), 4, "starts", SKIPPED),
    (with_key("starts", "2027-10-31 02:30"), 4, "starts", TWICE),
    (with_key("doors", "2027-01-29 18:01"), LINE, "doors", "must not be after starts"),
    (with_key("ends", "2027-01-29 18:00"), 5, "ends", "must be after starts"),
    (with_key("ends", "2027-01-28 21:30"), 5, "ends", "must be after starts"),
    (with_key("ends", "2028-02-28 21:30"), 5, "ends", "must be within 366 days of starts"),
    (with_key("fold", "2"), LINE, "fold", "must be 1 at most, not 2"),
    (with_key("registration", "{closes: 2027-01-29 21:31}"), LINE, "registration.closes", "must not be after ends"),
    (with_key("registration", "{opens: 2027-01-02 09:00, closes: 2027-01-02 09:00}"), LINE, "registration.opens", "must be before registration.closes"),
    (with_key("registration", "{opens: 2027-01-29 18:00}"), LINE, "registration.opens", "must be before starts, when it closes"),
    (with_key("registration", "{opens: 2026-03-29 02:30}"), LINE, "registration.opens", SKIPPED.replace("2027-03-28", "2026-03-29")),
    (with_key("registration", "{change_until: 2027-01-29 21:31}"), LINE, "registration.change_until", "must not be after ends"),
    (with_key("registration", "{change_until: 2026-10-25 02:30}"), LINE, "registration.change_until", TWICE.replace("2027-10-31", "2026-10-25")),
    (with_key("registration", "{change_until: 2026-03-29 02:30}"), LINE, "registration.change_until", SKIPPED.replace("2027-03-28", "2026-03-29")),
    (with_key("registration", "{change_until: 2027-01-29}"), LINE, "registration.change_until", "needs a time of day, as in 2027-01-29 18:00"),
    (with_key("agenda", "[{at: noon, title: Lunch}]"), LINE, "agenda[0].at", 'must be a time of day, as in "18:00"'),
    (with_key("agenda", "[{at: 24:00, title: Lunch}]"), LINE, "agenda[0].at", 'must be a time of day, as in "18:00"'),
    # lists and mappings
    (with_key("hosts", "Reading Room"), LINE, "hosts", "must be a list"),
    (with_key("hosts", "[Reading Room]"), LINE, "hosts[0]", "must be a mapping with name and url"),
    (with_key("hosts", "[{url: 'https://example.org'}]"), LINE, "hosts[0].name", "is missing"),
    (with_key("venue", "The Boat Shed"), LINE, "venue", "must be a mapping with name and address"),
    (with_key("venue", "{address: Voorbeeldkade 14}"), LINE, "venue.name", "is missing"),
    (with_key("series", "{slug: warm-homes}"), LINE, "series.title", "is missing"),
    (with_key("people", "[" + "{name: A}, " * 201 + "]"), LINE, "people", "has 201 entries; 200 is the most"),
    # ways to attend
    (EVENT_TEXT.split("admissions")[0], 1, "admissions", "is missing"),
    (EVENT_TEXT.split("admissions")[0] + "admissions: []", 6, "admissions", "must list at least one way to attend"),
    (EVENT_TEXT.replace("in_person", "hybrid"), 9, "admissions[0].mode", "must be one of: in_person, online"),
    (EVENT_TEXT + "  - {key: hall, name: Hall, mode: in_person}", LINE, "admissions[1].key", "hall stands there twice"),
    (EVENT_TEXT.replace("in_person", "online") + "room: 20", LINE, "room", "caps in-person seats, but no admission is in_person"),
    (with_key("online", "{join_url: 'https://meet.example.org'}"), LINE, "online", "would reach nobody: no admission is online"),
    (EVENT_TEXT.replace("in_person", "online") + "online: {}", LINE, "online", "says nothing: give a join_url or a note"),
    (with_key("reserved_seats", "31"), LINE, "reserved_seats", "must not be more than admissions[0].capacity (30)"),
    (with_key("room", "20\nreserved_seats: 21"), LINE + 1, "reserved_seats", "must not be more than room (20)"),
    (EVENT_TEXT.replace("capacity: 30", "capacity: null") + "reserved_seats: 1", LINE, "reserved_seats", "needs seats to be taken from, but nothing has a capacity"),
    (EVENT_TEXT.replace("in_person", "online").replace("capacity: 30", "capacity: 1") + "  - {key: hall-2, name: Hall, mode: in_person, capacity: 5}\nreserved_seats: 6", LINE + 1, "reserved_seats", "must not be more than admissions[1].capacity (5)"),
    (with_key("standby", "false\nstandby_minutes: 15"), LINE + 1, "standby_minutes", "does not go with standby: false"),
    (EVENT_TEXT + "    waitlist_max: 10", LINE, "admissions[0].waitlist_max", "needs waitlist: true"),
    (with_key("registration", "{allocation: approval, confirm_address: true}"), LINE, "registration.confirm_address", "goes with allocation: first_come only"),
    (with_key("discreet", "true\nvisibility: public"), LINE + 1, "visibility", "must be unlisted or invitation, since the event is discreet"),
    # mails
    (with_key("still_coming", "{ask_hours: 24}"), LINE, "still_coming.ask_hours", "answers count until 24 hours before the start, but people are asked only 24 before"),
    (with_key("still_coming", "{answer_hours: 0}"), LINE, "still_coming.answer_hours", "must be 1 or more, not 0"),
    (with_key("still_coming", "{ask_hours: 721}"), LINE, "still_coming.ask_hours", "must be 720 at most, not 721"),
    (with_key("still_coming", "{no_answer: shrug}"), LINE, "still_coming.no_answer", "must be one of: release, flag"),
    (EVENT_TEXT.replace("capacity: 30", "capacity: null") + "still_coming: {}", LINE, "still_coming", "would ask nobody: nothing has a capacity"),
    (with_key("reminders", "[{key: a}]"), LINE, "reminders[0]", "needs either before (the start) or after (the end)"),
    (with_key("reminders", "[{key: a, before: 1 day, after: 1 day}]"), LINE, "reminders[0]", "needs either before (the start) or after (the end)"),
    (with_key("reminders", "[{key: a, before: soon}]"), LINE, "reminders[0].before", "must be a span of time, as in 2 days or 90 minutes"),
    (with_key("reminders", "[{key: a, before: 61 days}]"), LINE, "reminders[0].before", "must be 60 days at most"),
    (with_key("reminders", "[{key: a, before: 1 day, states: [held]}]"), LINE, "reminders[0].states[0]", "must be one of: confirmed, waitlisted, offered, requested"),
    (with_key("reminders", "[{key: a, before: 1 day, states: []}]"), LINE, "reminders[0].states", "names nobody: leave the key out instead"),
    (with_key("reminders", "[{key: a, before: 1 day, admissions: [roof]}]"), LINE, "reminders[0].admissions[0]", "no admission has the key roof"),
    (with_key("reminders", "[{key: a, before: 1 day, admissions: [hall, hall]}]"), LINE, "reminders[0].admissions[1]", "hall stands there twice"),
    (with_key("reminders", "[{key: a, before: 1 day}, {key: a, after: 1 day}]"), LINE, "reminders[1].key", "a stands there twice"),
    (with_key("reminders", "[{key: a, before: 1 day, text: 'Dear {first_name}'}]"), LINE, "reminders[0].text", "has the unknown placeholder {first_name}; there are {name}, {event}, {date}, {time}, {place}, {admission}, {seats}, {until}, {reference}, {contact}"),
    (with_key("wording", "[{message: smoke}]"), LINE, "wording[0].message", "must be one of: confirm_address, requested, confirmation, waitlisted, offer, promoted, changed, passed_on, cancelled, declined, lapsed, released, ticket_again, event_changed, event_cancelled, reminder, still_coming, thank_you"),
    (with_key("wording", "[{message: note, text: a}]"), LINE, "wording[0].message", "must be one of: confirm_address, requested, confirmation, waitlisted, offer, promoted, changed, passed_on, cancelled, declined, lapsed, released, ticket_again, event_changed, event_cancelled, reminder, still_coming, thank_you"),
    (with_key("wording", "[{message: offer}]"), LINE, "wording[0]", "says nothing: give a subject, a headline or a text"),
    (with_key("wording", "[{message: offer, headline: A place}]"), LINE, "wording[0].headline", "must say until when people may answer: use {until}"),
    (with_key("wording", "[{message: offer, text: 'a } b'}]"), LINE, "wording[0].text", "has a single brace: write it twice, {{ or }}"),
    (with_key("wording", "[{message: lapsed, text: a}, {message: lapsed, text: b}]"), LINE, "wording[1].message", "lapsed stands there twice"),
    (with_key("discreet", "true\nwording: [{message: lapsed, subject: Soup}]"), LINE + 1, "wording[0].subject", "is not for a discreet event: its subjects say nothing"),
    (with_key("discreet", "true\nreminders: [{key: a, before: 1 day, subject: Soup}]"), LINE + 1, "reminders[0].subject", "is not for a discreet event: its subjects say nothing"),
    # questions and consents
    (with_key("questions", "[{key: diet, ask: Diet, type: text, options: [a, b]}]"), LINE, "questions[0].options", "is not for the type text"),
    (with_key("questions", "[{key: diet, ask: Diet, type: yes_no, options: [a, b]}]"), LINE, "questions[0].options", "is not for the type yes_no"),
    (with_key("questions", "[{key: diet, ask: Diet, type: choice}]"), LINE, "questions[0].options", "is missing: choice needs some"),
    (with_key("questions", "[{key: diet, ask: Diet, type: choices, options: []}]"), LINE, "questions[0].options", "is missing: choices needs some"),
    (with_key("questions", "[{key: diet, ask: Diet, type: choice, options: [Yes, Maybe]}]"), LINE, "questions[0].options[0]", 'must be text: put it in quotes, "Yes"'),
    (with_key("questions", "[{key: diet, ask: Diet, type: choice, options: [a, a]}]"), LINE, "questions[0].options[1]", "a stands there twice"),
    (with_key("questions", "[{key: diet, ask: Diet, type: number}]"), LINE, "questions[0].type", "must be one of: text, long_text, choice, choices, yes_no"),
    (with_key("questions", "[{key: diet, ask: Diet}]"), LINE, "questions[0].type", "is missing"),
    (with_key("questions", "[{key: Diet, ask: Diet, type: text}]"), LINE, "questions[0].key", "may have small letters a-z, digits and single hyphens only"),
    (with_key("questions", "[{key: d, ask: D, type: text}, {key: d, ask: E, type: text}]"), LINE, "questions[1].key", "d stands there twice"),
    (with_key("questions", "[{key: d, ask: D, type: text, only_for: [foyer]}]"), LINE, "questions[0].only_for[0]", "no admission has the key foyer"),
    (with_key("questions", "[{key: d, ask: D, type: text, per: guest}]"), LINE, "questions[0].per", "must be one of: registration, attendee"),
    (with_key("questions", "[{key: d, ask: D, type: text, keep_days: 31}]"), LINE, "questions[0].keep_days", "must not be more than retention_days (30)"),
    (with_key("consents", "[{key: photos}]"), LINE, "consents[0].text", "is missing"),
    (with_key("consents", "[{key: p, text: A}, {key: p, text: B}]"), LINE, "consents[1].key", "p stands there twice"),
]  # fmt: skip
