"""Site addresses: where it listens, its public URL, the servers it uses.

What is wrong with an address is told by a ValueError, in words that follow the name of
its setting.
"""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

DEFAULT_PORTS = {"http": 80, "https": 443}
ALL_INTERFACES = ("0.0.0.0", "::")  # noqa: S104 - only compared
LOOPBACK = "127.0.0.1"
MAX_PORT = 65535
MAX_HOST_LENGTH, MAX_LABEL_LENGTH = 253, 63
"""At most so many characters (RFC 1035 section 2.3.4)."""
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.ASCII)
NOT_THIS_MACHINE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EINVAL)
NETLOC = re.compile(r"(?:\[(?P<ip>.*:.*)\]|(?P<name>[^:]*))(?::(?P<port>[0-9]{0,9}))?")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


# --- what people open ---------------------------------------------------------------


def public_url(text: str) -> str:
    """Parse the site's address into one spelling, the one that browsers put into
    `Origin`: `https://host` or `https://host:port`.

    Raises ValueError for what is no such address. A site has a host of its own: our
    links and cookies know of no path before them.
    """
    if not text.isascii():
        raise ValueError("must have its host as the DNS has it, in ASCII (xn--…)")
    if not re.match(r"https?://", text, re.IGNORECASE):
        raise ValueError("must start with https:// or http://")
    # urlsplit drops tabs and line ends, as browsers do.
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("must have no spaces and no control characters")
    for mark, name in {"?": "question mark", "#": "#", "\\": "backslash"}.items():
        if mark in text:
            raise ValueError(f"must have no {name}, only a host")
    scheme, _, rest = text.partition("://")
    scheme, (netloc, _, path) = scheme.lower(), rest.partition("/")
    if "@" in netloc:
        raise ValueError("must have no user name and no password")
    if path:
        raise ValueError("must end after the host: a site can't be below a path")
    parts = NETLOC.fullmatch(netloc.lower())
    if parts is None:
        raise ValueError("must have a host, and a port that is a number if any")
    host = public_host(parts["ip"] or parts["name"])
    port = int(parts["port"]) if parts["port"] else None
    if port is not None and not 1 <= port <= MAX_PORT:
        raise ValueError(f"must have a port from 1 to {MAX_PORT}")
    return f"{scheme}://{bracket_ipv6(host)}{port_suffix(scheme, port)}"


def public_host(host: str) -> str:
    """Return the host as browsers write it. Raises ValueError where they would not open
    it."""
    if ":" in host:
        return str(ip_address(host))
    host = host.removesuffix(".")
    labels = host.split(".")
    if not host:
        raise ValueError("has no host")
    if NUMBER.fullmatch(labels[-1]):
        # Browsers read 127.1 and 0x7f000001 as addresses, too, and write them out.
        return str(ip_address(host))
    if len(host) > MAX_HOST_LENGTH or not all(map(is_label, labels)):
        raise ValueError("must have a host name of letters, digits, dots and hyphens")
    return host


def is_label(label: str) -> bool:
    if label.startswith("xn--"):
        try:
            label.removeprefix("xn--").encode().decode("punycode")
        except UnicodeError:
            return False
    return len(label) <= MAX_LABEL_LENGTH and LABEL.fullmatch(label) is not None


def ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("must have a host name or a whole IP address") from None
    if getattr(address, "scope_id", None):
        raise ValueError("must have an address without a zone (%…)")
    return address


def port_suffix(scheme: str, port: int | None) -> str:
    return "" if port in (None, DEFAULT_PORTS[scheme]) else f":{port}"


def bracket_ipv6(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def local_url(host: str, port: int) -> str:
    """Return where a browser on this machine finds what listens there."""
    opened = LOOPBACK if host in ALL_INTERFACES else host
    return f"http://{bracket_ipv6(opened)}{port_suffix('http', port)}"


def mail_domain(url: str) -> str:
    """Return what stands behind the @ in an address at the host of a URL (RFC 5321
    section 4.1.3 has the addresses in brackets)."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


# --- where the site listens ---------------------------------------------------------


def listening_host(text: str) -> str:
    """Parse a host to listen on: a name, or an address in its usual writing.

    Raises ValueError for what is neither; whether there is such a host is seen by
    `find_listening`.
    """
    host = text.strip().lower()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if "%" in host:
        raise ValueError("must be an address without a zone (%…)")
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    labels = host.removesuffix(".").split(".")
    if NUMBER.fullmatch(labels[-1]):
        try:
            return socket.inet_ntoa(socket.inet_aton(host))
        except OSError:
            raise ValueError("must be a whole IP address") from None
    if len(host) > MAX_HOST_LENGTH or not all(map(is_label, labels)):
        raise ValueError("must be a host name or an IP address, without a port")
    return host


def resolve_listening_host(host: str, port: int) -> str:
    """Return the IP address of this machine that a host stands for.

    A name may stand for several: the first that can be had, IPv4 before IPv6. Raises
    ValueError where there is none.
    """
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ValueError(f"names a host that is not known here: {host}") from None
    entries.sort(key=lambda entry: entry[0] != socket.AF_INET)
    refused: dict[str, OSError] = {}
    for family, _type, _protocol, _name, (address, *rest) in entries:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, *rest))
        except OSError as error:
            refused[str(address)] = error
        else:
            return str(address)
    for refused_address, reason in refused.items():
        if reason.errno not in NOT_THIS_MACHINE:
            # It is the port that can't be had: whoever opens it says so.
            return refused_address
    raise ValueError(f"is no address of this machine: {host}")


# --- what it connects to ------------------------------------------------------------

SQLITE_PREFIX = "sqlite:///"
POSTGRESQL_PREFIX = "postgresql+psycopg://"
POSTGRESQL_EXAMPLE = "postgresql://user:password@db.example.org:5432/rsvp"


def database_url(text: str, folder: Path) -> str:
    """Parse a database's address: of a file, whole, or of a PostgreSQL server.

    A file's path begins in `folder` unless it begins with a slash; other spellings of
    PostgreSQL's driver are mended. Raises ValueError, which never has a password in it.
    """
    url = re.sub(r"^postgres(ql)?(\+psycopg2?)?://", POSTGRESQL_PREFIX, text.strip())
    if url.startswith(SQLITE_PREFIX):
        return database_file(url, folder)
    if url.startswith(POSTGRESQL_PREFIX):
        refuse_invalid_server_url(url)
        return url
    raise ValueError("must start with postgresql:// or sqlite:///")


def database_file(text: str, folder: Path) -> str:
    path = make_url(text.partition("?")[0]).database or ""
    if path in ("", ":memory:") or path.startswith("file:"):
        raise ValueError("must name a file: each process would have its own database")
    if "?" in text:
        raise ValueError("must have no options after the name of its file")
    url = URL.create("sqlite", database=str(folder / path))
    return url.render_as_string(hide_password=False)


def refuse_invalid_server_url(text: str) -> None:
    authority = text.removeprefix(POSTGRESQL_PREFIX)
    user, _, _ = authority.rpartition("@")
    # What is wrong further on would be read out of the password, and told.
    if authority.count("@") > 1 or "/" in user:
        raise ValueError(
            "must have @ and / in its user name and password written as %40 and %2F"
        )
    try:
        url = make_url(text)
        port = url.port
    except (ArgumentError, ValueError):
        raise ValueError(f"must be written like {POSTGRESQL_EXAMPLE}") from None
    if port is not None and not 1 <= port <= MAX_PORT:
        raise ValueError(f"must have a port from 1 to {MAX_PORT}")
    if not is_plain_database_url(url):
        raise ValueError(f"must be written like {POSTGRESQL_EXAMPLE}, without spaces")
    if unknown := set(url.query) - libpq_options():
        if all(re.fullmatch(r"[a-z_]{1,40}", name) for name in unknown):
            listed = ", ".join(sorted(unknown))
            raise ValueError(f"has options that PostgreSQL does not know: {listed}")
        raise ValueError("has an option that PostgreSQL does not know")


def is_plain_database_url(url: URL) -> bool:
    """Whether host and database have no characters that can only be a slip."""
    return all(
        text is None or (text.isprintable() and " " not in text)
        for text in (url.host, url.database)
    )


def libpq_options() -> set[str]:
    from psycopg import pq

    return {option.keyword.decode() for option in pq.Conninfo.get_defaults()}


def redis_url(text: str) -> str:
    """Parse the address of a Redis server. Raises ValueError without repeating it."""
    from redis.connection import parse_url

    url = text.strip()
    url = url.replace("redis+unix://", "unix://", 1)
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must start with redis:// or rediss://")
    try:
        parse_url(url)
        _ = urlsplit(url).port
    except ValueError:
        raise ValueError("must be written like redis://host:6379/0") from None
    return url


def broker_url(text: str) -> str:
    """Parse the address of Celery's broker; which kinds there are, `broker` knows."""
    try:
        _ = urlsplit(text).port
    except ValueError:
        raise ValueError("must be written like amqp://user:password@host//") from None
    return text
