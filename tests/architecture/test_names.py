"""Names: one word leads from an address to the view, its template and its tests."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import (
    MODULES,
    PACKAGES,
    stored_in,
    table,
    tree_of,
    within,
)
from tests.architecture.test_layers import AUDIENCES
from tests.paths import ROOT

TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
TESTS = ROOT / "tests"

# What a module is about may be what another of its layer is about, for others: within
# `web`, each audience has its own. They are imported under a name that says which.
USED_TWICE = {
    "rsvp.web": {"actions", "changes", "events", "list", "registration", "seats"},
}

AUDIENCE_FOLDERS = {name.rpartition(".")[2] for name in AUDIENCES}
SHARED_TEMPLATES = {"errors", "layouts", "macros", "mail"}
ANY_MAY_INCLUDE = ("base.html", "layouts/", "macros/")
SHARED_STYLES = {"components"}
SHARED_SCRIPTS = {"lib"}

# Tests that are of no package, and what tests have beside them.
OTHER_TESTS = {
    "architecture",
    "cases",
    "e2e",
    "js",
    "record",
    "schema",
    "support",
    "domain/model",
    "domain/proofs",
}

# Metaphors that once named things; the words that say what is meant stand behind them.
BANNED_WORDS = {
    "circular": "mailing, bulk mail",
    "deed": "action",
    "desk": "organizer, layout",
    "doorbell": "broker",
    "evening": "event",
    "framed": "preview",
    "handful": "batch",
    "hope": "relevance",
    "lane": "connection, pool",
    "ledger": "message, audit log",
    "news": "change notice",
    "roster": "registration list",
    "wording": "custom text",
}
# Fine within a name that has an object; alone they say too little.
BANNED_NAMES = {
    "acts",
    "coming",
    "counted",
    "doors",
    "found",
    "holder",
    "holders",
    "it",
    "kinds",
    "letter",
    "mine",
    "moment",
    "own",
    "people",
    "round",
    "rounds",
    "settle",
    "settling",
    "shown",
    "standing",
    "steps",
    "told",
    "turn",
    "turns",
    "typed",
    "uses",
    "wanted",
    "way",
    "ways",
    "words",
}


# --- modules ------------------------------------------------------------------------


def test_no_two_modules_of_a_layer_have_one_name():
    by_name = defaultdict(list)
    for module in set(MODULES) - PACKAGES:
        *above, name = module.split(".")
        by_name[".".join(above[:2]), name].append(module)
    twice = {key: found for key, found in by_name.items() if len(found) > 1}
    allowed = {(layer, name) for layer, names in USED_TWICE.items() for name in names}

    unforeseen = [
        f"{name}: {', '.join(sorted(found))}"
        for (layer, name), found in twice.items()
        if (layer, name) not in allowed
    ]
    assert not unforeseen, table(unforeseen)
    no_longer = [f"{layer}: {name}" for layer, name in allowed - set(twice)]
    assert not no_longer, "Take out of USED_TWICE:" + table(no_longer)


def test_names_are_the_field_s_own_words():
    offenders = []
    for module in MODULES:
        for name, line in names_in(module):
            words = words_of(name)
            banned = {w: BANNED_WORDS[w] for w in words if w in BANNED_WORDS}
            offenders += [
                f"{module}:{line} {name}: say {instead}" for instead in banned.values()
            ]
            if name.lower().strip("_") in BANNED_NAMES:
                offenders.append(f"{module}:{line} {name}: say what of")

    assert not offenders, table(offenders)


def names_in(module: str) -> Iterator[tuple[str, int]]:
    """The names of a module, its functions, classes, constants, each with its line."""
    yield module.rpartition(".")[2], 1
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
    for node in tree_of(module).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                yield from ((name, node.lineno) for name in stored_in(target))


def words_of(name: str) -> set[str]:
    """The words of a name, each in the singular as well: `LANE_SIZE`, `has_lanes`."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)
    found = {word.lower() for word in words}
    return found | {word.removesuffix("s") for word in found}


# --- templates, styles, scripts -----------------------------------------------------


def folders_in(folder: Path) -> set[str]:
    """Those with files: Python leaves its own in what a file has moved out of."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return {
        above.as_posix()
        for file in files
        if "__pycache__" not in file.parts
        for above in list(file.parents)[:-1]
    }


def test_each_package_of_views_has_its_folder_of_templates():
    packages = {
        name.removeprefix("rsvp.web.").replace(".", "/")
        for name in PACKAGES
        if within(name, AUDIENCES)
    }
    folders = folders_in(TEMPLATES) - SHARED_TEMPLATES
    # A view of many forms has a folder by its own name.
    modules = {
        name.removeprefix("rsvp.web.").replace(".", "/")
        for name in MODULES
        if within(name, AUDIENCES)
    }

    assert packages - folders == set()
    assert folders - modules == set()


def test_a_view_shows_templates_of_its_own_folder():
    offenders = []
    for module in MODULES:
        if not within(module, AUDIENCES):
            continue
        audience, _, below = module.removeprefix("rsvp.web.").partition(".")
        folder = "/".join([audience, *below.split(".")[:-1]])
        for node in ast.walk(tree_of(module)):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            if not re.fullmatch(r"[\w/]+\.html", node.value):
                continue
            # The organizer's layout puts its folder in front.
            starts = "organizer/" if audience == "organizer" else ""
            template = starts + node.value
            if not (TEMPLATES / template).is_file():
                offenders.append(f"{module}:{node.lineno} there is no {template}")
            elif not template.startswith(folder + "/"):
                offenders.append(f"{module}:{node.lineno} {template}")

    assert not offenders, table(offenders)


def test_templates_take_from_their_audience_and_from_what_all_share():
    offenders = []
    for path in TEMPLATES.rglob("*.html"):
        name = path.relative_to(TEMPLATES).as_posix()
        folder = name.partition("/")[0]
        if folder not in AUDIENCE_FOLDERS:
            continue
        source = path.read_text(encoding="utf-8")
        offenders += [
            f"{name} takes {other}"
            for other in re.findall(
                r'{%-? *(?:extends|include|from|import) +"(.+?)"', source
            )
            if not other.startswith((*ANY_MAY_INCLUDE, folder + "/"))
        ]

    assert not offenders, table(offenders)


def test_scripts_and_styles_are_kept_by_audience():
    assert folders_in(STATIC / "js") <= AUDIENCE_FOLDERS | SHARED_SCRIPTS
    assert folders_in(STATIC / "css") <= AUDIENCE_FOLDERS | SHARED_STYLES
    offenders = []
    for path in (STATIC / "js").rglob("*.js"):
        taken = re.findall(r'^(?:import|} from) .*?"(.+?)"', path.read_text(), re.M)
        for other in taken:
            folder = (path.parent / other).resolve().parent
            if folder not in (path.parent, STATIC / "js" / "lib"):
                offenders.append(f"{path.relative_to(STATIC)} imports {other}")

    assert not offenders, table(offenders)


# --- tests --------------------------------------------------------------------------


def test_tests_are_where_their_code_is():
    packages = {
        name.removeprefix("rsvp.").replace(".", "/") for name in PACKAGES - {"rsvp"}
    }
    folders = {
        folder
        for folder in folders_in(TESTS)
        if not any(folder == o or folder.startswith(o + "/") for o in OTHER_TESTS)
    }
    of_audiences = {
        name.removeprefix("rsvp.").replace(".", "/")
        for name in PACKAGES
        if within(name, AUDIENCES)
    }

    assert folders - packages == set()
    assert of_audiences - folders == set()
    assert folders_in(TESTS) >= OTHER_TESTS


def test_test_files_have_names_of_tests():
    """pytest looks at no other file: tests in it would never run."""
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in TESTS.rglob("*.py")
        if not path.name.startswith("test_")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]

    assert not offenders, table(offenders)
