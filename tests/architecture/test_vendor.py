"""What others wrote and we serve ourselves: the files the manifest names, no others."""

import functools
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from rsvp import config

VENDOR = config.ROOT / "static" / "vendor"
LISTED: list[dict[str, Any]] = json.loads((VENDOR / "manifest.json").read_text())
VERBATIM = [entry for entry in LISTED if "made_by" not in entry]

FONT_AT_MOST = 40_000
"""Bytes: every first visit waits for it."""


def test_vendored_files_are_those_the_manifest_names():
    for entry in LISTED:
        content = (VENDOR / entry["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert (VENDOR / entry["licence_file"]).is_file()
        if entry["file"].endswith(".woff2"):
            assert len(content) <= FONT_AT_MOST
    named = {entry[name] for entry in LISTED for name in ("file", "licence_file")}
    found = {p.relative_to(VENDOR).as_posix() for p in VENDOR.rglob("*.*")}
    assert found == named | {"manifest.json"}


def test_the_scanner_has_the_module_it_was_built_with():
    library = (VENDOR / "barcode-detector" / "ponyfill.js").read_text()
    module = (VENDOR / "barcode-detector" / "zxing_reader.wasm").read_bytes()

    assert f"`{hashlib.sha256(module).hexdigest()}`" in library


@pytest.mark.parametrize("entry", VERBATIM, ids=lambda entry: entry["file"])
def test_a_file_is_what_its_package_holds(entry, tmp_path):
    name = entry["package"].removeprefix("npm:")
    if why := registry_is_missing():
        pytest.skip(why)
    npm("pack", f"{name}@{entry['version']}", "--pack-destination", str(tmp_path))
    [packed] = tmp_path.glob("*.tgz")
    with tarfile.open(packed) as archive:
        member = archive.extractfile(f"package/{entry['from']}")
        assert member is not None
        content = member.read()

    assert hashlib.sha256(content).hexdigest() == entry["sha256"]


def test_no_script_of_ours_asks_another_host():
    """The scanning library would ask a CDN for its module unless it is told."""
    ours = [p for p in (config.ROOT / "static" / "js").rglob("*.js") if p.is_file()]
    worker = config.ROOT / "static" / "js" / "door" / "decode-worker.js"

    assert [p for p in ours if re.search(r"https?:|//[\w.-]+\.\w", code_of(p))] == []
    assert "locateFile" in worker.read_text()


def code_of(path: Path) -> str:
    """A script without its comments, which may well name a web address."""
    return re.sub(r"/\*.*?\*/|^\s*// .*$", "", path.read_text(), flags=re.S | re.M)


@functools.cache
def registry_is_missing() -> str | None:
    if shutil.which("npm") is None:
        return "npm is not installed: vendored files were not compared"
    try:
        npm("ping")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return "the npm registry can't be reached: vendored files were not compared"
    return None


def npm(*words: str) -> None:
    quiet = ("--no-audit", "--no-update-notifier", "--fetch-retries=1")
    subprocess.run(["npm", *words, *quiet], check=True, capture_output=True, timeout=60)
