"""Web server: starts and stops the web processes and the worker process.

The application is loaded once and then forked, so that the processes share its memory.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import multiprocessing
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from granian._futures import _cbsched_aioschedule
from granian._granian import CallbackScheduler, SocketHolder
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import mp
from granian.server.mp import MPServer

from rsvp.cli.base import CommandError
from rsvp.extensions import db
from rsvp.server import request_bodies, rsgi

log = logging.getLogger("rsvp.serve")

GRACE_SECONDS = 10
"""Seconds that requests and mails under way get to finish when the site is stopped."""
MAX_RESTART_PAUSE = 60.0
SEND_TIMEOUT_SECONDS = 20
"""How long a client may take nothing of what it is sent before it is cut off."""
MAX_CONNECTIONS = 2048
"""How many connections a web process has at a time; more wait in the socket's queue."""
MIN_CONNECTIONS = 64
RESERVED_FILES = 256
BACKLOG = 1024
MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a request's first line and headers."""
STOP_POLL_SECONDS = 0.02
READY_TIMEOUT_SECONDS = 10
LIVENESS_REQUEST = b"HEAD /health/live HTTP/1.0\r\nHost: localhost\r\n\r\n"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
fork_context = multiprocessing.get_context("fork")


def serve(
    app: Flask, work: Callable[[str | None], None] | None, ready: Callable[[], None]
) -> None:
    """Serve `app` until SIGINT or SIGTERM, with a process beside it that runs `work`
    (None: without one).

    `ready` is called once the site answers. Must be called from the main thread, with
    no other threads running. Raises CommandError where the port can't be had.
    """
    host, port = app.config["HOST"], app.config["PORT"]
    processes = app.config["WEB_PROCESSES"]
    lifeline = ParentPipe()
    server = MultiSocketServer(
        "rsvp",
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        workers=processes,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=MAX_HEAD_BYTES),
        websockets=False,
        loop=Loops.asyncio,
        backlog=BACKLOG,
        backpressure=connection_limit(),
        log_level=LogLevels.warning,
        log_dictconfig=LOGGING_CONFIG,
        respawn_failed_workers=True,
        workers_kill_timeout=1,
    )
    server.sockets = open_sockets(host, port, processes)
    server.threads = app.config["WEB_THREADS"]
    setattr(mp, "_new_cbscheduler", DirectScheduler.new)  # noqa: B010 - it is not typed so
    server.on_startup(stop_on_hangup)
    if work is not None:

        def without_sockets(ended: str | None) -> None:
            # Connections must not wait in them once the web processes are gone.
            close_sockets(server.sockets)
            work(ended)

        worker = WorkerProcess(without_sockets, lifeline)
        server.on_startup(worker.start)
        server.on_shutdown(worker.stop)
    server.on_startup(lambda: call_when_ready(host, port, ready))

    def load() -> Any:
        lifeline.follow_parent()
        application = rsgi.Application(
            app,
            threads=app.config["WEB_THREADS"],
            longest_body=app.config["MAX_CONTENT_LENGTH"],
            proxies=app.config["TRUSTED_PROXIES"],
            budget=request_bodies.MAX_BYTES_IN_MEMORY // processes,
        )
        DirectScheduler.front = application
        return application

    freeze_memory()
    os.register_at_fork(after_in_child=reset_child_signals)
    server.serve(target_loader=load, wrap_loader=False)


LOGGING_CONFIG = {
    "formatters": {"generic": {"format": "%(levelname)s %(message)s"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stderr",
        }
    },
    "loggers": {
        "_granian": {"handlers": ["console"], "level": "WARNING", "propagate": False}
    },
}


def freeze_memory() -> None:
    """Keep what is loaded by now shared: no collection touches it after the fork."""
    # Connections must not be shared: each process opens its own.
    db.session.remove()
    db.engine.dispose()
    gc.collect()
    gc.freeze()


def reset_child_signals() -> None:
    """Reset the signals of a child, at once: Ctrl-C is the parent's, which ends its
    children in order.

    A SIGTERM that comes before the child is ready ends it; the handler it inherited
    would swallow it.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class DirectScheduler(CallbackScheduler):
    """Passes Granian's requests to the application: as it does itself, but for those
    that its own threads can answer. The way over the event loop would cost a page half
    its speed."""

    front: rsgi.Application

    def __init__(self, loop: Any, callback: Any, *_: Any) -> None:
        super().__init__()
        schedule_on_loop = _cbsched_aioschedule(loop, self._ctx, callback)
        dispatch = self.front.dispatch

        def schedule(watcher: Any) -> None:
            try:
                if not dispatch(watcher.scope, watcher.proto, watcher.done):
                    schedule_on_loop(watcher)
            except Exception as error:
                # Granian does not look for one.
                log.error("a request was not taken: %s", type(error).__name__)
                watcher.done()

        self._schedule_fn = schedule

    @classmethod
    def new(cls, loop: Any, callback: Any, impl_asyncio: bool) -> Any:
        del impl_asyncio  # it is the one that works on any loop
        make: Any = cls  # its types leave out what it is made from
        return make(loop, callback, None, None, None)


class MultiSocketServer(MPServer):
    """Granian's server on sockets that we open: with options that it has no setting
    for, and one for each process, so that none takes all connections. One that dies
    leaves its socket, with who waits in it, to its successor."""

    sockets: list[socket.socket]
    threads: int

    def _init_shared_socket(self) -> None:
        make: Any = SocketHolder  # its types leave out what it is made from
        self._ssp = self._sso = None
        self.holders = [
            make(listening.fileno(), False, self.backlog) for listening in self.sockets
        ]

    def _spawn_worker(self, idx: int, *args: Any, **more: Any) -> Any:
        self._shd = self.holders[idx]
        # Its own check allows one thread with this interface: callbacks are thought to
        # be coroutines, which `rsgi.Application` does not need.
        self.blocking_threads = self.threads
        return super()._spawn_worker(idx, *args, **more)

    def shutdown(self, exit_code: int = 0) -> None:
        try:
            super().shutdown(exit_code)
        except SystemExit:
            # We were told to stop: a process that died just before is no failure now.
            if exit_code or not self.interrupt_signal:
                raise

    def _drop_shared_socket(self) -> None:
        close_sockets(self.sockets)

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            with contextlib.suppress(OSError):
                os.kill(worker._id(), rsgi.STOP_READING_SIGNAL)
            worker.terminate()
        end = time.monotonic() + GRACE_SECONDS
        # Here, since two threads wait for each, and the server takes one that has ended
        # for one that refuses to where the other thread was told first.
        while any(w.is_alive() for w in self.wrks) and time.monotonic() < end:
            time.sleep(STOP_POLL_SECONDS)
        super()._stop_workers()


def close_sockets(sockets: list[socket.socket]) -> None:
    for listening in sockets:
        listening.close()


def connection_limit() -> int:
    """Return how many connections each web process may have, by what the system allows:
    a connection is an open file, and there are some others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = MAX_CONNECTIONS + RESERVED_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(min(MAX_CONNECTIONS, soft - RESERVED_FILES), MIN_CONNECTIONS)


def open_sockets(host: str, port: int, number: int) -> list[socket.socket]:
    """Open so many sockets that listen there and share what comes. Raises CommandError
    where that can't be had."""
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with new_socket(family) as probe:
            # The others would share a port with whoever has it, and get half of it.
            probe.bind(address)
        sockets = [new_socket(family) for _ in range(number)]
        for listening in sockets:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listening.bind(address)
        for listening in sockets:
            listening.listen(BACKLOG)
    except OSError as error:
        raise CommandError(
            f"port {port} on {host} can't be used: {error.strerror}; "
            "RSVP_PORT sets another"
        ) from error
    return sockets


def new_socket(family: int) -> socket.socket:
    """Make a socket for a server; its connections inherit the options."""
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Who takes nothing of an answer is cut off.
        patience = SEND_TIMEOUT_SECONDS * 1000
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
    return listening


def stop_on_hangup() -> None:
    """End the site as Ctrl-C does when its terminal is closed; under nohup it goes
    on."""
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def call_when_ready(host: str, port: int, ready: Callable[[], None]) -> None:
    # Where "::" is all networks there may be IPv4 alone, or IPv6 alone.
    wildcards = {"0.0.0.0": ["127.0.0.1"], "::": ["127.0.0.1", "::1"]}  # noqa: S104

    def wait() -> None:
        for _ in range(600):
            if any(
                is_answering(address, port) for address in wildcards.get(host, [host])
            ):
                ready()
                return
            time.sleep(0.05)

    threading.Thread(target=wait, name="ready", daemon=True).start()


def is_answering(address: str, port: int) -> bool:
    """Whether a server answers there. The sockets listen before anybody does, so that a
    connection alone says nothing."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection((address, port), READY_TIMEOUT_SECONDS) as connection,
    ):
        connection.sendall(LIVENESS_REQUEST)
        return bool(connection.recv(1))
    return False


class ParentPipe:
    """A pipe that closes when the parent is gone, however it went."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def follow_parent(self) -> None:
        """In a child: end when the parent has."""
        os.close(self.writing)
        threading.Thread(target=self.wait, name="lifeline", daemon=True).start()

    def wait(self) -> None:
        os.read(self.reading, 1)
        # To the main thread: handlers run there, and it may be asleep. Again, since one
        # that is only about to sleep does not wake from the first.
        for _ in range(GRACE_SECONDS):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)


class WorkerProcess:
    """A worker process beside the server, started again when it dies."""

    def __init__(
        self, work: Callable[[str | None], None], lifeline: ParentPipe
    ) -> None:
        self.work = work
        self.lifeline = lifeline
        self.stopping = threading.Event()
        self.process: Any = None

    def start(self) -> None:
        self.process = self.start_process()
        threading.Thread(target=self.watch, name="beside", daemon=True).start()

    def start_process(self, ended: str | None = None) -> Any:
        process = fork_context.Process(
            target=self.run, args=(ended,), name="worker", daemon=True
        )
        process.start()
        return process

    def run(self, ended: str | None) -> None:
        """In the child: run the worker until SIGTERM. `ended`: how the previous one
        did."""
        self.lifeline.follow_parent()
        self.work(ended)

    def watch(self) -> None:
        for pause in restart_pauses():
            began = time.monotonic()
            self.process.join()
            if self.stopping.is_set():
                return
            if time.monotonic() - began > MAX_RESTART_PAUSE:
                pause = 1.0
            ended = exit_text(self.process.exitcode)
            log.error(
                "the worker ended (%s); starting it again in %.0f s", ended, pause
            )
            if self.stopping.wait(pause):
                return
            self.process = self.start_process(ended)

    def stop(self) -> None:
        self.stopping.set()
        self.process.terminate()
        self.process.join(GRACE_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def exit_text(code: int) -> str:
    """Return a process's exit code in words: `signal SIGKILL`, `exit status 3`."""
    if code >= 0:
        return f"exit status {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:  # it has no name
        return f"signal {-code}"


def restart_pauses() -> Iterator[float]:
    pause = 1.0
    while True:
        yield pause
        pause = min(pause * 2, MAX_RESTART_PAUSE)


def make_stop_event() -> threading.Event:
    """Make an event that SIGINT and SIGTERM set: whoever waits on it then ends its
    work.

    Must be called from the main thread.
    """
    stop = threading.Event()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    # Not by a handler's own code: that runs in the main thread alone, which may have
    # just gone to sleep on the event, or hold its lock.
    def listen() -> None:
        while os.read(reading, 1)[0] not in STOP_SIGNALS:
            pass
        stop.set()

    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: None)
    threading.Thread(target=listen, name="signals", daemon=True).start()
    return stop
