"""Guards are load-bearing: without any one of them, a named test fails."""

from __future__ import annotations

import pytest

from tests.architecture import mutants
from tests.paths import ROOT
from tests.support.for_each import for_each


@pytest.mark.soak
@pytest.mark.postgresql
def test_the_named_tests_pass_while_the_guards_stand():
    tests = sorted({mutant.test for mutant in mutants.MUTANTS})

    with mutants.copied_tree() as tree:
        assert mutants.outcome(tree, *tests) == "passed"


@pytest.mark.soak
@pytest.mark.postgresql
@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.guard)
def test_a_guard_taken_out_is_noticed(mutant):
    [(_, became)] = mutants.try_mutants((mutant,))

    assert became == "caught"


@for_each("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.guard)
def test_each_guard_still_stands_where_it_is_taken_out(mutant):
    for file, there, instead in mutant.changes:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert text.count(there) == 1
        assert there != instead
    file, _, test = mutant.test.partition("::")
    assert f"def {test.partition('[')[0]}(" in (ROOT / file).read_text()
