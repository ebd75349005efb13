"""The lock files: what pyproject.toml asks for, pinned, with hashes, no addresses."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.paths import ROOT
from tests.support.for_each import for_each

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS = PROJECT["dependency-groups"]
RUNTIME = [*PROJECT["project"]["dependencies"], *GROUPS["build"]]


def locked(name: str) -> dict[str, list[Requirement]]:
    """Each package of a lock file with its pins: several where Pythons differ."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    found: dict[str, list[Requirement]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line.split("--hash")[0].strip())
            found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found


@for_each(
    ("lock", "wanted"),
    [
        ("requirements.lock", RUNTIME),
        ("requirements-dev.lock", [*RUNTIME, *GROUPS["dev"]]),
    ],
)
def test_what_the_project_asks_for_is_locked(lock, wanted):
    """After a change of pyproject.toml: make lock."""
    pins = locked(lock)
    for text in wanted:
        asked = Requirement(text)
        for pin in pins[canonicalize_name(asked.name)]:
            (specifier,) = pin.specifier
            assert specifier.operator == "=="
            assert asked.specifier.contains(specifier.version), f"{pin}, not {asked}"


def test_the_tools_are_pinned_on_top_of_the_same_versions():
    runtime, tools = locked("requirements.lock"), locked("requirements-dev.lock")

    for name, pins in runtime.items():
        assert list(map(str, tools[name])) == list(map(str, pins))


@for_each("lock", ["requirements.lock", "requirements-dev.lock"])
def test_each_pin_has_hashes_and_no_line_an_address(lock):
    text = (ROOT / lock).read_text()

    assert "://" not in text
    assert not re.search(r"^(-|.*\s--(?!hash))", text, re.MULTILINE)
    for block in re.split(r"\n(?=\S)", text.strip()):
        if not block.startswith("#"):
            assert "--hash=sha256:" in block, block
