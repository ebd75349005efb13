"""Idioms: what is written in one way all over the code."""

from __future__ import annotations

import ast

from tests.architecture.source import ALL_MODULES, MODULES, table, tree_of

GETTEXT_NAMES = {"gettext": "_", "lazy_gettext": "_l", "ngettext": "ngettext"}
"""What each is called in every module: `_` is never lazy, `_l` always is."""


def test_underscore_is_gettext_and_underscore_l_its_lazy_form():
    offenders = []
    for module in MODULES.keys() - {"rsvp.i18n"}:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    local = alias.asname or alias.name
                    expected = GETTEXT_NAMES.get(alias.name, alias.asname)
                    if local != (expected or local) or alias.name in ("_", "_l"):
                        offenders.append(f"{module}:{node.lineno} {alias.name}")
            elif (
                isinstance(node, ast.Assign)
                and ast.unparse(node.value) in GETTEXT_NAMES
            ):
                offenders.append(f"{module}:{node.lineno} {ast.unparse(node)}")

    assert not offenders, table(offenders)


def named(value: ast.expr) -> str:
    return value.id if isinstance(value, ast.Name) else ""


def test_no_star_stands_before_a_list_written_out():
    """`*("a", "b")` inside another keeps the formatter from giving each a line."""
    offenders = [
        f"{module}:{node.lineno}"
        for module in ALL_MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Starred)
        and isinstance(node.value, ast.Tuple | ast.List | ast.Set)
    ]

    assert not offenders, table(offenders)


def test_statements_that_lock_ignore_or_reload_are_made_in_one_place():
    """By `db.lock_rows`, `db.insert_or_ignore` and `db.fresh`."""
    offenders = [
        f"{module}:{node.lineno} {ast.unparse(node)}"
        for module in MODULES.keys() - {"rsvp.db"}
        for node in ast.walk(tree_of(module))
        if (isinstance(node, ast.Attribute) and node.attr == "on_conflict_do_nothing")
        or (isinstance(node, ast.keyword) and node.arg == "key_share")
        or (isinstance(node, ast.Constant) and node.value == "populate_existing")
    ]

    assert not offenders, table(offenders)
