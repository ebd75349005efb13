"""Unprivileged commands: run as somebody who is not root, whom file modes bind."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
fork = multiprocessing.get_context("fork")


@contextmanager
def folder_of_nobody() -> Iterator[Path]:
    """A folder that nobody may write to, and whose parents they may enter."""
    folder = Path(tempfile.mkdtemp(prefix="rsvp-test-"))
    folder.chmod(0o755)
    inside = folder / "instance"
    inside.mkdir(mode=0o700)
    chown_to_nobody(inside)
    try:
        yield inside
    finally:
        inside.chmod(0o700)
        shutil.rmtree(folder)


def chown_to_nobody(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)


def run_as_nobody(settings: Mapping[str, str], *args: str) -> tuple[int | None, str]:
    """The exit status of a command and what it said on stderr. It is ended after 20
    seconds, with a status below 0: what should have been refused may run for ever."""
    with tempfile.TemporaryFile() as said:
        child = fork.Process(target=run, args=(settings, args, said.fileno()))
        child.start()
        child.join(20)
        if child.is_alive():
            child.kill()
            child.join()
        said.seek(0)
        return child.exitcode, said.read().decode()


def run(settings: Mapping[str, str], args: tuple[str, ...], stderr: int) -> None:
    os.dup2(stderr, 2)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    os.environ.update(settings)
    os._exit(ran(args))


def ran(args: tuple[str, ...]) -> int:
    import sys
    import traceback

    sys.stderr = os.fdopen(2, "w", closefd=False)
    try:
        if args == ("wsgi",):
            import runpy

            runpy.run_path("wsgi.py")
            return 0
        from rsvp import cli

        return cli.run(args)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 99
    finally:
        sys.stderr.flush()
