"""Markdown: what organizers write becomes HTML that can do no harm."""

import importlib.util
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from rsvp.formats.markdown import to_html
from tests.support.for_each import for_each


def test_texts_are_set_as_they_were_meant():
    html = to_html("We eat **together**,\nthen read.\n\n- soup\n- bread\n\n1. first")

    assert "<p>We eat <strong>together</strong>,\nthen read.</p>" in html
    assert "<ul>\n<li>soup</li>\n<li>bread</li>\n</ul>" in html
    assert "<ol>\n<li>first</li>\n</ol>" in html


@for_each(
    ("written", "shown"),
    [
        ("# A\n\n## B", "<h3>A</h3>\n<h4>B</h4>\n"),
        ("## A\n\n### B", "<h3>A</h3>\n<h4>B</h4>\n"),
        ("# A\n\n###### B", "<h3>A</h3>\n<h6>B</h6>\n"),
        ("A\n===", "<h3>A</h3>\n"),
    ],
)
def test_headings_begin_below_those_of_the_page(written, shown):
    assert to_html(written) == shown


def test_links_lead_out_without_a_trace():
    html = to_html("[map](https://maps.example.org/?a=1&b=2 'The map')")

    assert 'href="https://maps.example.org/?a=1&amp;b=2"' in html
    assert 'rel="nofollow noopener noreferrer"' in html
    assert 'title="The map"' in html


@for_each(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\nscript:alert(1))",
        "[x](&#106;avascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "[x](vbscript:msgbox)",
        "![x](https://elsewhere.example.org/pixel.png)",
        "![x](javascript:alert(1))",
        '[x](https://example.org "\\" onmouseover=alert(1) x=")',
        "<a href='javascript:alert(1)'>x</a>",
        "`<script>alert(1)</script>`",
        "```\n</code></pre><script>alert(1)</script>\n```",
        "<iframe src='https://elsewhere.example.org'></iframe>",
        "<style>body{display:none}</style>",
        "<form action=/organize><button>x</button></form>",
        "[x]: javascript:alert(1)\n\n[x]",
        "<javascript:alert(1)>",
        "# <b onclick=alert(1)>x</b>",
        "| a |\n| - |\n| <script>alert(1)</script> |",
    ],
)
def test_nothing_that_acts_or_fetches_gets_through(hostile):
    html = to_html(hostile).lower()

    for opening in ("<script", "<img", "<svg", "<iframe", "<style", "<form", "<b "):
        assert opening not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html
    assert 'href="vbscript' not in html
    # No attribute but those of links and lists: quotes in text are escaped.
    assert "onmouseover=" not in html.replace("&quot; onmouseover=", "")


def test_no_text_is_nothing():
    assert to_html(None) == ""
    assert to_html("") == ""


def test_threads_that_begin_together_find_all_rules():
    """Each time a copy of the module that nobody has used yet."""
    spec = importlib.util.find_spec("rsvp.formats.markdown")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(40):
            fresh = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(fresh)
            start = threading.Barrier(8)

            def read(number: int, fresh=fresh, start=start) -> str:
                start.wait()
                return str(fresh.to_html(f"We *eat* at {number}.\n\n- bread"))

            with ThreadPoolExecutor(8) as threads:
                texts = list(threads.map(read, range(8)))

            assert all("<em>eat</em>" in text for text in texts)
    finally:
        sys.setswitchinterval(interval)
