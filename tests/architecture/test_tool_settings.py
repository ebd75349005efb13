"""Settings of tools: what they name by a path or a module is there."""

from __future__ import annotations

import re
import subprocess
import tomllib
from fnmatch import fnmatch

from tests.architecture.source import ALL_MODULES, table
from tests.paths import ROOT

TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]


def test_what_mypy_is_told_of_modules_is_about_some():
    named: list[str] = []
    for override in TOOLS["mypy"]["overrides"]:
        module = override["module"]
        named += [module] if isinstance(module, str) else module
    gone = [n for n in named if not any(fnmatch(module, n) for module in ALL_MODULES)]

    assert not gone, table(gone)
    assert TOOLS["mypy"]["strict"] is True


def test_what_the_linter_and_the_build_are_told_of_files_is_about_some():
    lint = TOOLS["ruff"]["lint"]["per-file-ignores"]
    data = TOOLS["setuptools"]["package-data"]["rsvp"]
    patterns = [*lint, *TOOLS["ruff"]["extend-exclude"]]
    patterns += [f"rsvp/{pattern}" for pattern in data]
    gone = [pattern for pattern in patterns if not any(ROOT.glob(pattern))]

    assert not gone, table(gone)


def test_the_tests_that_other_pythons_run_are_there():
    text = (ROOT / ".ci" / "run").read_text()
    selection = re.search(r"^selection=\((.*?)\)", text, re.M | re.S)
    assert selection
    listed = " ".join(selection.group(1).split())
    files = subprocess.check_output(["bash", "-c", f"echo {listed}"], text=True).split()

    assert len(files) > 1
    assert [file for file in files if not (ROOT / file).is_file()] == []
