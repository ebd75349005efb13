"""The shared counter: counts together, and costs little when Redis does not answer."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from rsvp import create_app
from rsvp.config import UnsafeStart
from rsvp.rate_limits import in_redis
from rsvp.rate_limits.in_redis import SharedRedisStorage, storage_uri
from tests.conftest import TEST_SETTINGS
from tests.support import services
from tests.support.for_each import for_each
from tests.support.servers import OwnRedis, SilentServer


def counting_in(url: str, rest: float = 60.0) -> SharedRedisStorage:
    storage = SharedRedisStorage(storage_uri(url))
    storage.client.retry_seconds = rest
    return storage


def times(storage: SharedRedisStorage, count: int = 5) -> list[float]:
    """How long each of some counts takes; each is right, whoever counts."""
    key, took = uuid4().hex, []
    for number in range(1, count + 1):
        began = time.monotonic()
        assert storage.incr(key, 60) == number
        took.append(time.monotonic() - began)
    return took


@pytest.mark.redis
def test_it_counts_in_redis_for_all(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(in_redis, "ANSWER_TIMEOUT", 20)
    one, other = counting_in(services.REDIS), counting_in(services.REDIS)
    key = uuid4().hex
    assert [one.incr(key, 60), other.incr(key, 60, amount=2)] == [1, 3]
    assert other.get(key) == one.get(key) == 3
    assert 50 < one.get_expiry(key) - time.time() <= 61
    one.clear(key)
    assert other.get(key) == 0


# --- servers that are none ----------------------------------------------------------


class Talker(SilentServer):
    """A server that says what it is told to, whatever it hears."""

    def __init__(self, say: Callable[[socket.socket], object]) -> None:
        super().__init__()
        self.say = say
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                heard, _ = self.socket.accept()
                threading.Thread(target=self.talk, args=(heard,), daemon=True).start()

    def talk(self, heard: socket.socket) -> None:
        with contextlib.suppress(OSError), heard:
            while heard.recv(65536):
                self.say(heard)


def saying(text: bytes) -> Callable[[], Talker]:
    return lambda: Talker(lambda heard: heard.sendall(text))


def dripping() -> Talker:
    def say(heard: socket.socket) -> None:
        heard.sendall(b"$1000000\r\n")
        for _ in range(200):
            time.sleep(0.05)
            heard.sendall(b"x")

    return Talker(say)


def hanging_up() -> Talker:
    return Talker(lambda heard: heard.close())


@contextlib.contextmanager
def gone() -> Iterator[SilentServer]:
    server = SilentServer()
    server.socket.close()
    yield server


SERVERS = {
    "silence": SilentServer,
    "dripping": dripping,
    "hanging up": hanging_up,
    "gone": gone,
    "a web server": saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "garbage": saying(b"\x00\xff\xfe garbage \r\n" * 50),
    "another type": saying(b"*2\r\n+OK\r\n+OK\r\n"),
    "-LOADING": saying(b"-LOADING Redis is loading the dataset in memory\r\n"),
    "-READONLY": saying(b"-READONLY You can't write against a replica.\r\n"),
    "-OOM": saying(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"),
    "-WRONGPASS": saying(b"-WRONGPASS invalid username-password pair\r\n"),
    "-NOAUTH": saying(b"-NOAUTH Authentication required.\r\n"),
}


@for_each("name", SERVERS, fresh=True)
def test_a_redis_that_does_not_count_costs_under_a_second_once(name: str, caplog):
    with SERVERS[name]() as server:
        storage = counting_in(f"redis://127.0.0.1:{server.port}/0")
        first, *rest = times(storage)

        assert first < 1
        assert max(rest) < 0.1
        assert caplog.text.count("each process counts for itself") == 1


def test_one_failure_is_told_to_all_who_wait(monkeypatch: pytest.MonkeyPatch):
    """Nobody waits until their patience ends for what is known."""
    monkeypatch.setattr(in_redis, "ANSWER_TIMEOUT", 20)
    asked, fail = threading.Event(), threading.Event()

    def fails() -> None:
        asked.set()
        assert fail.wait(20)
        raise ConnectionResetError

    courier = in_redis.RedisClient(lambda: None, retry_seconds=60)
    causes: list[BaseException | None] = []

    def ask(question: Callable[[], object]) -> None:
        try:
            courier.call(question)
        except in_redis.NoAnswer as error:
            causes.append(error.__cause__)

    threads = [threading.Thread(target=ask, args=(fails,))]
    threads[0].start()
    assert asked.wait(20)
    for _ in range(3):
        threads.append(threading.Thread(target=ask, args=(lambda: None,)))
        threads[-1].start()
    while courier.calls.qsize() < 3:
        time.sleep(0.001)
    fail.set()
    for thread in threads:
        thread.join(40)
    # One that came too late would have no cause.
    assert [type(cause) for cause in causes] == [ConnectionResetError] * 4


def test_those_who_come_together_wait_together():
    with SilentServer() as server:
        storage = counting_in(f"redis://127.0.0.1:{server.port}/0")
        took: list[float] = []
        threads = [
            threading.Thread(target=lambda: took.extend(times(storage)))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(took) == 40
        assert sum(one > 0.1 for one in took) <= 8
        assert max(took) < 1
        # One thread asks, and none is left behind for each question.
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("shared counter") <= len(in_redis.CLIENTS)


def test_a_slow_redis_is_left_alone_too():
    with Talker(lambda heard: (time.sleep(0.15), heard.sendall(b":1\r\n"))) as server:
        storage = counting_in(f"redis://127.0.0.1:{server.port}/0")
        began = time.monotonic()
        for _ in range(30):
            storage.incr("somebody", 60)
        assert time.monotonic() - began < 2


def test_it_is_tried_again_by_nobody_who_waits(caplog: pytest.LogCaptureFixture):
    with OwnRedis() as server:
        storage = counting_in(server.url, rest=0.05)
        assert max(times(storage)) < 1
        server.stop()
        assert max(times(storage, 20)) < 1
        assert storage.client.is_paused
        server.start()
        end = time.monotonic() + 20
        while storage.client.is_paused and time.monotonic() < end:
            assert max(times(storage)) < 0.3
            time.sleep(0.02)
        assert not storage.client.is_paused
        assert "Redis answers again" in caplog.text
        key = uuid4().hex
        assert (storage.incr(key, 60), storage.memory_storage.get(key)) == (1, 0)


# --- a whole site -------------------------------------------------------------------


def test_limits_hold_in_a_process_though_redis_hangs(tmp_path):
    with SilentServer() as server:
        app = create_app(
            TEST_SETTINGS
            | {
                "INSTANCE_PATH": str(tmp_path),
                "REDIS_URL": f"redis://127.0.0.1:{server.port}/0",
                "FORM_LIMIT": "3 per minute",
            }
        )
        client, began = app.test_client(), time.monotonic()
        form = {"headers": {"Origin": "https://elsewhere.example"}}
        asked = [client.post("/lost-mail", **form).status_code for _ in range(6)]
        assert asked.count(429) >= 3
        assert time.monotonic() - began < 3


@for_each(
    "url",
    [
        "localhost:6379",
        "http://127.0.0.1:6379",
        "redis://127.0.0.1:port/0",
        "redis://:pass/word@127.0.0.1:6379/0",
        "redis://127.0.0.1:6379/0?socket_timeout=soon",
        "redis://127.0.0.1:6379/0?colour=red",
        "redis://[::1",
        "redis://127.0.0.1:70000",
    ],
    fresh=True,
)
def test_an_address_that_can_not_be_read_is_refused_in_one_line(tmp_path, url: str):
    with pytest.raises(UnsafeStart, match="RSVP_REDIS_URL") as refusal:
        create_app(TEST_SETTINGS | {"INSTANCE_PATH": str(tmp_path), "REDIS_URL": url})
    assert "\n" not in str(refusal.value)
    assert "word" not in str(refusal.value).replace("password", "")


def test_the_address_does_not_undo_the_limits_of_time():
    url = "redis://127.0.0.1:6379/0?socket_timeout=60&socket_connect_timeout=60"
    made = in_redis.make_pool(url).make_connection()
    assert made.socket_timeout == made.socket_connect_timeout == 0.4
