"""What a comparison of two records tells, and what it can be told to pass over."""

from __future__ import annotations

from tests.record import compare
from tests.support.for_each import for_each

PAGE = """GET /

200 OK
ETag: W/"{etag}"

<link rel="stylesheet" href="/assets/{digest}/css/{sheet}.css">
<p class="{name}">{words}</p>
"""
BEFORE = {
    "etag": "1",
    "digest": "9b50",
    "sheet": "all",
    "name": "seats",
    "words": "Two seats are left.",
}
STYLED = BEFORE | {"etag": "2", "digest": "77aa", "sheet": "public", "name": "places"}


@for_each(
    ("after", "ignores", "differs"),
    [
        (BEFORE, False, 0),
        (STYLED, False, 1),
        (STYLED, True, 0),
        (STYLED | {"words": "Two places are left."}, True, 1),
    ],
    fresh=True,
)
def test_only_what_people_see_differs(tmp_path, capsys, after, ignores, differs):
    for folder, values in (("before", BEFORE), ("after", after)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "home.txt").write_text(PAGE.format(**values))

    sides = tmp_path / "before", tmp_path / "after"

    assert compare.report(*sides, ignores=ignores, lines=9) == differs
    assert f"1 files before, 1 after, {differs} differ" in capsys.readouterr().out


def test_a_page_that_is_gone_is_told(tmp_path, capsys):
    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
    (tmp_path / "before" / "home.txt").write_text("GET /")

    sides = tmp_path / "before", tmp_path / "after"

    assert compare.report(*sides, ignores=True, lines=9) == 1
    assert f"only in {sides[0]}: home.txt" in capsys.readouterr().out
