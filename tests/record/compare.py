"""Compare two records: which files differ, and by what."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

STYLING = (
    # The digest in an address of an asset, and then all of the tag that loads one.
    (r"<(?:link|script)\b[^>]*(?:/assets/|/static/)[^>]*>(?:</script>)?\s*", ""),
    (r"/(?:assets/[^/\"'\s]+|static)/[^\"'\s<>)]*", "(asset)"),
    (r"\s+(?:class|data-class)=\"[^\"]*\"", ""),
    (r"<style\b[^>]*>.*?</style>", "<style></style>"),
    (r"(?m)[ \t]*\n(?:[ \t]*\n)+", "\n"),
    (r"(?m)^(ETag|Content-Length|Link): [^\n]*$", r"\1: (of the page)"),
)


def report(
    before: Path, after: Path, *, ignores: bool, lines: int, passed: Sequence[str] = ()
) -> int:
    """Print what differs. 1 if anything does.

    Lines in which one of the patterns in `passed` is found are passed over.
    """
    old, new = files_of(before), files_of(after)
    found = 0
    for name in sorted(old.keys() | new.keys()):
        if name not in new or name not in old:
            found += 1
            print(f"only in {before if name in old else after}: {name}")
            continue
        if old[name].read_bytes() == new[name].read_bytes():
            continue
        texts = [
            text_of(each[name], ignores=ignores, passed=passed) for each in (old, new)
        ]
        if texts[0] != texts[1]:
            found += 1
            print_difference(name, texts[0], texts[1], lines)
    kinds = Counter(name.split("/")[0] for name in old)
    print(
        f"{len(old)} files before, {len(new)} after, {found} differ"
        f" ({', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))})"
    )
    return 1 if found else 0


def files_of(folder: Path) -> dict[str, Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}


def text_of(file: Path, *, ignores: bool, passed: Sequence[str]) -> str:
    text = file.read_bytes().decode("utf-8", "surrogateescape")
    if ignores:
        for pattern, instead in STYLING:
            text = re.sub(pattern, instead, text, flags=re.DOTALL)
    if passed:
        unwanted = re.compile("|".join(passed))
        lines = text.splitlines()
        text = "\n".join(line for line in lines if not unwanted.search(line))
    return text


def print_difference(name: str, before: str, after: str, most: int) -> None:
    lines = list(
        difflib.unified_diff(
            before.splitlines(), after.splitlines(), "before", "after", "", "", n=1
        )
    )[2:]
    print(f"differs: {name}")
    for line in lines[:most]:
        print(f"    {line[:200]}")
    if len(lines) > most:
        print(f"    … {len(lines) - most} lines more")
