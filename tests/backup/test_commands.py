"""`rsvp backup`, `restore` and `backup-key`: what they print, and how they say no."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys

import pytest

from rsvp import cli, startup
from rsvp.domain import invariants as restoring
from tests.conftest import TEST_SETTINGS
from tests.support.factories import make_event, make_user, register
from tests.support.for_each import for_each
from tests.support.serve_process import RSVP_COMMAND, ServeProcess, kill_remaining


@pytest.fixture
def rsvp(sqlite_site, capfdbinary, monkeypatch):
    """Run `rsvp …` on a site of its own: (exit status, standard output, errors)."""
    with sqlite_site.used():
        register(make_event(), "Zoë Ødegård", email="zoe@example.org")
        make_user("ada@example.org")
    app = sqlite_site.app()

    def run(*args, typed="") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        capfdbinary.readouterr()
        with app.app_context():
            status = cli.run([str(arg) for arg in args])
            startup.close_database()
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return status, out.decode(errors="replace"), err.decode()

    monkeypatch.setattr(os, "nice", lambda _: None)
    return run


def test_the_whole_way_with_a_key(rsvp, tmp_path):
    file, key = tmp_path / "site.backup", tmp_path / "key"
    status, public, _ = rsvp("backup-key", key)
    assert (status, public[:4]) == (0, "age1")
    assert key.stat().st_mode & 0o077 == 0
    assert rsvp("backup-key", key)[::2] == (1, f"rsvp: {key} is there already\n")

    status, out, err = rsvp("backup", file, "--recipient", public.strip())
    assert (status, err) == (0, "")
    assert out.startswith(f"{file}: 1 event, 1 registration, 1 account; ")
    assert rsvp("restore", file, "--identity", key)[2].startswith(
        "rsvp: the site's database has data: --replace"
    )
    status, out, err = rsvp("restore", file, "--identity", key, "--replace")
    assert (status, err) == (0, "")
    told = out.splitlines()
    assert told[0].startswith("The site is as it was on ")
    assert "Everybody is signed out." in told
    assert any(line.startswith("What was here before is kept as ") for line in told)
    assert told[-1] == "`rsvp check` found: all is well."


def test_facts_for_machines(rsvp, tmp_path):
    file = tmp_path / "site.backup"
    status, out, err = rsvp("backup", file, "--json", "--with-keys")
    facts = json.loads(out)
    assert (status, err) == (0, "")
    assert facts["bytes"] == file.stat().st_size
    assert facts["keys"] == ["code_key", "secret_key"]
    assert (facts["encrypted"], facts["read_again"]) == (None, "contents")

    status, out, _ = rsvp("restore", file, "--json", "--replace")
    facts = json.loads(out)
    assert status == 0
    assert facts["counts"]["registrations"] == 1
    assert facts["accounts"] == ["ada@example.org"]
    assert facts["accounts_brought_back"] == []
    assert facts["ended"]["accounts"] == 1
    assert facts["erasures_known"] is True
    assert facts["problems"] == []


def test_a_passphrase_comes_through_a_pipe(rsvp, tmp_path):
    file = tmp_path / "site.backup"
    assert rsvp("backup", file, "--passphrase", typed="too short\n")[::2] == (
        1,
        "rsvp: a passphrase has 12 characters or more\n",
    )
    assert not file.exists()
    typed = "a walk by the sea\n"
    assert rsvp("backup", file, "--passphrase", typed=typed)[0] == 0
    assert rsvp("restore", file, "--replace", typed=typed)[0] == 0


def test_what_is_not_encrypted_is_said_to_be(rsvp, tmp_path):
    _, _, err = rsvp("backup", tmp_path / "site.backup", "--with-keys")
    assert err.splitlines() == [
        "It is not encrypted and has people's names; --recipient encrypts it.",
        "The site's keys are in it: whoever reads it can make tickets.",
    ]


@for_each(
    ("args", "told"),
    [
        (("backup", "x", "--recipient", "a", "--passphrase"), "not both"),
        (("backup", "x", "--recipient", "ada@example.org"), "is no public key"),
        (("backup", "x", "--recipient", "AGE-SECRET-KEY-1ABC"), "a secret key: "),
        (("backup", "/nowhere/x"), "the folder /nowhere is not there"),
        (("restore", "/nowhere/x"), "/nowhere/x can't be read: No such file"),
        (("restore", "/dev/null"), "/dev/null is empty"),
        (("restore", "x", "--identity", "/nowhere/key"), "/nowhere/key can't be read"),
        (("restore", "x", "--identity", "/dev/null"), "has no secret key"),
        (("restore", "x", "--erasures", "/nowhere/x"), "/nowhere/x is no file"),
        (("backup-key", "/nowhere/key"), "/nowhere/key can't be written"),
    ],
    fresh=True,
)
def test_mistakes_are_told_in_one_line(rsvp, args, told):
    status, out, err = rsvp(*args)

    assert (status, out, err.count("\n")) == (1, "", 1)
    assert told in err
    assert "1ABC" not in err


def test_what_check_finds_is_told_and_the_exit_status_says_so(
    rsvp, tmp_path, monkeypatch
):
    file = tmp_path / "site.backup"
    rsvp("backup", file)
    problem = restoring.Problem("I1", "admissions", 7, "counts 3 seats taken")
    monkeypatch.setattr(restoring, "find_all_problems", lambda _: [problem])
    status, out, _ = rsvp("restore", file, "--replace")

    assert status == 1
    assert out.splitlines()[-2:] == [str(problem), "`rsvp check` found: 1."]


def test_a_site_is_backed_up_and_put_back_by_the_installed_command(
    sqlite_site, tmp_path
):
    site = ServeProcess(sqlite_site.folder, RSVP_CODE_KEY=TEST_SETTINGS["CODE_KEY"])
    file = tmp_path / "site.backup"

    def run(*args):
        return subprocess.run(
            [RSVP_COMMAND, *map(str, args)], env=site.environment, capture_output=True
        )

    try:
        site.start()
        piped = run("backup", "-")
        file.write_bytes(piped.stdout)
        assert (piped.returncode, piped.stderr) == (0, b"")
        refused = run("restore", file, "--replace")
        assert refused.returncode == 1
        assert refused.stderr.startswith(b"rsvp: the site runs")
        assert site.status("/health/ready") == 200
        site.end(signal.SIGTERM)
        done = run("restore", file, "--replace")
    finally:
        kill_remaining(site)
    assert (done.returncode, done.stderr) == (0, b"")
