"""Every mistake an event file can hold: the text, its line, the key and the reason."""
# ruff: noqa: E501 - a row for each mistake is read best on a line of its own

from __future__ import annotations

import re

EVENING = """\
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


def with_line(key: str, value: str) -> str:
    """The evening with one top-level key set to something else, or added."""
    line = f"{key}: {value}\n"
    old = re.search(rf"^{re.escape(key)}:.*\n", EVENING, re.MULTILINE)
    return EVENING.replace(old[0], line) if old else EVENING + line


TWICE = (
    "2027-10-31 02:30 exists twice in Europe/Amsterdam: first at UTC+02:00, then at "
    "UTC+01:00; say which with `fold: 0` (UTC+02:00) or `fold: 1` (UTC+01:00)"
)
SKIPPED = (
    "2027-03-28 02:30 does not exist in Europe/Amsterdam: the clocks go from 02:00 to "
    "03:00"
)

LINE = len(EVENING.splitlines()) + 1
"""The line that comes after the evening's own."""

REFUSED = [
    # text, line, key, reason
    ("", 1, "", "the file is empty"),
    ("just words", 1, "", "must be a mapping with slug and title"),
    ("- slug: x", 1, "", "must be a mapping with slug and title"),
    ("title: [1", 1, "", "is not YAML: expected ',' or ']', but got '<stream end>'"),
    ("slug: x\ntitle: a: b", 2, "", "is not YAML: mapping values are not allowed here"),
    (EVENING + "---\nslug: y", LINE, "", "the file holds several documents; write one event a file"),
    ("slug: x\ntitle: \x07", 2, "", "has a character that no text file should have"),
    ("slug: x\n" + "a" * 200_000, 1, "", "the file is longer than 200,000 characters"),
    (with_line("title", "&a Evening"), 2, "", "anchors and aliases (& and *) are not supported"),
    (with_line("title", "*a"), 2, "", "anchors and aliases (& and *) are not supported"),
    (with_line("title", "!!python/name:os.system"), 2, "", "tags (!) are not supported"),
    (with_line("title", "[" * 20), 2, "", "lists and mappings are nested too deeply"),
    (with_line("? [a]", "b"), LINE, "", "has a key that is no plain word"),
    (with_line("colour", "red"), LINE, "colour", "unknown key"),
    (with_line("sumary", "x"), LINE, "sumary", 'unknown key; did you mean "summary"?'),
    (with_line("title", "x\ntitle: y"), 3, "title", "stands twice (first on line 2)"),
    (with_line("cover", "a.jpg"), LINE, "cover", "is not supported yet"),
    (with_line("registration", "{fewer_ok: true}"), LINE, "registration.fewer_ok", "is not supported yet"),
    (with_line("registration", "{allocation: lottery}"), LINE, "registration.allocation", "must be one of: first_come, approval"),
    (with_line("registration", "{allocation: draw}"), LINE, "registration.allocation", '"draw" is not supported yet'),
    (with_line("registration", "{promote: lottery}"), LINE, "registration.promote", "must be one of: offer, confirm"),
    (with_line("registration", "{offer_hours: 24}"), LINE, "registration.offer_hours", "is not supported yet"),
    (with_line("registration", "{part_max: 2}"), LINE, "registration.part_max", 'unknown key; did you mean "party_max"?'),
    # text
    ("title: Evening\n" + EVENING.split("\n", 2)[2], 1, "slug", "is missing"),
    (re.sub("title.*\n", "", EVENING), 1, "title", "is missing"),
    (with_line("title", ""), 2, "title", "is missing"),
    (with_line("title", "''"), 2, "title", "is empty: leave the key out instead"),
    (with_line("title", '"\\u200b"'), 2, "title", "is empty: leave the key out instead"),
    (with_line("title", "1984"), 2, "title", 'must be text: put it in quotes, "1984"'),
    (with_line("title", "No"), 2, "title", 'must be text: put it in quotes, "No"'),
    (with_line("title", "[a]"), 2, "title", "must be text"),
    (with_line("title", "|\n  two\n  lines"), 2, "title", "must be a single line"),
    (with_line("title", '"a\\0b"'), 2, "title", "has a control character"),
    (with_line("title", "x" * 201), 2, "title", "is too long: 201 of 200 characters"),
    (with_line("summary", "x" * 501), LINE, "summary", "is too long: 501 of 500 characters"),
    (with_line("slug", "Evening"), 1, "slug", "may have small letters a-z, digits and single hyphens only"),
    (with_line("slug", "an--evening"), 1, "slug", "may have small letters a-z, digits and single hyphens only"),
    (with_line("slug", "evening\u0661"), 1, "slug", "may have small letters a-z, digits and single hyphens only"),
    (with_line("slug", "x" * 65), 1, "slug", "is too long: 65 of 64 characters"),
    (with_line("language", "english language"), LINE, "language", "must be a language tag, as in en, nl or pt-BR"),
    (with_line("language", "no"), LINE, "language", 'must be text: put it in quotes, "no"'),
    (with_line("contact", "hello"), LINE, "contact", "is no mail address: hello (it has no @)"),
    (with_line("contact", "a@b@example.org"), LINE, "contact", "is no mail address: a@b@example.org (it has more than one @)"),
    (with_line("links", "[{title: A, url: 'javascript:alert(1)'}]"), LINE, "links[0].url", "must begin with https:// or http://"),
    (with_line("links", "[{title: A, url: example.org}]"), LINE, "links[0].url", "must begin with https:// or http://"),
    (with_line("links", "[{title: A, url: 'https://'}]"), LINE, "links[0].url", "is no address on the web"),
    (with_line("links", "[{title: A, url: 'https://a b'}]"), LINE, "links[0].url", "is no address on the web"),
    (with_line("links", "[{title: A, url: 'https://example.org:x'}]"), LINE, "links[0].url", "is no address on the web"),
    (with_line("links", "[{title: A, url: 'https://bank@example.org'}]"), LINE, "links[0].url", "must not carry a user name"),
    (with_line("links", "[{title: A}]"), LINE, "links[0].url", "is missing"),
    (with_line("online", "{join_url: 'ftp://example.org'}"), LINE, "online.join_url", "must begin with https:// or http://"),
    # words, switches and numbers
    (with_line("status", "public"), LINE, "status", "must be one of: draft, published, cancelled"),
    (with_line("status", "true"), LINE, "status", "must be one of: draft, published, cancelled"),
    (with_line("visibility", "secret"), LINE, "visibility", "must be one of: public, unlisted, invitation"),
    (with_line("discreet", "maybe"), LINE, "discreet", "must be true or false"),
    (with_line("discreet", '"true"'), LINE, "discreet", "must be true or false"),
    (EVENING.replace("capacity: 30", "capacity: -1"), 10, "admissions[0].capacity", "must be 0 or more, not -1"),
    (EVENING.replace("capacity: 30", "capacity: ten"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENING.replace("capacity: 30", 'capacity: "30"'), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENING.replace("capacity: 30", "capacity: true"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENING.replace("capacity: 30", "capacity: 30.0"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENING.replace("capacity: 30", "capacity: 030"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENING.replace("capacity: 30", "capacity: 1:30"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENING.replace("capacity: 30", "capacity: [30]"), 10, "admissions[0].capacity", "must be a whole number"),
    (EVENING.replace("capacity: 30", "capacity: 1000001"), 10, "admissions[0].capacity", "must be 1,000,000 at most, not 1,000,001"),
    (with_line("room", "-1"), LINE, "room", "must be 0 or more, not -1"),
    (with_line("reserved_seats", "-1"), LINE, "reserved_seats", "must be 0 or more, not -1"),
    (with_line("reserved_seats", "some"), LINE, "reserved_seats", "must be a whole number"),
    (with_line("standby_minutes", "-1"), LINE, "standby_minutes", "must be 0 or more, not -1"),
    (with_line("standby_minutes", "241"), LINE, "standby_minutes", "must be 240 at most, not 241"),
    (with_line("standby", "15"), LINE, "standby", "must be true or false"),
    (EVENING + "    waitlist_max: -1", LINE, "admissions[0].waitlist_max", "must be 0 or more, not -1"),
    (EVENING + "    waitlist: true\n    waitlist_max: 1000001", LINE + 1, "admissions[0].waitlist_max", "must be 1,000,000 at most, not 1,000,001"),
    (with_line("registration", "{confirm_address: 2}"), LINE, "registration.confirm_address", "must be true or false"),
    (with_line("retention_days", "-1"), LINE, "retention_days", "must be 0 or more, not -1"),
    (with_line("retention_days", "3651"), LINE, "retention_days", "must be 3,650 at most, not 3,651"),
    (with_line("registration", "{party_max: 0}"), LINE, "registration.party_max", "must be 1 or more, not 0"),
    (with_line("registration", "{party_max: 101}"), LINE, "registration.party_max", "must be 100 at most, not 101"),
    # times
    (with_line("timezone", "Europe/Rotterdam"), 3, "timezone", 'unknown time zone Europe/Rotterdam; did you mean "Europe/Amsterdam"?'),
    (with_line("timezone", "+01:00"), 3, "timezone", "unknown time zone +01:00"),
    (with_line("timezone", "../etc/passwd"), 3, "timezone", "unknown time zone ../etc/passwd"),
    (with_line("also_show", "[America/New-York]"), LINE, "also_show[0]", 'unknown time zone America/New-York; did you mean "America/New_York"?'),
    (with_line("also_show", "[Europe/Amsterdam]"), LINE, "also_show[0]", "is the event's own zone already"),
    (with_line("also_show", "[Europe/London, Europe/London]"), LINE, "also_show[1]", "Europe/London stands there twice"),
    (with_line("starts", "2027-01-29"), 4, "starts", "needs a time of day, as in 2027-01-29 18:00"),
    (with_line("starts", "2027-01-29 18:00Z"), 4, "starts", "is a wall time in `timezone`: write it without an offset"),
    (with_line("starts", "2027-01-29T18:00:00+01:00"), 4, "starts", "is a wall time in `timezone`: write it without an offset"),
    (with_line("starts", "2027-01-29 18:00:30"), 4, "starts", "must be a date and time, as in 2027-01-29 18:00"),
    (with_line("starts", "tomorrow"), 4, "starts", "must be a date and time, as in 2027-01-29 18:00"),
    (with_line("starts", "[2027]"), 4, "starts", "must be a date and time, as in 2027-01-29 18:00"),
    (with_line("starts", "2027-02-30 18:00"), 4, "starts", "2027-02-30 18:00 is no date and time that exists"),
    (with_line("starts", "2027-01-29 24:00"), 4, "starts", "2027-01-29 24:00 is no date and time that exists"),
    (with_line("starts", "1027-01-29 18:00"), 4, "starts", "must be between 2000 and 2199"),
    (with_line("starts", "2027-03-28 02:30"), 4, "starts", SKIPPED),
    (with_line("starts", "2027-10-31 02:30"), 4, "starts", TWICE),
    (with_line("doors", "2027-01-29 18:01"), LINE, "doors", "must not be after starts"),
    (with_line("ends", "2027-01-29 18:00"), 5, "ends", "must be after starts"),
    (with_line("ends", "2027-01-28 21:30"), 5, "ends", "must be after starts"),
    (with_line("ends", "2028-02-28 21:30"), 5, "ends", "must be within 366 days of starts"),
    (with_line("fold", "2"), LINE, "fold", "must be 1 at most, not 2"),
    (with_line("registration", "{closes: 2027-01-29 21:31}"), LINE, "registration.closes", "must not be after ends"),
    (with_line("registration", "{opens: 2027-01-02 09:00, closes: 2027-01-02 09:00}"), LINE, "registration.opens", "must be before registration.closes"),
    (with_line("registration", "{opens: 2027-01-29 18:00}"), LINE, "registration.opens", "must be before starts, when it closes"),
    (with_line("registration", "{opens: 2026-03-29 02:30}"), LINE, "registration.opens", SKIPPED.replace("2027-03-28", "2026-03-29")),
    (with_line("registration", "{change_until: 2027-01-29 21:31}"), LINE, "registration.change_until", "must not be after ends"),
    (with_line("registration", "{change_until: 2026-10-25 02:30}"), LINE, "registration.change_until", TWICE.replace("2027-10-31", "2026-10-25")),
    (with_line("registration", "{change_until: 2026-03-29 02:30}"), LINE, "registration.change_until", SKIPPED.replace("2027-03-28", "2026-03-29")),
    (with_line("registration", "{change_until: 2027-01-29}"), LINE, "registration.change_until", "needs a time of day, as in 2027-01-29 18:00"),
    (with_line("agenda", "[{at: noon, title: Lunch}]"), LINE, "agenda[0].at", 'must be a time of day, as in "18:00"'),
    (with_line("agenda", "[{at: 24:00, title: Lunch}]"), LINE, "agenda[0].at", 'must be a time of day, as in "18:00"'),
    # lists and mappings
    (with_line("hosts", "Reading Room"), LINE, "hosts", "must be a list"),
    (with_line("hosts", "[Reading Room]"), LINE, "hosts[0]", "must be a mapping with name and url"),
    (with_line("hosts", "[{url: 'https://example.org'}]"), LINE, "hosts[0].name", "is missing"),
    (with_line("venue", "The Boat Shed"), LINE, "venue", "must be a mapping with name and address"),
    (with_line("venue", "{address: Voorbeeldkade 14}"), LINE, "venue.name", "is missing"),
    (with_line("series", "{slug: warm-homes}"), LINE, "series.title", "is missing"),
    (with_line("people", "[" + "{name: A}, " * 201 + "]"), LINE, "people", "has 201 entries; 200 is the most"),
    # ways to attend
    (EVENING.split("admissions")[0], 1, "admissions", "is missing"),
    (EVENING.split("admissions")[0] + "admissions: []", 6, "admissions", "must list at least one way to attend"),
    (EVENING.replace("in_person", "hybrid"), 9, "admissions[0].mode", "must be one of: in_person, online"),
    (EVENING + "  - {key: hall, name: Hall, mode: in_person}", LINE, "admissions[1].key", "hall stands there twice"),
    (EVENING.replace("in_person", "online") + "room: 20", LINE, "room", "caps in-person seats, but no admission is in_person"),
    (with_line("online", "{join_url: 'https://meet.example.org'}"), LINE, "online", "would reach nobody: no admission is online"),
    (EVENING.replace("in_person", "online") + "online: {}", LINE, "online", "says nothing: give a join_url or a note"),
    (with_line("reserved_seats", "31"), LINE, "reserved_seats", "must not be more than admissions[0].capacity (30)"),
    (with_line("room", "20\nreserved_seats: 21"), LINE + 1, "reserved_seats", "must not be more than room (20)"),
    (EVENING.replace("capacity: 30", "capacity: null") + "reserved_seats: 1", LINE, "reserved_seats", "needs seats to be taken from, but nothing has a capacity"),
    (EVENING.replace("in_person", "online").replace("capacity: 30", "capacity: 1") + "  - {key: hall-2, name: Hall, mode: in_person, capacity: 5}\nreserved_seats: 6", LINE + 1, "reserved_seats", "must not be more than admissions[1].capacity (5)"),
    (with_line("standby", "false\nstandby_minutes: 15"), LINE + 1, "standby_minutes", "does not go with standby: false"),
    (EVENING + "    waitlist_max: 10", LINE, "admissions[0].waitlist_max", "needs waitlist: true"),
    (with_line("registration", "{allocation: approval, confirm_address: true}"), LINE, "registration.confirm_address", "goes with allocation: first_come only"),
    (with_line("discreet", "true\nvisibility: public"), LINE + 1, "visibility", "must be unlisted or invitation, since the event is discreet"),
    # mails
    (with_line("still_coming", "{ask_hours: 24}"), LINE, "still_coming.ask_hours", "answers count until 24 hours before the start, but people are asked only 24 before"),
    (with_line("still_coming", "{answer_hours: 0}"), LINE, "still_coming.answer_hours", "must be 1 or more, not 0"),
    (with_line("still_coming", "{ask_hours: 721}"), LINE, "still_coming.ask_hours", "must be 720 at most, not 721"),
    (with_line("still_coming", "{no_answer: shrug}"), LINE, "still_coming.no_answer", "must be one of: release, flag"),
    (EVENING.replace("capacity: 30", "capacity: null") + "still_coming: {}", LINE, "still_coming", "would ask nobody: nothing has a capacity"),
    (with_line("reminders", "[{key: a}]"), LINE, "reminders[0]", "needs either before (the start) or after (the end)"),
    (with_line("reminders", "[{key: a, before: 1 day, after: 1 day}]"), LINE, "reminders[0]", "needs either before (the start) or after (the end)"),
    (with_line("reminders", "[{key: a, before: soon}]"), LINE, "reminders[0].before", "must be a span of time, as in 2 days or 90 minutes"),
    (with_line("reminders", "[{key: a, before: 61 days}]"), LINE, "reminders[0].before", "must be 60 days at most"),
    (with_line("reminders", "[{key: a, before: 1 day, states: [held]}]"), LINE, "reminders[0].states[0]", "must be one of: confirmed, waitlisted, offered, requested"),
    (with_line("reminders", "[{key: a, before: 1 day, states: []}]"), LINE, "reminders[0].states", "names nobody: leave the key out instead"),
    (with_line("reminders", "[{key: a, before: 1 day, admissions: [roof]}]"), LINE, "reminders[0].admissions[0]", "no admission has the key roof"),
    (with_line("reminders", "[{key: a, before: 1 day, admissions: [hall, hall]}]"), LINE, "reminders[0].admissions[1]", "hall stands there twice"),
    (with_line("reminders", "[{key: a, before: 1 day}, {key: a, after: 1 day}]"), LINE, "reminders[1].key", "a stands there twice"),
    (with_line("reminders", "[{key: a, before: 1 day, text: 'Dear {first_name}'}]"), LINE, "reminders[0].text", "has the unknown placeholder {first_name}; there are {name}, {event}, {date}, {time}, {place}, {admission}, {seats}, {until}, {reference}, {contact}"),
    (with_line("wording", "[{message: smoke}]"), LINE, "wording[0].message", "must be one of: confirm_address, requested, confirmation, waitlisted, offer, promoted, changed, passed_on, cancelled, declined, lapsed, released, ticket_again, event_changed, event_cancelled, reminder, still_coming, thank_you"),
    (with_line("wording", "[{message: note, text: a}]"), LINE, "wording[0].message", "must be one of: confirm_address, requested, confirmation, waitlisted, offer, promoted, changed, passed_on, cancelled, declined, lapsed, released, ticket_again, event_changed, event_cancelled, reminder, still_coming, thank_you"),
    (with_line("wording", "[{message: offer}]"), LINE, "wording[0]", "says nothing: give a subject, a headline or a text"),
    (with_line("wording", "[{message: offer, headline: A place}]"), LINE, "wording[0].headline", "must say until when people may answer: use {until}"),
    (with_line("wording", "[{message: offer, text: 'a } b'}]"), LINE, "wording[0].text", "has a single brace: write it twice, {{ or }}"),
    (with_line("wording", "[{message: lapsed, text: a}, {message: lapsed, text: b}]"), LINE, "wording[1].message", "lapsed stands there twice"),
    (with_line("discreet", "true\nwording: [{message: lapsed, subject: Soup}]"), LINE + 1, "wording[0].subject", "is not for a discreet event: its subjects say nothing"),
    (with_line("discreet", "true\nreminders: [{key: a, before: 1 day, subject: Soup}]"), LINE + 1, "reminders[0].subject", "is not for a discreet event: its subjects say nothing"),
    # questions and consents
    (with_line("questions", "[{key: diet, ask: Diet, type: text, options: [a, b]}]"), LINE, "questions[0].options", "is not for the type text"),
    (with_line("questions", "[{key: diet, ask: Diet, type: yes_no, options: [a, b]}]"), LINE, "questions[0].options", "is not for the type yes_no"),
    (with_line("questions", "[{key: diet, ask: Diet, type: choice}]"), LINE, "questions[0].options", "is missing: choice needs some"),
    (with_line("questions", "[{key: diet, ask: Diet, type: choices, options: []}]"), LINE, "questions[0].options", "is missing: choices needs some"),
    (with_line("questions", "[{key: diet, ask: Diet, type: choice, options: [Yes, Maybe]}]"), LINE, "questions[0].options[0]", 'must be text: put it in quotes, "Yes"'),
    (with_line("questions", "[{key: diet, ask: Diet, type: choice, options: [a, a]}]"), LINE, "questions[0].options[1]", "a stands there twice"),
    (with_line("questions", "[{key: diet, ask: Diet, type: number}]"), LINE, "questions[0].type", "must be one of: text, long_text, choice, choices, yes_no"),
    (with_line("questions", "[{key: diet, ask: Diet}]"), LINE, "questions[0].type", "is missing"),
    (with_line("questions", "[{key: Diet, ask: Diet, type: text}]"), LINE, "questions[0].key", "may have small letters a-z, digits and single hyphens only"),
    (with_line("questions", "[{key: d, ask: D, type: text}, {key: d, ask: E, type: text}]"), LINE, "questions[1].key", "d stands there twice"),
    (with_line("questions", "[{key: d, ask: D, type: text, only_for: [foyer]}]"), LINE, "questions[0].only_for[0]", "no admission has the key foyer"),
    (with_line("questions", "[{key: d, ask: D, type: text, per: guest}]"), LINE, "questions[0].per", "must be one of: registration, attendee"),
    (with_line("questions", "[{key: d, ask: D, type: text, keep_days: 31}]"), LINE, "questions[0].keep_days", "must not be more than retention_days (30)"),
    (with_line("consents", "[{key: photos}]"), LINE, "consents[0].text", "is missing"),
    (with_line("consents", "[{key: p, text: A}, {key: p, text: B}]"), LINE, "consents[1].key", "p stands there twice"),
]  # fmt: skip
