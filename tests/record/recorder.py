"""The whole record, in processes that each make a part of it."""

from __future__ import annotations

import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.record import evenings, made, mails, outline, sites
from tests.record.product import EVENT_FILES

Part = tuple[str, Callable[[Path], None]]


def record(folder: Path, *, processes: int = 2, only: str = "") -> bool:
    """Write the record into the folder, in place of one that is there. False where a
    part of it failed."""
    running: dict[int, str] = {}
    failed: list[str] = []

    def wait_for_one() -> None:
        pid, status = os.wait()
        name = running.pop(pid)
        if status:
            failed.append(name)

    for name, act in parts():
        if only not in name:
            continue
        shutil.rmtree(folder / name, ignore_errors=True)
        if len(running) == processes:
            wait_for_one()
        # A process for each part: none sees what another has in memory.
        running[fork(partial(make, name, act, folder / name))] = name
    while running:
        wait_for_one()
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return not failed


def fork(act: Callable[[], None]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        act()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def make(name: str, act: Callable[[Path], None], folder: Path) -> None:
    started = time.perf_counter()
    act(folder)
    print(f"{name}: {time.perf_counter() - started:.1f} s")


def parts() -> Iterator[Part]:
    cases = sorted(file.stem for file in EVENT_FILES.glob("*.yaml"))
    yield "outline", outline.record
    yield "mails/accounts", mails.record_accounts
    for case in cases:
        yield f"mails/{case}", partial(mails.record, case=case)
    yield "sites/lists", sites.record_lists
    yield "sites/demo", sites.record_demo
    yield "sites/accounts", sites.record_accounts
    yield "sites/refusals", sites.record_refusals
    yield "evenings/made", made.record
    for case in cases:
        yield f"evenings/{case}", partial(evenings.record, case=case)
