"""The project's source as the rules read it: modules, what they import and define."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.paths import ROOT

TOPS = ("rsvp", "tests", "bench", "tools")


def module_name(path: Path) -> str:
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return dotted.removesuffix(".__init__")


ALL_MODULES = {
    module_name(path): path
    for top in TOPS
    for path in sorted((ROOT / top).rglob("*.py"))
}
MODULES = {
    name: path for name, path in ALL_MODULES.items() if name.split(".")[0] == "rsvp"
}
PACKAGES = {name for name, path in MODULES.items() if path.stem == "__init__"}


@functools.cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(ALL_MODULES[module].read_text(encoding="utf-8"))


def imported_names(module: str) -> Iterator[tuple[ast.ImportFrom, str]]:
    """Each name that `from … import` brings, at the file's top or inside functions."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            for alias in node.names:
                yield node, alias.name


def imports_of(module: str) -> set[str]:
    """What a module imports, as `module` or `module.name`."""
    names = {f"{node.module}.{name}" for node, name in imported_names(module)}
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@functools.cache
def defined_in(module: str) -> frozenset[str]:
    """The names that a module itself gives a value, outside functions and classes."""
    return frozenset(defined_by(tree_of(module).body))


def defined_by(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif not isinstance(node, ast.Import | ast.ImportFrom):
            for part in ast.iter_child_nodes(node):
                if isinstance(part, ast.stmt | ast.ExceptHandler):
                    inner = part.body if isinstance(part, ast.ExceptHandler) else [part]
                    yield from defined_by(inner)
                else:
                    yield from stored_in(part)


def stored_in(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id


def within(name: str, packages: Iterable[str]) -> bool:
    """Whether a dotted name is one of these, or in one of them."""
    return any(name == p or name.startswith(p + ".") for p in packages)


def table(offenders: Iterable[str]) -> str:
    """What a failing rule says: a line for each offender."""
    return "\n  ".join(["", *sorted(set(offenders))])
