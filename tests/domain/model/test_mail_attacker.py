"""A form is no mail cannon: random attackers against a model of what a mailbox gets."""

from __future__ import annotations

import pytest

from rsvp.domain import invariants
from tests.domain.model.mail_attacker import MailAttacker
from tests.support.for_each import for_each


def fire(seed: int, moves: int) -> MailAttacker:
    cannon = MailAttacker(seed)
    assert cannon.go(moves) == [], seed
    assert invariants.find_problems(cannon.now) == [], seed
    return cannon


def test_an_attacker_sends_no_stranger_more_than_a_few_mails(app):
    cannon = fire(seed=3, moves=60)

    assert cannon.mails > 10
    assert cannon.refused > 5


@pytest.mark.soak
@for_each("seed", range(100, 130), fresh=True)
def test_no_attacker_ever_does(app, seed):
    fire(seed, moves=150)
