"""Turns: what is wrong with one event keeps no other one waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from rsvp.database import outages
from rsvp.db import current_session

One = TypeVar("One")


def in_turn(all_of_them: Iterable[One], deal: Callable[[One], int]) -> int:
    """Deal with each by itself, and say how many things that did.

    One that fails is left as it was; its error (the first, of several) is raised once
    all have had their turn. A database that can't be used is told of at once.
    """
    done, first = 0, None
    for one in all_of_them:
        try:
            done += deal(one)
        except Exception as error:
            if outages.find(error):
                raise
            current_session().rollback()
            first = first or error
    if first is not None:
        raise first
    return done
