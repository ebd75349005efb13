"""The command: record into a folder, or compare two of them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.record import clock, compare

SURROUNDINGS = {
    # Sets are walked in the same order each time.
    "PYTHONHASHSEED": "0",
    "COLUMNS": "80",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
}


def main() -> int:
    options = parse_arguments()
    if options.compare:
        before, after = options.compare
        return compare.report(
            before,
            after,
            ignores=options.ignore_styling,
            lines=options.lines,
            passed=options.ignore,
        )
    if options.folder is None:
        print("which folder? see --help", file=sys.stderr)
        return 2
    if any(os.environ.get(name) != value for name, value in SURROUNDINGS.items()):
        start_anew()
    clock.install()

    # Whatever it imports takes the time and what is random from the clock.
    from tests.record import recorder

    done = recorder.record(
        options.folder, processes=options.processes, only=options.only
    )
    return 0 if done else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.record", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="where to record; emptied")
    parser.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar=("BEFORE", "AFTER"),
        help="list what differs between two records; exit status 1 if anything does",
    )
    parser.add_argument(
        "--ignore-styling",
        action="store_true",
        help="with --compare: pass over class attributes, addresses of assets and the "
        "tags that load them, empty lines, and what follows from a page's bytes",
    )
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="PATTERN",
        help="with --compare: pass over lines that have this, such as ^Vary:",
    )
    parser.add_argument(
        "--lines", type=int, default=12, help="with --compare: lines of diff per file"
    )
    parser.add_argument("--processes", type=int, default=2, help="at work at once")
    parser.add_argument(
        "--only", default="", help="only what has this in its name, such as night-walk"
    )
    return parser.parse_args()


def start_anew() -> None:
    """Begin again in surroundings that are the same each time."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RSVP_")}
    kept.pop("PORT", None)
    arguments = [sys.executable, "-m", "tests.record", *sys.argv[1:]]
    os.execve(sys.executable, arguments, kept | SURROUNDINGS)


if __name__ == "__main__":
    sys.exit(main())
