"""Mutants of rules that a table of cases holds: each must be caught by its one test.

A row is a guard by its name, the file, what stands there, what stands there instead,
and the test, which names the rows that are wrong.
"""

from __future__ import annotations

TEAMS = "rsvp/domain/teams.py"
AUDIT_LOG = "rsvp/web/organizer/registrations/audit_log.py"

TABLES: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "a host of the door exports no list",
        TEAMS,
        "    Role.DOOR_HOST: DOOR_HOST_ACTIONS,\n",
        "    Role.DOOR_HOST: DOOR_HOST_ACTIONS | {Action.EXPORT},\n",
        "tests/domain/test_teams.py::test_each_role_may_do_its_part",
    ),
    (
        "nobody does anything to another team's event",
        TEAMS,
        "if member is None or (event is not None and event.team_id != member.team_id):",
        "if member is None:",
        "tests/domain/test_teams.py::"
        "test_nobody_may_do_anything_to_another_teams_event",
    ),
    (
        "a code with too many characters is called long",
        "rsvp/web/door/scan_input.py",
        'return "short" if len(text) < tokens.CODE_LENGTH else "long"',
        'return "short"',
        "tests/web/door/test_typed_codes.py::test_a_mistyped_code_says_what_is_wrong",
    ),
    (
        "who comes back at the door looks welcome",
        "rsvp/web/door/verdicts.py",
        'VerdictLook(Verdict.LEFT_AND_BACK, "welcome"',
        'VerdictLook(Verdict.LEFT_AND_BACK, "already"',
        "tests/web/door/test_scanner.py::"
        "test_a_verdict_looks_as_the_table_says[sqlite]",
    ),
    (
        "a mailing leaves out whose address is not confirmed",
        "rsvp/domain/mailings.py",
        "    Registration.state != State.HELD,\n",
        "",
        "tests/domain/test_mailings.py::"
        "test_who_asked_for_no_more_or_can_not_be_reached_is_left_out[sqlite]",
    ),
    (
        "a reminder goes to the states that it names",
        "rsvp/domain/reminders.py",
        "Registration.state.in_(reminder.states or [State.CONFIRMED])",
        "Registration.state.in_([State.CONFIRMED])",
        "tests/domain/test_reminders.py::"
        "test_it_is_for_the_states_that_it_names[sqlite]",
    ),
    (
        "calendars hear of what they show",
        "rsvp/domain/events/publish.py",
        "    event.sequence += bool(CALENDAR_KEYS.intersection(changed))\n",
        "",
        "tests/domain/events/test_publish.py::"
        "test_an_update_counts_the_event_on_once[sqlite]",
    ),
    (
        "a closed form says that it is closed",
        "rsvp/domain/registrations/create.py",
        "    Phase.CLOSED: errors.RegistrationClosed,\n",
        "    Phase.CLOSED: errors.EventOver,\n",
        "tests/domain/registrations/test_create.py::"
        "test_a_closed_form_is_refused[sqlite]",
    ),
    (
        "a party that does not count its people is named",
        "rsvp/domain/invariants.py",
        'yield Problem("I1", "registrations", row_id, text)',
        "continue",
        "tests/domain/test_invariants.py::test_a_broken_row_is_named[sqlite]",
    ),
    (
        "the log names the guest whose place was cancelled",
        AUDIT_LOG,
        ": guest_cancelled_text,",
        ": cancelled_text,",
        "tests/web/organizer/registrations/test_audit_log.py::"
        "test_what_happened_is_told_in_plain_words[sqlite]",
    ),
)
