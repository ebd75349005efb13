"""Publishing what an event file says, and what an update may not take away."""

from __future__ import annotations

import pytest

from rsvp.db import writing
from rsvp.domain import events
from rsvp.formats import eventfile
from tests.factories import CASES, NOON, import_case

WHOLE = (
    "letters-and-soup",
    "library-evening",
    "lunch-call",
    "open-assembly",
    "seminar-heat-pumps",
)


@pytest.mark.parametrize("name", WHOLE)
def test_a_published_file_is_what_is_exported(app, name):
    file = eventfile.parse((CASES / f"{name}.yaml").read_text(), name)

    event = import_case(name)

    assert events.to_file(event) == file
    assert eventfile.parse(eventfile.dump(events.to_file(event)), name) == file


@pytest.mark.parametrize("name", WHOLE)
def test_publishing_the_same_file_again_changes_nothing(app, name):
    event = import_case(name)
    file = events.to_file(event)

    with writing():
        again = events.publish(file, actor="command", now=NOON)

    assert again == events.Published(event.id, created=False, changed=[])
    assert event.version == 1
