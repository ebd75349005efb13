"""Codes and links, against the reference cases."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from rsvp import tokens
from tests.paths import CASES
from tests.support.factories import NOON
from tests.support.for_each import for_each

DOOR = json.loads((CASES / "door.json").read_text())
KEY = bytes(range(32))


@for_each("case", DOOR["derived"], ids=lambda c: str(c["version"]))
def test_a_code_is_derived_from_key_attendee_and_version(case):
    code = tokens.attendee_code(
        bytes.fromhex(case["code_key_hex"]),
        UUID(case["attendee_uuid_hex"]),
        case["version"],
    )

    assert code.hex() == case["code_hex"]
    assert tokens.code_text(code) == case["payload"]


@for_each("case", DOOR["sealed"], ids=lambda c: c["name"])
def test_a_code_is_printed_and_looked_up_as_the_reference_says(case):
    code = bytes.fromhex(case["code_hex"])

    assert tokens.code_text(code) == case["payload"]
    assert tokens.code_id(code).hex() == case["code_id_hex"]
    assert tokens.read_code(case["payload"]) == code


@given(st.binary(min_size=16, max_size=16))
def test_typing_a_code_tolerates_case_spaces_and_look_alikes(code):
    printed = tokens.code_text(code)
    typed = tokens.group_code(printed).lower().replace("1", "l").replace("0", "o")

    assert tokens.read_code(typed.replace(" ", "-")) == code


@given(st.binary(min_size=16, max_size=16), st.integers(0, 28), st.sampled_from("3Z"))
def test_a_mistyped_code_is_not_taken_for_another(code, at, wrong):
    printed = tokens.code_text(code)
    mistyped = printed[:at] + wrong + printed[at + 1 :]

    # Two check characters: one in 1,024 mistakes slips through, and then misses anyway;
    # by keys of another keyboard, too.
    assert (
        tokens.read_code(mistyped) in (None, code)
        or mistyped[:27] != printed[:27]
        or set(mistyped) & set("AQWZYM")
    )


def test_a_codes_unused_bits_must_be_zero():
    body = "0" * 25 + "1"

    assert tokens.read_code(f"1{body}{tokens.check_characters(body)}") is None


@for_each("text", ["", "1", "x" * 29, "1" + "U" * 28, "1" * 500, "é" * 29])
def test_what_is_no_code_reads_as_none(text):
    assert tokens.read_code(text) is None


def test_links_of_attendees_and_registrations_differ_and_die_with_their_version():
    someone = uuid4()
    links = {
        tokens.manage_token(KEY, someone, 0),
        tokens.manage_token(KEY, someone, 1),
        tokens.ticket_token(KEY, someone, 0),
        tokens.manage_token(KEY[::-1], someone, 0),
    }

    assert len({tokens.link_id(link) for link in links}) == 4
    said = {
        tokens.mailed_token(KEY, someone, 0),
        tokens.mailed_token(KEY, someone, 1),
        tokens.mute_token(KEY, someone, 0),
        tokens.mailed_token(KEY[::-1], someone, 0),
    }
    assert len(said) == 4
    assert {tokens.registration_of_token(link) for link in said} == {someone}
    assert {tokens.is_mailed(link) for link in links | said} == {True, False}
    assert not any(
        tokens.is_mailed(link) or tokens.registration_of_token(link) for link in links
    )


@for_each("token", ["", "short", "a" * 23, "!" * 22, "a" * 21 + "\n"])
def test_what_is_no_link_has_no_id(token):
    assert tokens.link_id(token) is None


def test_a_link_has_one_spelling_only():
    token = tokens.link_text(bytes(16))

    assert tokens.link_id(token)
    assert tokens.link_id(token[:-1] + "B") is None


@for_each(
    ("age", "good"),
    [
        (timedelta(0), True),
        (timedelta(hours=23), True),
        (timedelta(hours=26), False),
        (timedelta(hours=-2), False),
    ],
)
def test_a_form_is_good_for_a_day(age, good):
    event = uuid4()
    token = tokens.form_token("secret", event, NOON)

    assert tokens.is_form_token_valid("secret", event, token, NOON + age) is good


def test_a_form_of_another_event_or_key_is_not_good():
    event = uuid4()
    token = tokens.form_token("secret", event, NOON)

    assert not tokens.is_form_token_valid("secret", uuid4(), token, NOON)
    assert not tokens.is_form_token_valid("other", event, token, NOON)
    assert not tokens.is_form_token_valid("secret", event, "9.9", NOON)
    assert not tokens.is_form_token_valid("secret", event, "", NOON)


@for_each(
    ("age", "good"),
    [
        (timedelta(0), True),
        (timedelta(days=7), True),
        (timedelta(days=7, seconds=1), False),
        (timedelta(minutes=-5), True),
        (timedelta(minutes=-6), False),
    ],
)
def test_a_link_to_the_first_account_is_good_for_a_week(age, good):
    token = tokens.first_account_token("secret", NOON)

    assert tokens.is_first_account_token_valid("secret", token, NOON + age) is good


@for_each(
    "token",
    [
        "",
        ".",
        "1",
        "1.x",
        "é",
        "\0",
        "9" * 5000,
        tokens.first_account_token("no", NOON),
    ],
)
def test_a_made_up_link_makes_no_account(token):
    assert not tokens.is_first_account_token_valid("secret", token, NOON)


@for_each(
    ("age", "good"),
    [
        (timedelta(0), True),
        (timedelta(hours=2), True),
        (timedelta(hours=2, seconds=1), False),
        (timedelta(minutes=-6), False),
    ],
)
def test_a_link_to_another_password_is_good_for_two_hours(age, good):
    token = tokens.password_reset_token("secret", 17, "mark", NOON)

    assert tokens.user_of_reset_token(token) == 17
    assert tokens.is_reset_token_valid("secret", 17, "mark", token, NOON + age) is good


def test_a_link_to_another_password_is_for_one_account_as_it_is():
    token = tokens.password_reset_token("secret", 17, "mark", NOON)
    foreign = token.replace("17.", "18.", 1)

    assert not tokens.is_reset_token_valid("secret", 17, "a newer mark", token, NOON)
    assert not tokens.is_reset_token_valid("secret", 18, "mark", token, NOON)
    assert not tokens.is_reset_token_valid("secret", 18, "mark", foreign, NOON)
    assert not tokens.is_reset_token_valid("other", 17, "mark", token, NOON)
    first = tokens.first_account_token("secret", NOON)
    assert not tokens.is_reset_token_valid("secret", 17, "mark", f"17.{first}", NOON)


@for_each("token", ["", "17", ".1.x", "0.1.x", "-1.1.x", "1e3.1.x", "x.1"])
def test_what_names_no_account_is_for_none(token):
    assert tokens.user_of_reset_token(token) is None


def test_every_visitor_of_the_hour_gets_the_same_form():
    event = uuid4()
    assert tokens.form_token("s", event, NOON) == tokens.form_token(
        "s", event, NOON + timedelta(minutes=59)
    )
