"""The wheel: built from the source distribution, it has all that the site reads."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from rsvp import config

INSIDE = ("templates", "static", "migrations", "translations")
BESIDE = (".venv*", "instance", "build", "dist", "*.egg-info", ".git", "__pycache__")
LEFT_BEHIND = {
    "templates": ".base.html.swp",
    "migrations": "versions/__pycache__/0001.cpython-311.pyc",
}


def build(what: str, source: Path, into: Path) -> Path:
    """Let the project's own backend build a `wheel` or an `sdist`."""
    code = "import sys; from setuptools import build_meta; "
    code += f"print('\\n' + build_meta.build_{what}(sys.argv[1]))"
    command = [sys.executable, "-W", "ignore", "-c", code, str(into)]
    built = subprocess.run(
        command, cwd=source, capture_output=True, text=True, check=True
    )
    return into / built.stdout.split()[-1]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("distributions")
    project = place / "project"
    shutil.copytree(
        config.ROOT, project, ignore=shutil.ignore_patterns(*BESIDE), symlinks=True
    )
    for folder, name in LEFT_BEHIND.items():
        litter = project / folder / name
        litter.parent.mkdir(exist_ok=True)
        litter.write_text("left by an editor")
    sdist = build("sdist", project, place)
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    unpacked = place / sdist.name.removesuffix(".tar.gz")
    # What an earlier build of another version left there.
    old = unpacked / "build" / "lib" / "rsvp" / "templates" / "old.html"
    old.parent.mkdir(parents=True)
    old.write_text("gone since")
    return sdist, build("wheel", unpacked, place)


def files_below(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder.parent))
        for path in folder.rglob("*")
        if path.is_file() and not is_litter(path.relative_to(folder))
    }


def is_litter(path: Path) -> bool:
    return path.name.endswith("~") or any(
        part.startswith((".", "__pycache__")) for part in path.parts
    )


def test_the_wheel_has_every_file_the_site_reads_and_no_other(distributions):
    with zipfile.ZipFile(distributions[1]) as wheel:
        names = {n for n in wheel.namelist() if ".dist-info/" not in n}

    wanted = files_below(config.ROOT / "rsvp")
    for folder in INSIDE:
        wanted |= {f"rsvp/{name}" for name in files_below(config.ROOT / folder)}
    assert names == wanted


def test_the_source_distribution_is_the_whole_project(distributions):
    with tarfile.open(distributions[0]) as archive:
        names = {
            name.partition("/")[2] for name in archive.getnames() if "/" in name
        } - {"PKG-INFO", "setup.cfg"}
    names = {name for name in names if not name.startswith("rsvp.egg-info")}

    try:
        listed = subprocess.check_output(
            ["git", "ls-files"], cwd=config.ROOT, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    tracked = {n for n in listed.split("\n") if n and (config.ROOT / n).exists()}
    assert tracked <= names
