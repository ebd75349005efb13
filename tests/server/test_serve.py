"""`rsvp serve`: it answers, mends itself, and ends whole."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, build_opener, urlopen

import pytest

from rsvp.cli.server import GRACE_SECONDS
from rsvp.cli.site import WORKER_NICENESS
from rsvp.config import ROOT
from tests.conftest import new_postgresql_database
from tests.support import services
from tests.support.serve_process import (
    IS_LINUX,
    RSVP_COMMAND,
    ServeProcess,
    kill_remaining,
    wait_until,
)

SIGN_IN = "/organize/sign-in"


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request, tmp_path, worker_name) -> Iterator[ServeProcess]:
    with contextlib.ExitStack() as stack:
        settings = {}
        if request.param == "postgresql":
            services.need("postgresql")
            database = new_postgresql_database(f"rsvp_serve_{worker_name}")
            settings["RSVP_SQLALCHEMY_DATABASE_URI"] = stack.enter_context(database)
        site = ServeProcess(tmp_path, **settings)
        stack.callback(kill_remaining, site)
        subprocess.run([RSVP_COMMAND, "init"], env=site.environment, check=True)
        yield site


@pytest.fixture(scope="module")
def initialised(tmp_path_factory) -> Path:
    """An instance folder as `rsvp init` leaves it."""
    folder = tmp_path_factory.mktemp("initialised")
    subprocess.run(
        [RSVP_COMMAND, "init"], env=ServeProcess(folder).environment, check=True
    )
    return folder


@pytest.fixture
def sqlite_site(tmp_path, initialised) -> Iterator[ServeProcess]:
    shutil.copytree(initialised, tmp_path, dirs_exist_ok=True)
    site = ServeProcess(tmp_path)
    yield site
    kill_remaining(site)


def test_it_answers_and_ends_with_all_its_processes(site):
    site.start()
    children = site.children()

    assert site.status("/") == 200
    assert site.status("/health/ready") == 200
    assert f"http://127.0.0.1:{site.port}" in site.told()
    assert "Mails" in site.told()
    if IS_LINUX:
        assert len(children) == 3

    began = time.monotonic()
    assert site.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 5
    assert [pid for pid in children if is_alive(pid)] == []
    assert not site.answers()


@pytest.mark.skipif(not IS_LINUX, reason="children are read from /proc")
def test_mails_wait_for_pages_where_both_want_the_processor(sqlite_site):
    sqlite_site.start()
    worker, *web = sqlite_site.children()
    ours = os.getpriority(os.PRIO_PROCESS, 0)

    wait_until(lambda: niceness(worker) == min(ours + WORKER_NICENESS, 19))
    assert {niceness(pid) for pid in web} == {ours}
    sqlite_site.end(signal.SIGTERM)


def niceness(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)


def test_without_a_worker_it_only_answers(sqlite_site):
    sqlite_site.start("--no-worker")

    assert sqlite_site.status("/") == 200
    if IS_LINUX:
        assert len(sqlite_site.children()) == 2
    assert sqlite_site.end(signal.SIGTERM) == 0


def test_ctrl_c_ends_it_cleanly(sqlite_site):
    sqlite_site.start()
    # As a terminal does: to every process in the foreground.
    os.killpg(sqlite_site.process.pid, signal.SIGINT)

    assert sqlite_site.process.wait(10) == 0
    told = sqlite_site.told()
    assert "Traceback" not in told
    assert "ERROR" not in told
    assert "WARNING" not in told


def test_a_worker_or_web_process_that_dies_is_started_again(sqlite_site):
    sqlite_site.start()
    worker, web, _ = before = sqlite_site.children()
    for pid in (worker, web):
        os.kill(pid, signal.SIGKILL)

    wait_until(lambda: len(set(sqlite_site.children()) - {worker, web}) == 3)
    assert len(sqlite_site.children()) == len(before)
    assert "the worker ended" in sqlite_site.told()
    assert sqlite_site.answers()
    assert sqlite_site.end(signal.SIGTERM) == 0


def test_a_worker_that_dies_twice_is_told_of_with_the_reason(sqlite_site):
    sqlite_site.start()
    web = set(sqlite_site.children()[1:])
    for _ in range(2):
        wait_until(lambda: worker_that_began(sqlite_site) in sqlite_site.children())
        worker = worker_that_began(sqlite_site)
        assert worker not in web
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda gone=worker: gone not in sqlite_site.children())

    told = "ended 2 times within a short time: signal SIGKILL"
    wait_until(lambda: told in sqlite_site.told())
    address = f"http://127.0.0.1:{sqlite_site.port}/health/ready"
    with urlopen(address, timeout=10) as answer:
        assert answer.status == 200
        assert json.load(answer)["checks"]["worker"] == "degraded"
    asked = [RSVP_COMMAND, "jobs"]
    shown = subprocess.run(asked, env=sqlite_site.environment, stdout=subprocess.PIPE)
    assert b"ended 2 times within a short time" in shown.stdout
    assert b"signal SIGKILL" in shown.stdout


def worker_that_began(site: ServeProcess) -> int:
    """The process of the worker that has noted its start, or 0."""
    database = site.log.with_name("rsvp.db")
    with contextlib.closing(sqlite3.connect(database)) as connection:
        row = connection.execute("SELECT holder FROM workers").fetchone()
    return int(row[0].split(":")[1]) if row and row[0] else 0


@pytest.mark.skipif(not IS_LINUX, reason="children are read from /proc")
def test_a_process_that_dies_as_the_site_is_stopped_is_no_failure(sqlite_site):
    sqlite_site.start()
    _, *web = sqlite_site.children()
    # Both at once, as the parent sees it.
    sqlite_site.process.send_signal(signal.SIGSTOP)
    for pid in web:
        os.kill(pid, signal.SIGKILL)
    sqlite_site.process.send_signal(signal.SIGTERM)
    sqlite_site.process.send_signal(signal.SIGCONT)

    assert sqlite_site.process.wait(20) == 0


def test_no_process_outlives_a_parent_that_was_killed(sqlite_site):
    sqlite_site.start()
    children = sqlite_site.children()
    sqlite_site.end(signal.SIGKILL)

    try:
        wait_until(lambda: not any(map(is_alive, children)), seconds=GRACE_SECONDS + 10)
    finally:
        for pid in filter(is_alive, children):
            os.kill(pid, signal.SIGKILL)


DEAF = """
import ctypes, os, signal, threading, time
from rsvp.cli.server import make_stop_event

WAITED_FOR = 2  # what glibc writes into a mutex that somebody waits for
mutex = ctypes.create_string_buffer(256)
stop = make_stop_event()

def tell_it():
    while ctypes.c_int.from_buffer(mutex).value != WAITED_FOR:
        time.sleep(0.01)
    os.kill(os.getpid(), signal.{told})
    os._exit(0 if stop.wait(5) else 1)

threading.Thread(target=tell_it).start()
for _ in range(2):  # the second never returns, and no signal wakes it
    ctypes.CDLL(None).pthread_mutex_lock(mutex)
"""


@pytest.mark.skipif(not IS_LINUX, reason="a mutex is laid out as Linux has it")
@pytest.mark.parametrize("told", ["SIGTERM", "SIGINT"])
def test_a_worker_hears_a_signal_while_its_main_thread_can_run_no_handler(told):
    code = DEAF.format(told=told)

    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_closed_terminal_ends_it(sqlite_site):
    sqlite_site.start()

    assert sqlite_site.end(signal.SIGHUP) == 0


def test_a_taken_port_is_refused_in_one_line(sqlite_site):
    with socket.create_server(("127.0.0.1", sqlite_site.port)):
        ended = subprocess.run(
            [RSVP_COMMAND, "serve"],
            env=sqlite_site.environment,
            capture_output=True,
            text=True,
        )

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"rsvp: port {sqlite_site.port} on 127.0.0.1 can't")
    assert ended.stderr.count("\n") == 1


def test_starts_show_a_link_to_the_first_account_until_there_is_one(sqlite_site):
    sqlite_site.start()
    first = link_in(sqlite_site.told())
    sqlite_site.end(signal.SIGINT)

    # As `make run` starts it.
    sqlite_site.start("--demo")
    again = link_in(sqlite_site.told())
    assert sqlite_site.status("/") == 200
    assert leads_to(again) == urlsplit(again).path
    assert make_account(first) == "/organize/"
    assert leads_to(again) == SIGN_IN
    sqlite_site.end(signal.SIGINT)

    sqlite_site.start("--demo")
    assert "/organize/first/" not in sqlite_site.told()
    assert (
        f"sign in at http://127.0.0.1:{sqlite_site.port}{SIGN_IN}\n"
        in sqlite_site.told()
    )
    assert leads_to(first) == SIGN_IN
    sqlite_site.end(signal.SIGINT)


def link_in(told: str) -> str:
    found = re.search(r"once: (http://\S+/organize/first/\S+)$", told, re.MULTILINE)
    assert found, told
    return found[1]


def leads_to(url: str) -> str:
    with urlopen(url, timeout=10) as answer:
        return urlsplit(answer.url).path


def make_account(link: str) -> str:
    """Where somebody is who made the account, with cookies as browsers keep them."""
    browser = build_opener(HTTPCookieProcessor())
    with browser.open(link, timeout=10) as page:
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.read().decode())
    assert token
    typed = {"email": "ada@example.org", "password": "a long enough password"}
    sent = urlencode(typed | {"csrf_token": token[1]}).encode()
    with browser.open(link, sent, timeout=10) as answer:
        return urlsplit(answer.url).path


def test_links_lead_to_the_public_address(sqlite_site):
    sqlite_site.environment["RSVP_PUBLIC_URL"] = "https://rsvp.example.org"
    sqlite_site.start()

    told = sqlite_site.told()
    assert f"RSVP is running at http://127.0.0.1:{sqlite_site.port} (" in told
    assert "once: https://rsvp.example.org/organize/first/" in told
    assert "at https://rsvp.example.org/organize/messages" in told
    sqlite_site.end(signal.SIGINT)


@pytest.mark.skipif(not IS_LINUX, reason="memory is read from /proc")
def test_the_whole_idle_stack_is_small(sqlite_site):
    sqlite_site.start()
    for path in ("/", "/events.ics", "/health/ready") * 10:
        sqlite_site.status(path)
    processes = [sqlite_site.process.pid, *sqlite_site.children()]

    assert sum(map(proportional_mib, processes)) < 200


def proportional_mib(pid: int) -> float:
    """A process's memory, with what it shares counted by its share of it."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no Pss line")


def test_the_wsgi_file_serves_under_any_server(sqlite_site):
    """As gunicorn loads it: `wsgi:app`, made and verified on import."""
    code = "from wsgi import app; print(app.test_client().get('/health/ready').status)"
    told = subprocess.check_output(
        [sys.executable, "-c", code], env=sqlite_site.environment, cwd=ROOT, text=True
    )

    assert told == "200 OK\n"
