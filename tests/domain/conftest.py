"""Which engines rules are tested on."""

from __future__ import annotations

import pytest

# What most of these write and how they lock is tested on both engines by a few of them,
# named below, and by their neighbours; `make soak` has all of them on both.
ONE_ENGINE = {
    *("test_news", "test_reconfirmation", "test_answering", "test_changing"),
    *("test_by_organizer", "test_handing_over", "test_uses", "test_teams"),
    *("test_moving", "test_lost_mail", "test_passwords"),
}
BOTH = {
    "test_everybody_with_a_limited_place_is_asked_once",
    "test_without_an_answer_the_place_goes_to_the_line",
    "test_many_are_released_in_batches",
    "test_what_people_said_is_counted_of_those_who_have_a_place",
    "test_a_yes_at_the_deadline_is_kept_or_refused_never_both",
    "test_on_another_day_everybody_is_asked_anew",
    "test_whoever_is_on_the_list_is_told_and_nobody_else",
    "test_two_changes_that_nobody_has_read_of_are_told_as_one",
    "test_a_hall_that_goes_online_leaves_the_room",
    "test_who_waited_for_a_chair_is_seated_where_there_are_enough_online",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        params = getattr(item, "callspec", None)
        engine = params.params.get("app") if params else None
        is_here = item.path.parent.name == "domain" and item.path.stem in ONE_ENGINE
        name = getattr(item, "originalname", "")
        if engine == "postgresql" and is_here and name not in BOTH:
            item.add_marker(pytest.mark.soak)
