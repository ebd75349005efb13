"""Mutants: the guards of the booking engine, each taken out of a copy of the code.

Every one must be caught by the test that is named beside it, each time: `python -m
tests.architecture.mutants --times 20`, or once by `make soak`. Where steps race, that
test holds them until they meet (`tests/support/threads.py`). A text to take out must be
found exactly once, so that a guard that has moved is noticed.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.mutants_of_tables import TABLES
from tests.paths import ROOT

COPIED = ("rsvp", "templates", "static", "migrations", "tests", "docs")
SECONDS = 300


@dataclass(frozen=True)
class Mutant:
    """A guard by its name, how it is taken out, and the test that must notice.

    `changes` are (file, what stands there, what stands there instead).
    """

    guard: str
    changes: tuple[tuple[str, str, str], ...]
    test: str


CAPACITY = "rsvp/domain/capacity.py"
WAITLIST = "rsvp/domain/waitlist.py"
REGISTERING = "rsvp/domain/registrations/create.py"
RACES = "tests/domain/proofs/test_races.py"
REGISTRATIONS = "tests/domain/registrations/test_create.py"
RECONFIRMATION = "rsvp/domain/reconfirmation.py"
SCANS = "rsvp/domain/checkin/scans.py"
TWO_DOORS = "tests/domain/proofs/test_two_doors.py"

LOCKED_ADMISSIONS = "session.scalars(fresh(lock_rows(query)))"
UNLOCKED_ADMISSIONS = "session.scalars(fresh(query))"
COUNTED = """session.execute(LOCK_EVENT, {"event": event_id}).scalar_one()"""
ONLY_READ = """(
            session.scalars(
                select(Event.lock_number).where(Event.id == event_id)
            ).one()
            + 1
        )"""

CAUSES = "rsvp/domain/messages/mail_limits.py"
CANNON = "tests/domain/messages/test_mail_limits.py"
MAIL_LINKS = "rsvp/formats/mail/links.py"
EVERY_MAIL = "tests/formats/mail/test_every_mail_in_words.py"
EACH_STATE = "tests/formats/mail/test_render.py"

MUTANTS = (
    Mutant(
        "what a stranger may have caused is counted",
        (
            (
                CAUSES,
                "if is_mark_locked(mailbox)"
                " or is_mailbox_at_limit(mailbox, event_id, now):",
                "if is_mark_locked(mailbox):",
            ),
        ),
        "tests/domain/model/test_mail_attacker.py::"
        "test_an_attacker_sends_no_stranger_more_than_a_few_mails[sqlite]",
    ),
    Mutant(
        "changes are counted by the network, too",
        (
            (
                CAUSES,
                "if network is not None and is_network_at_limit(network, now):",
                "if False:",
            ),
        ),
        f"{CANNON}::test_changes_from_one_network_cause_twenty_mails_an_hour[sqlite]",
    ),
    Mutant(
        "a mailbox is counted by one at a time, on PostgreSQL",
        (
            (
                CAUSES,
                "    if has_concurrent_writers():\n        lock =",
                "    if False:\n        lock =",
            ),
        ),
        f"{CANNON}::test_two_at_once_find_room_for_three[postgresql]",
    ),
    Mutant(
        "erasing by the link leaves what is counted",
        (
            (
                "rsvp/domain/privacy.py",
                "keep_counted=is_by_link",
                "keep_counted=False",
            ),
        ),
        f"{CANNON}::test_erasing_a_stranger_by_the_link_makes_no_room_for_more[sqlite]",
    ),
    Mutant(
        "the first form from a mailed link ends the page's",
        (
            (
                "rsvp/web/attendee/access.py",
                "    elif registration.proved_at is not None:\n",
                "    elif False:\n",
            ),
        ),
        "tests/web/attendee/test_address_proof.py::"
        "test_a_form_sent_from_a_mailed_link_ends_the_pages_link_alone[sqlite]",
    ),
    Mutant(
        "names of an address not yet proved are plain ones",
        (
            (
                "rsvp/formats/mail/unproved_names.py",
                "return registration.proved_at is not None or is_plain_name(name)",
                "return True",
            ),
        ),
        "tests/formats/mail/test_unproved_names.py::"
        "test_no_mail_carries_what_only_looks_like_a_name",
    ),
    Mutant(
        "the seats must fit (the condition in the UPDATE)",
        (
            (
                CAPACITY,
                "            seats_fit(seats),\n            nobody",
                "            nobody",
            ),
        ),
        f"{RACES}::test_a_rush_fills_exactly_the_seats_and_lines_the_others_up"
        "[sqlite-one cap-1]",
    ),
    Mutant(
        "nobody may be waiting (the condition in the UPDATE)",
        ((CAPACITY, "            nobody_waits(),\n", ""),),
        f"{REGISTRATIONS}::test_from_doors_on_free_seats_are_for_those_who_wait[sqlite]",
    ),
    Mutant(
        "the form is of the event as it is now (the condition in the UPDATE)",
        (
            (
                CAPACITY,
                '            Admission.event_version == bindparam("version"),\n',
                "            bindparam('version') > 0,\n",
            ),
        ),
        f"{REGISTRATIONS}::test_a_form_of_an_older_version_of_the_event_claims_nothing"
        "[sqlite]",
    ),
    Mutant(
        "the room's cap, beside the admission's",
        (
            (
                CAPACITY,
                "return event.room_capacity is not None and admission.counts_in_room",
                "return False",
            ),
        ),
        f"{REGISTRATIONS}::test_the_room_caps_all_that_happens_in_it[sqlite]",
    ),
    Mutant(
        "the event's lock, on PostgreSQL",
        (
            (CAPACITY, COUNTED, ONLY_READ),
            (CAPACITY, LOCKED_ADMISSIONS, UNLOCKED_ADMISSIONS),
        ),
        f"{RACES}::test_the_lost_wake_up[locked]",
    ),
    Mutant(
        "the order of the event's lock, on PostgreSQL",
        ((CAPACITY, COUNTED, ONLY_READ),),
        f"{RACES}::test_who_has_the_lock_next_waits_for_it_and_has_the_next_number",
    ),
    Mutant(
        "BEGIN IMMEDIATE, on SQLite",
        (("rsvp/db.py", '"BEGIN IMMEDIATE" if writes else "BEGIN"', '"BEGIN"'),),
        "tests/test_db.py::test_a_writing_block_holds_sqlites_lock_from_its_beginning",
    ),
    Mutant(
        "a state is left once (state = old)",
        (
            (
                "rsvp/domain/transitions.py",
                "(Registration.id == registration.id, Registration.state == old_state)",
                "(Registration.id == registration.id)",
            ),
        ),
        "tests/domain/test_transitions.py::test_only_what_is_still_as_it_was_read_moves_on"
        "[sqlite]",
    ),
    Mutant(
        "a guest is cancelled once (state = old)",
        (
            (
                "rsvp/domain/registrations/cancellation.py",
                ".where(Attendee.id == guest.id, "
                "Attendee.state == AttendeeState.COMING)",
                ".where(Attendee.id == guest.id)",
            ),
        ),
        "tests/domain/registrations/test_cancellation.py::"
        "test_only_a_guest_who_is_coming_can_be_given_up[sqlite]",
    ),
    Mutant(
        "an address has one live registration (the index)",
        (
            (
                "migrations/versions/0004_seats_parties_and_the_line.py",
                '["admission_id", "email_key"],\n        unique=True,',
                '["admission_id", "email_key"],\n        unique=False,',
            ),
        ),
        f"{RACES}::test_one_address_pressing_many_times_at_once_is_registered_once"
        "[sqlite]",
    ),
    Mutant(
        "a form is registered once (its submission is unique)",
        (
            (
                "migrations/versions/0001_first_tables.py",
                '"event_id", "submission", name=op.f("uq_registrations_event_id_submis',
                '"uuid", name=op.f("uq_registrations_event_id_submis',
            ),
        ),
        f"{RACES}::test_one_form_sent_many_times_at_once_is_registered_once[sqlite]",
    ),
    Mutant(
        "a conflict is answered, not an error (ON CONFLICT)",
        (
            (
                REGISTERING,
                "insert_or_ignore(Registration, returning=Registration.id)",
                'dict.fromkeys(("sqlite", "postgresql"), insert(table_of('
                "Registration)).returning(Registration.id))",
            ),
        ),
        f"{RACES}::test_one_address_pressing_many_times_at_once_is_registered_once"
        "[sqlite]",
    ),
    Mutant(
        "a newcomer takes no seat that somebody in line could use",
        (
            (
                WAITLIST,
                "        if seats_left is None or smallest_party <= seats_left:\n"
                "            return False\n",
                "",
            ),
        ),
        f"{REGISTRATIONS}::test_from_doors_on_free_seats_are_for_those_who_wait[sqlite]",
    ),
    Mutant(
        "whoever touches an event lets lapse what has ended",
        ((WAITLIST, "    if expire_due(locked, now):\n", "    if False:\n"),),
        "tests/domain/registrations/test_offers.py::test_a_late_worker_gives_no_seat_twice[sqlite]",
    ),
    Mutant(
        "who put an offer off is not asked again at once",
        ((WAITLIST, "not seats or registration.id == except_id", "not seats"),),
        "tests/domain/registrations/test_offers.py::"
        "test_not_now_passes_the_seat_on_and_keeps_the_place[sqlite]",
    ),
    Mutant(
        "nobody moves up from doors on",
        (
            (
                "rsvp/models/event.py",
                "and not self.paused\n            and now < self.doors_open_at",
                "and not self.paused",
            ),
        ),
        "tests/domain/registrations/test_offers.py::test_from_doors_on_no_offers_go_out[sqlite]",
    ),
    Mutant(
        "who said yes is not given on",
        (
            (
                RECONFIRMATION,
                "            Registration.answered_at.is_(None),\n"
                "            Registration.flagged_at.is_(None),\n"
                "            ~attendance.was_checked_in(),\n",
                "            Registration.flagged_at.is_(None),\n"
                "            ~attendance.was_checked_in(),\n",
            ),
        ),
        "tests/domain/test_reconfirmation_answers.py::test_who_says_yes_keeps_the_place[sqlite]",
    ),
    Mutant(
        "nobody gets two mails for an occasion",
        (
            (
                "rsvp/domain/messages/bulk.py",
                "INSERT_IGNORE = insert_or_ignore(Message, returning=Message.id)",
                "from sqlalchemy import insert\n"
                "INSERT_IGNORE = dict.fromkeys("
                '("sqlite", "postgresql"), insert(Message).returning(Message.id))',
            ),
        ),
        "tests/domain/test_reminders.py::"
        "test_a_worker_that_lost_its_place_writes_to_nobody_twice[sqlite]",
    ),
    Mutant(
        "the lock decides between a yes and the deadline",
        (
            (
                RECONFIRMATION,
                "    locked, registration ="
                " locking.lock_registration(registration_id, now)\n"
                "    locking.refuse_if_event_over(locked, now)\n"
                "    if registration.state != State.CONFIRMED:\n",
                "    registration = current_session().get_one("
                "Registration, registration_id)\n"
                "    if registration.state != State.CONFIRMED:\n",
            ),
        ),
        "tests/domain/test_reconfirmation_answers.py::"
        "test_while_a_yes_is_written_the_deadline_waits_and_finds_it[postgresql]",
    ),
    Mutant(
        "nobody is given on whom the question did not reach in time",
        ((RECONFIRMATION, "if not was_asked_in_time(", "if not True and ("),),
        "tests/domain/test_reconfirmation_answers.py::"
        "test_whose_question_did_not_arrive_in_time_is_flagged_not_released"
        "[sqlite]",
    ),
    Mutant(
        "what many get is looked at once more before it goes out",
        (
            (
                "rsvp/jobs/delivery/render.py",
                "if message.id in current "
                "and current[message.id] == decisive_values(message)",
                "if message.id in current",
            ),
        ),
        "tests/jobs/delivery/test_batches.py::"
        "test_what_changes_while_others_go_out_counts[sqlite]",
    ),
    Mutant(
        "no mail overtakes one that a worker has in hand",
        (
            (
                "rsvp/jobs/delivery/claims.py",
                "            earlier.state == MessageState.QUEUED,\n"
                "            ~is_past(earlier.lease_until, LATEST_LEASE),\n",
                "            earlier.state == MessageState.QUEUED,\n",
            ),
        ),
        "tests/jobs/delivery/test_claims.py::"
        "test_what_a_worker_is_sending_goes_out_before_it_is_said_to_be_passed_on"
        "[sqlite]",
    ),
    Mutant(
        "a phone's clock says how old a scan is, not when it was made",
        (
            (
                SCANS,
                "            self.shown_verdict is None\n",
                "            False\n",
            ),
        ),
        f"{TWO_DOORS}::test_a_used_ticket_is_never_green_whatever_the_clock_says"
        "[sqlite-evening]",
    ),
    Mutant(
        "a scan at once comes after all that has arrived",
        (
            (
                SCANS,
                "        return max(at, max(times) + MIN_TIME_STEP)\n",
                "        return at\n",
            ),
        ),
        f"{TWO_DOORS}::test_a_used_ticket_is_never_green_whatever_the_clock_says"
        "[sqlite-evening]",
    ),
    Mutant(
        "an edit is compared with what is there under the lock, on PostgreSQL",
        (
            (
                "rsvp/domain/events/custom_texts.py",
                "    current = custom_text_values(event, kind)\n    if not",
                "    if not",
            ),
            (
                "rsvp/domain/events/custom_texts.py",
                "    event = capacity.lock_event(event_id).event\n",
                "    current = custom_text_values(\n"
                "        capacity.current_session().get_one(Event, event_id), kind\n"
                "    )\n"
                "    event = capacity.lock_event(event_id).event\n",
            ),
        ),
        "tests/domain/test_edit_versions.py::"
        "test_of_two_who_save_at_the_same_moment_one_learns_of_the_other[postgresql]",
    ),
    Mutant(
        "the scans of a ticket are judged one after the other, on PostgreSQL",
        (
            (
                "rsvp/domain/checkin/lookup.py",
                "    return lock_rows(query, Registration, Attendee)\n",
                "    return query\n",
            ),
        ),
        f"{TWO_DOORS}::test_who_is_being_judged_at_one_door_is_waited_for_at_another"
        "[postgresql-rehearsal]",
    ),
    Mutant(
        "the link to join is for who has a place, the mail being about it",
        (
            (
                MAIL_LINKS,
                "join=join_link(registration) if joins else None,",
                "join=join_link(registration),",
            ),
        ),
        f"{EACH_STATE}::test_the_join_link_is_for_confirmed_online_attendees",
    ),
    Mutant(
        "organizers see no link of a mail that opens something",
        (
            (
                MAIL_LINKS,
                'return f"{self.public_url}/{path}/{MASK if self.masked else secret}"',
                'return f"{self.public_url}/{path}/{secret}"',
            ),
        ),
        f"{EACH_STATE}::test_organizers_see_no_secrets",
    ),
    Mutant(
        "a mail to whose it was before has no link of whose it is now",
        (
            (
                MAIL_LINKS,
                "    if not context.is_addressed_to_holder:\n",
                "    if False:\n",
            ),
        ),
        f"{EACH_STATE}::"
        "test_a_mail_to_whose_it_was_before_holds_no_secret_of_who_has_it_now",
    ),
    Mutant(
        "whoever a mail is not for can have the data deleted",
        (
            (
                MAIL_LINKS,
                'erase=f"{manage}/erasure",',
                "erase=manage,",
            ),
        ),
        f"{EVERY_MAIL}::test_whoever_it_is_not_for_can_have_the_data_deleted",
    ),
    Mutant(
        "a discreet event is named in no subject",
        (
            (
                "rsvp/formats/mail/texts/__init__.py",
                "        if context.kind != MessageKind.CONFIRM_ADDRESS:\n",
                "        if context.kind == MessageKind.CONFIRMATION:\n",
            ),
        ),
        f"{EVERY_MAIL}::"
        "test_a_discreet_event_is_named_in_no_subject_preview_or_calendar",
    ),
    Mutant(
        "a cell that would run as a formula is disarmed",
        (
            (
                "rsvp/formats/exports/attendees.py",
                """return "'" + text if starts else text""",
                "return text",
            ),
        ),
        "tests/formats/exports/test_attendees.py::"
        "test_a_cell_that_would_run_as_a_formula_is_disarmed",
    ),
    Mutant(
        "a mistake in an event file is told with its line",
        (
            (
                "rsvp/formats/eventfile/readers.py",
                'key, f"unknown key{suggest_word(word, self.keys.known)}", line',
                'key, f"unknown key{suggest_word(word, self.keys.known)}", 1',
            ),
        ),
        "tests/formats/eventfile/test_eventfile.py::"
        "test_a_mistake_is_told_with_its_line_key_and_reason",
    ),
    Mutant(
        "what fails before the recipient is named is no mail's end",
        (
            (
                "rsvp/jobs/delivery/smtp_errors.py",
                "if not named_recipient or code in SIGN_IN_CODES:",
                "if code in SIGN_IN_CODES:",
            ),
        ),
        "tests/jobs/delivery/test_smtp_errors.py::"
        "test_what_fails_before_the_recipient_puts_all_off[sqlite]",
    ),
    Mutant(
        "a lease by a clock that was wrong holds no mail up",
        (
            (
                "rsvp/jobs/delivery/claims.py",
                "            is_past(Message.lease_until, LATEST_LEASE),\n"
                "            Message.domain.not_in(busy),\n",
                "            or_(Message.lease_until.is_(None), "
                "Message.lease_until <= NOW),\n"
                "            Message.domain.not_in(busy),\n",
            ),
        ),
        "tests/jobs/test_wrong_clock.py::"
        "test_one_in_the_hands_of_a_worker_that_died_meanwhile_goes_out[sqlite]",
    ),
    Mutant(
        "what is wrong with a database's address is told without its password",
        (
            (
                "rsvp/site_addresses.py",
                'raise ValueError(f"must be written like {POSTGRESQL_EXAMPLE}") '
                "from None",
                "raise",
            ),
        ),
        "tests/test_config.py::"
        "test_what_is_wrong_with_a_database_is_told_without_its_password",
    ),
)

MUTANTS += tuple(
    Mutant(guard, ((file, there, instead),), test)
    for guard, file, there, instead, test in TABLES
)


def try_mutants(
    mutants: tuple[Mutant, ...] = MUTANTS, times: int = 1
) -> Iterator[tuple[Mutant, str]]:
    """Try each so often; give it with what became of it: `caught` each time, or what is
    wrong."""
    for mutant in mutants:
        with copied_tree() as tree:
            for file, there, instead in mutant.changes:
                path = tree / file
                text = path.read_text(encoding="utf-8")
                found = text.count(there)
                assert found == 1, f"{mutant.guard}: found {found} times in {file}"
                path.write_text(text.replace(there, instead), encoding="utf-8")
            yield mutant, outcome(tree, mutant.test, times=times)


@contextmanager
def copied_tree() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        for name in COPIED:
            shutil.copytree(
                ROOT / name,
                tree / name,
                ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"),
            )
        for file in ("pyproject.toml", "wsgi.py"):
            shutil.copy(ROOT / file, tree)
        yield tree


def outcome(tree: Path, *tests: str, times: int = 1) -> str:
    """What the tests say of the code in that folder: `caught` where the first fails as
    often as it is run."""
    where = subprocess.run(
        [sys.executable, "-c", "import rsvp; print(rsvp.__file__)"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(tree)), "the copy is not what is tested"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "tests.support.repeat",
            f"--times={times}",
            *tests,
        ],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=SECONDS * times,
        check=False,
    )
    # A test that can't be found or set up has noticed nothing.
    failed = done.stdout.count(f"FAILED {tests[0]}")
    if done.returncode == 1 and failed:
        return "caught" if failed == times else f"caught {failed} of {times} times"
    if done.returncode == 0:
        return "passed" if " passed" in done.stdout else "skipped"
    return f"no answer: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=1, help="how often to try each")
    parser.add_argument("--only", default="", help="those with this in their name")
    wanted = parser.parse_args()
    mutants = tuple(mutant for mutant in MUTANTS if wanted.only in mutant.guard)
    left = 0
    for mutant, became in try_mutants(mutants, wanted.times):
        left += became != "caught"
        print(f"{became:<8} {mutant.guard}\n         by {mutant.test}", flush=True)
    return min(left, 1)


if __name__ == "__main__":
    sys.exit(main())
