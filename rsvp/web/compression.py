"""Compression of pages made for one reader, where nobody can learn from their length.

Whoever hears an encrypted answer knows its length. Compressed, that depends on how much
a guess in the address has in common with a secret on the page (BREACH), so only what a
page of ours or the reader asked for is compressed, never what another site had their
browser ask for. docs/decisions/compressed-pages.md has the reasons.
"""

from __future__ import annotations

import gzip

from flask import Flask, Response, current_app, request

ORGANIZERS = "/organize/"
"""Where the session is known, and pages are made anew for each reader."""

SMALLEST = 500
"""Bytes; shorter pages fit into a packet as they are."""

LEVEL = 6

TRUSTED_ASKERS = {"same-origin", "none"}
"""What browsers say in Sec-Fetch-Site of a page of ours, and of an address that the
reader typed or had kept."""


def init_app(app: Flask) -> None:
    app.after_request(compress_page)


def compress_page(response: Response) -> Response:
    """Compress an organizer's page for whoever takes gzip.

    What is sent piece by piece, is compressed already or has no body stays as it is.
    """
    is_theirs = request.path.startswith(ORGANIZERS)
    if not is_theirs or response.mimetype != "text/html" or response.is_streamed:
        return response
    response.vary.add("Accept-Encoding")
    if is_encrypted():
        response.vary.add("Sec-Fetch-Site")
    if is_worth_it(response) and takes_gzip() and is_asked_for_by_us():
        response.set_data(gzip.compress(response.get_data(), LEVEL, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response


def is_worth_it(response: Response) -> bool:
    return (
        "Content-Encoding" not in response.headers
        and not response.direct_passthrough
        and len(response.get_data()) >= SMALLEST
    )


def takes_gzip() -> bool:
    """Whether the browser takes gzip; `gzip;q=0` says that it does not."""
    return request.accept_encodings.quality("gzip") > 0


def is_asked_for_by_us() -> bool:
    """Whether no other site can have chosen this address and hear how long it is.

    Browsers write Sec-Fetch-Site and no page can set it; one that leaves it out gets
    the page as it is. Without TLS there is nothing to learn that isn't read anyway.
    """
    return not is_encrypted() or (
        request.headers.get("Sec-Fetch-Site") in TRUSTED_ASKERS
    )


def is_encrypted() -> bool:
    public_url: str = current_app.config["PUBLIC_URL"]
    return public_url.startswith("https://")
