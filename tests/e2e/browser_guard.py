"""A browser guard: requests to other hosts and errors in the console fail the test."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page

CHROMIUM_SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MAX_WAIT = 20.0
"""Seconds that a mail or a page may take on a busy machine."""

OURS = ("http://127.0.0.1:", "data:", "blob:")


@contextlib.contextmanager
def phone_page(
    browser: Browser, *, script: bool = True, expected: tuple[str, ...] = ()
) -> Iterator[Page]:
    """A page on a phone of its own. In the end nothing was asked of another host, by
    its workers neither, and the console had no error but what is `expected`."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, java_script_enabled=script
    )
    context.set_default_timeout(MAX_WAIT * 1000)
    strangers: list[str] = []
    complaints: list[str] = []

    def note_request(asked: Any) -> None:
        if not asked.url.startswith(OURS):
            strangers.append(asked.url)

    def note_line(line: Any) -> None:
        # A form that comes back with mistakes is a 422, which the console notes.
        if line.type == "error" and not any(
            words in line.text for words in ("422", *expected)
        ):
            complaints.append(line.text)

    context.on("request", note_request)
    context.on("console", note_line)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert strangers == []
    assert complaints == []


def axe_violations(page: Page) -> list[str]:
    """What axe-core finds, in a line each. A mail's preview is a document by itself."""
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(AXE_SCRIPT)
    result: dict[str, Any] = page.evaluate(
        "axe.run(document, {iframes: false, resultTypes: ['violations']})"
    )
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in result["violations"]
        for node in one["nodes"]
    ]
