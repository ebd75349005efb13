"""Error summaries for logs and job status, without the error's own text."""

from __future__ import annotations

import traceback
from pathlib import Path

PACKAGE_PATH = str(Path(__file__).parents[1])


def error_summary(error: BaseException) -> str:
    """Return the error's type and where in our code it was: `KeyError at
    privacy.py:12`."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((f for f in reversed(frames) if PACKAGE_PATH in f.filename), None)
    location = f" at {Path(last.filename).name}:{last.lineno}" if last else ""
    return f"{type(error).__name__}{location}"


def error_traceback(error: BaseException) -> str:
    """Return the traceback for the log, without the error's text."""
    return "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)))
