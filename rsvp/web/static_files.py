"""Static files: styles, scripts and fonts at URLs that change with their content.

`asset("js/public/event.js")` gives `/assets/<version>/js/public/event.js`, where the
version is a hash over all of `static/`: so files may name each other by relative
addresses, and browsers keep them for a year. The stylesheets stay one file per
component for people, and are answered as one sheet for everybody and one more for
organizers and for the door, so that the first view waits for one request or two.
Scripts are answered as they are; `imported_modules` tells all that one of them imports.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import posixpath
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flask import Blueprint, Flask, Response, abort, current_app, request, url_for

from rsvp.web import guards

bp = Blueprint("assets", __name__)

STYLESHEETS = {
    "css/site.css": (
        "css/tokens.css",
        "css/base.css",
        "css/layout.css",
        "css/components/",
        "css/public/",
        "css/attendee/",
        "css/utilities.css",
    ),
    "css/organizer.css": ("css/organizer/",),
    "css/door.css": ("css/door/",),
}
"""What each sheet is made of: files, and folders by the names in them. The first one is
loaded by every page, and the others after it. They lie one folder deep, like their
parts at the root, so that relative addresses hold."""

IMPORT = re.compile(r'^(?:import|export)\b[^;="]*"(\.[^"]+)"', re.MULTILINE)

COMPRESSIBLE = {"text/css", "text/javascript", "image/svg+xml", "application/json"}
COMPRESSIBLE |= {"application/wasm"}
CACHE_FOREVER = "public, max-age=31536000, immutable"

mimetypes.add_type("font/woff2", ".woff2")
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("application/wasm", ".wasm")


@dataclass(frozen=True)
class Asset:
    content: bytes
    kind: str

    @cached_property
    def gzipped(self) -> bytes | None:
        """The content as gzip has it, where that makes it smaller."""
        return (
            gzip.compress(self.content, mtime=0) if self.kind in COMPRESSIBLE else None
        )


class Assets:
    """All of a folder in memory (some 1.4 MB, most of it the scanner), read once."""

    def __init__(self, folder: Path) -> None:
        self.files: dict[str, Asset] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                name = path.relative_to(folder).as_posix()
                self.files[name] = Asset(path.read_bytes(), kind)
        for name, parts in STYLESHEETS.items():
            self.files[name] = Asset(self.concatenate(parts), "text/css")
        self.imports = {
            name: find_imports(name, asset.content.decode())
            for name, asset in self.files.items()
            if name.startswith("js/") and name.endswith(".js")
        }
        total = hashlib.sha256()
        for name, asset in self.files.items():
            total.update(name.encode() + b"\0" + asset.content)
        self.version = total.hexdigest()[:12]

    def concatenate(self, parts: tuple[str, ...]) -> bytes:
        names: list[str] = []
        for part in parts:
            if part.endswith("/"):
                names += [name for name in self.files if name.startswith(part)]
            else:
                names.append(part)
        return b"\n".join(self.files[name].content for name in names)

    def imported_modules(self, script: str) -> list[str]:
        """Every module that a script imports, and those that they do, nearest first."""
        names = [script]
        for name in names:  # which grows meanwhile
            names += [each for each in self.imports[name] if each not in names]
        return names[1:]


def find_imports(name: str, content: str) -> list[str]:
    """The modules that a script names, as names of files."""
    folder = posixpath.dirname(name)
    named = IMPORT.findall(content)
    return [posixpath.normpath(posixpath.join(folder, each)) for each in named]


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
    load_assets(app)
    app.jinja_env.globals.update(asset=asset_url, imported_modules=imported_modules)


def load_assets(app: Flask) -> None:
    assert app.static_folder is not None
    app.extensions["rsvp_assets"] = Assets(Path(app.static_folder))


def loaded_assets() -> Assets:
    if current_app.debug:
        load_assets(current_app)  # whoever edits a file sees it at the next reload
    assets: Assets = current_app.extensions["rsvp_assets"]
    return assets


def asset_url(name: str) -> str:
    """The address of a file in `static/`; KeyError for one that isn't there."""
    assets = loaded_assets()
    assets.files[name]
    return url_for("assets.send_asset", version=assets.version, name=name)


def imported_modules(script: str) -> list[str]:
    """What a page with this script loads besides it; KeyError where something isn't."""
    return loaded_assets().imported_modules(script)


@bp.get("/assets/<version>/<path:name>")
@guards.public
def send_asset(version: str, name: str) -> Response:
    assets = loaded_assets()
    found = assets.files.get(name)
    if found is None:
        abort(404)
    headers = {
        # An old page still finds its file, as it is now, but nobody may keep it.
        "Cache-Control": CACHE_FOREVER if version == assets.version else "no-cache",
        "Content-Type": found.kind,
    }
    content = found.content
    if found.gzipped:
        headers["Vary"] = "Accept-Encoding"
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            content = found.gzipped
            headers["Content-Encoding"] = "gzip"
    if found.kind.startswith("text/"):
        headers["Content-Type"] += "; charset=utf-8"
    return Response(content, headers=headers)
