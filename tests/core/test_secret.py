"""A Secret shows nothing of itself, wherever it turns up."""

import copy
import io
import json
import pickle
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.errors import InvalidInputError, LockedError
from kctui.core.log import open_log
from kctui.core.paths import Home
from kctui.core.secret import Secret

PLAIN = "hunter2-hunter2-hunter2"


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        format,
        "{:>40}".format,
        "{!r} {!s} {!a}".format,
        lambda s: f"{s}{s!r}{s:x}",
        lambda s: "%s %r" % (s, s),  # noqa: UP031 -- the old way is one of the ways
        lambda s: str([s, {"key": s}, (s,)]),
    ],
)
def test_nothing_that_makes_text_of_it_shows_it(show: Callable[..., str]) -> None:
    secret = Secret(PLAIN)
    shown = show(secret, secret, secret) if show == "{!r} {!s} {!a}".format else show(secret)
    assert "hunter2" not in shown
    assert "Secret(…)" in shown or r"Secret(\u2026)" in shown


@pytest.mark.parametrize(
    "convert",
    [
        bytes,
        bytearray,
        list,
        hash,
        copy.copy,
        copy.deepcopy,
        json.dumps,
        pickle.dumps,
        lambda s: pickle.dumps(s, protocol=0),
        lambda s: json.dumps({"secret": s}),
        lambda s: {s: 1},
        vars,
    ],
)
def test_nothing_converts_copies_or_keeps_it_elsewhere(convert: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as refused:
        convert(Secret(PLAIN))
    assert "hunter2" not in str(refused.value)


def test_the_locals_of_a_traceback_do_not_show_it() -> None:
    secret = Secret(PLAIN)
    try:
        raise RuntimeError(f"about {secret}")
    except RuntimeError as error:
        trace = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "secret = Secret(…)" in trace
    # The constant is no local of this frame, so only the Secret could have shown it.
    assert "hunter2" not in trace


def test_structlog_does_not_show_it() -> None:
    written = io.StringIO()
    structlog.wrap_logger(
        structlog.PrintLogger(written), processors=[structlog.processors.JSONRenderer(default=str)]
    ).info("event", secret=Secret(PLAIN), nested={"inside": [Secret(PLAIN)]})
    assert "event" in written.getvalue()
    assert "hunter2" not in written.getvalue()


@pytest.mark.parametrize(
    "value", [Secret(PLAIN), PLAIN.encode(), bytearray(PLAIN.encode()), memoryview(PLAIN.encode()), object()]
)
def test_the_log_file_hides_secrets_and_bytes_at_any_depth(home: Home, value: object) -> None:
    log, handle = open_log(home)
    with handle:
        log.info("event", plain=value, inside=[{"deeper": (value,)}], shown="ordinary")
    [line] = home.log.read_text().splitlines()[-1:]
    assert json.loads(line)["shown"] == "ordinary"
    assert "hunter2" not in line


@given(st.binary(), st.binary())
def test_secrets_are_equal_when_their_values_are(left: bytes, right: bytes) -> None:
    assert (Secret(left) == Secret(right)) is (left == right)
    assert Secret(left) == Secret(left)


def test_a_secret_equals_nothing_but_a_secret() -> None:
    assert Secret(b"value") != b"value"


def test_values_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(left: bytearray, right: bytearray) -> bool:
        compared.append((bytes(left), bytes(right)))
        return True

    monkeypatch.setattr("hmac.compare_digest", compare)
    assert Secret(b"one") == Secret(b"two")
    assert compared == [(b"one", b"two")]


@given(st.binary())
def test_it_gives_what_it_was_given(value: bytes) -> None:
    assert Secret(value).reveal() == value
    assert len(Secret(value)) == len(value)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_comes_back_as_text(value: str) -> None:
    assert Secret(value).reveal_text() == value


def test_a_wiped_secret_is_empty() -> None:
    secret = Secret(PLAIN)
    held = secret._value
    secret.wipe()
    assert (len(secret), bytes(held)) == (0, b"")


@pytest.mark.parametrize("reveal", [Secret.reveal, Secret.reveal_text])
def test_a_wiped_secret_is_not_taken_for_an_empty_one(reveal: Callable[[Secret], object]) -> None:
    secret, empty = Secret(PLAIN), Secret(b"")
    secret.wipe()
    with pytest.raises(LockedError):
        reveal(secret)
    assert not reveal(empty)


def test_a_wiped_secret_equals_nothing() -> None:
    one, other = Secret(PLAIN), Secret(PLAIN)
    one.wipe()
    other.wipe()
    assert one != other
    assert one != Secret(b"")


def test_it_lends_its_bytes_in_place() -> None:
    secret = Secret(PLAIN)
    with secret.lent() as lent:
        assert lent == PLAIN.encode()
        assert lent.readonly
        secret._value[0] ^= 1
        assert lent != PLAIN.encode()


@pytest.mark.parametrize("lend", [Secret.lent, Secret.lent_bytes])
def test_what_was_wiped_is_not_lent(lend: Callable[[Secret], AbstractContextManager[object]]) -> None:
    secret = Secret(PLAIN)
    secret.wipe()
    with pytest.raises(LockedError), lend(secret):
        pytest.fail("it was lent")


def test_what_is_wiped_while_it_is_lent_is_all_zeros_and_its_use_is_refused() -> None:
    secret, seen = Secret(PLAIN), []

    def use() -> None:
        with secret.lent() as lent:
            secret.wipe()
            seen.append(bytes(lent))

    with pytest.raises(LockedError):
        use()
    assert seen == [bytes(len(PLAIN))]


def test_a_lent_copy_is_overwritten_even_by_an_error() -> None:
    secret, seen = Secret(PLAIN), []

    def fail() -> None:
        with secret.lent_bytes() as copy:
            seen.append(copy)
            assert copy == PLAIN.encode()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert seen == [bytes(len(PLAIN))]
    assert secret.reveal() == PLAIN.encode()


@given(st.binary(max_size=600))
def test_what_a_secret_takes_is_overwritten(value: bytes) -> None:
    taken = bytes(bytearray(value))
    assert Secret.taking(taken).reveal() == value
    # One byte alone is shared by the whole process.
    assert taken == (bytes(len(value)) if len(value) > 1 else value)


def test_wiping_leaves_the_callers_buffer_alone() -> None:
    buffer = bytearray(b"value")
    Secret(buffer).wipe()
    assert buffer == b"value"


def test_leaving_its_context_wipes_it_even_by_an_error() -> None:
    with pytest.raises(RuntimeError), Secret(PLAIN) as secret:
        raise RuntimeError
    assert len(secret) == 0


@pytest.mark.parametrize("value", [b"\xff" + PLAIN.encode(), "\udcff" + PLAIN])
def test_a_secret_that_is_no_text_is_in_no_error(value: bytes | str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Secret(value).reveal_text()
    assert refused.value.__context__ is None
    assert "hunter2" not in repr(refused.value)
