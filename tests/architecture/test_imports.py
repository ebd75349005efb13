"""Imports: each names the module that has the code, where its reader finds it."""

from __future__ import annotations

import ast
import functools

from tests.architecture.source import (
    ALL_MODULES,
    defined_in,
    imported_names,
    table,
    tree_of,
)

FACES = {
    "rsvp.models": "the tables, whichever module they are in",
    "rsvp.folding": "what a migration imports, and migrations are never edited",
    "tests.record.product": "the one place of the recorder that names our modules",
}


def test_an_import_names_the_module_that_has_the_code():
    offenders = [
        f"{module}:{node.lineno} from {node.module} import {name}"
        for module in ALL_MODULES
        for node, name in imported_names(module)
        if node.module in ALL_MODULES and node.module not in FACES
        if f"{node.module}.{name}" not in ALL_MODULES
        if name not in defined_in(node.module)
    ]

    assert not offenders, table(offenders)


def test_what_is_reached_through_a_module_is_there():
    """As in `db.utcnow()` after `from rsvp import db`: a test that replaces what has
    moved would replace nothing, and pass."""
    offenders = []
    for module in ALL_MODULES:
        modules = imported_modules(module)
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                source = modules.get(node.value.id)
                if source and not has_name(source, node.attr):
                    offenders.append(f"{module}:{node.lineno} {source}.{node.attr}")

    assert not offenders, table(offenders)


def imported_modules(module: str) -> dict[str, str]:
    """Our modules that a module imports, by names that stand for nothing else in it."""
    imported = {}
    bound = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (name := f"{node.module}.{alias.name}") in ALL_MODULES:
                    imported[alias.asname or alias.name] = name
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    return {name: source for name, source in imported.items() if name not in bound}


def has_name(module: str, name: str) -> bool:
    return (
        name in defined_in(module)
        or f"{module}.{name}" in ALL_MODULES
        or name in imported_into(module)
        or name.startswith("__")
    )


@functools.cache
def imported_into(module: str) -> set[str]:
    return {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }


def test_only_faces_have_a_list_of_names():
    """`__all__` is how a module hands on what it took from others."""
    offenders = [
        module
        for module in ALL_MODULES
        if "__all__" in defined_in(module) and module not in FACES
    ]
    for module in ALL_MODULES:
        offenders += [
            f"{module}:{node.lineno} import … as {alias.name}"
            for node in tree_of(module).body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
            if alias.name == alias.asname
        ]

    assert not offenders, table(offenders)


def test_every_face_is_needed():
    assert set(FACES) <= set(ALL_MODULES)
    assert {face for face in FACES if "__all__" not in defined_in(face)} == set()
