"""The one table of states: a row for each, and no sign written anywhere else."""

import ast
import re

from rsvp.formats.mail.context import MailSituation
from rsvp.formats.mail.texts.labels import SITUATION_LABELS
from rsvp.models.event import Phase
from rsvp.models.mailing import MailingState
from rsvp.models.registration import State
from rsvp.queries.filters import ReconfirmationStatus
from rsvp.queries.outbox import DeliveryStatus
from rsvp.text.states import PHASE_LABELS, SIGNS, STATE_LABELS, StateLabel
from rsvp.web.organizer.messages.mailings import MAILING_STATES
from rsvp.web.organizer.messages.rows import DELIVERY_LABELS
from rsvp.web.presentation.filter_labels import RECONFIRMATION_LABELS
from tests.architecture.source import MODULES, table, tree_of
from tests.paths import ROOT

TABLES = {
    Phase: PHASE_LABELS,
    State: STATE_LABELS,
    MailSituation: SITUATION_LABELS,
    MailingState: MAILING_STATES,
    DeliveryStatus: DELIVERY_LABELS,
    ReconfirmationStatus: RECONFIRMATION_LABELS,
}
# Verdicts at the door have signs of their own, which verdict.js has too.
HAVE_OTHER_SIGNS = {"rsvp.text.states", "rsvp.web.door.verdicts"}
# Marks like ? and ! also end sentences.
WRITTEN_SIGNS = "".join({sign for sign in SIGNS.values() if not sign.isascii()})


def test_each_state_has_a_row_and_each_row_a_sign():
    missing = [
        repr(s) for states, rows in TABLES.items() for s in set(states) - {*rows}
    ]
    keys = {label.key for rows in TABLES.values() for label in rows.values()}
    used = keys | {
        node.args[0].value
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and ast.unparse(node.func).rpartition(".")[2] == StateLabel.__name__
        and isinstance(node.args[0], ast.Constant)
    }

    assert not missing, table(missing)
    assert not used - {*SIGNS}, table(used - {*SIGNS})


def test_the_sign_of_a_state_is_written_in_the_table_alone():
    offenders = [
        f"{module}:{line}: {text}"
        for module in MODULES
        if module not in HAVE_OTHER_SIGNS
        for line, text in signs_in_module(tree_of(module))
    ]
    sheets = [*(ROOT / "templates").rglob("*.*"), *(ROOT / "static/css").rglob("*.css")]
    for path in sheets:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            # A dash stands in spans of time: only one by itself is a sign.
            if re.search(f"[{WRITTEN_SIGNS.replace('–', '')}]|[\"']>?–[\"'<]", line):
                offenders.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")

    assert not offenders, table(offenders)


def signs_in_module(tree):
    """Each text that is a sign, or begins with one that stands before a word."""
    between = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values[1:]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            is_sign = re.match(f"[{WRITTEN_SIGNS}]( |$)", node.value)
            if is_sign and id(node) not in between:
                yield node.lineno, node.value


def test_the_organizers_guide_has_the_same_signs_and_words():
    guide = (ROOT / "docs/organizers.md").read_text("utf-8")

    missing = [one.text for one in STATE_LABELS.values() if one.text not in guide]
    assert not missing, table(missing)
