"""An operator's key opens with their passphrase and their parameters alone, and receives what was sent to them."""

import dataclasses
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.errors import InvalidInputError, TamperedError, UnlockError
from kctui.core.operator_keys import (
    LANES,
    MEMORY_KIB,
    PASSES,
    KdfParameters,
    OperatorKey,
    check_passphrase,
    make_key_pair,
    new_parameters,
    open_key_pair,
    send,
)
from kctui.core.secret import Secret

PASSPHRASE = Secret("correct horse battery staple")
LITTLE = KdfParameters(b"0123456789abcdef", memory_kib=16, passes=2, lanes=2)
PAIR = make_key_pair("alice-id", PASSPHRASE, LITTLE)
INFO = b"kctui/1/group-key/g/alice-id/1"


def alice() -> OperatorKey:
    return open_key_pair("alice-id", PAIR, PASSPHRASE)


def test_todays_parameters_are_at_least_64_mib_and_3_passes() -> None:
    parameters = new_parameters()
    assert parameters.memory_kib >= 64 * 1024
    assert parameters.passes >= 3
    assert len(parameters.salt) >= 16


def test_a_key_pair_is_made_under_todays_parameters_and_a_salt_of_its_own() -> None:
    kdf = make_key_pair("alice-id", PASSPHRASE).kdf
    assert (kdf.memory_kib, kdf.passes, kdf.lanes) == (MEMORY_KIB, PASSES, LANES)
    assert kdf.salt != new_parameters().salt


def test_a_public_key_is_one_of_mlkem768_and_one_of_x25519() -> None:
    assert len(PAIR.public_key) == 1184 + 32


def test_the_private_half_does_not_lie_there_in_the_plain() -> None:
    key = alice()
    assert key._seed.reveal() not in PAIR.sealed_private_key


@pytest.mark.parametrize("wrong", ["", "correct horse battery stapl", "Correct horse battery staple", "x" * 100])
def test_another_passphrase_opens_nothing(wrong: str) -> None:
    with pytest.raises(UnlockError):
        open_key_pair("alice-id", PAIR, Secret(wrong))


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 17},
        {"memory_kib": 1024},
        {"passes": 1},
        {"passes": 3},
        {"lanes": 1},
        {"salt": b"0123456789abcdeF"},
        {"salt": b"0123456789abcdef0"},
        {"salt": b""},
    ],
)
def test_a_changed_parameter_opens_nothing(change: dict[str, int | bytes]) -> None:
    changed = dataclasses.replace(LITTLE, **change)  # type: ignore[arg-type]
    with pytest.raises(UnlockError):
        open_key_pair("alice-id", dataclasses.replace(PAIR, kdf=changed), PASSPHRASE)


@pytest.mark.parametrize("value", [-(2**40), -1, 0, 2**31, 2**33])
@pytest.mark.parametrize("name", ["memory_kib", "passes", "lanes"])
def test_absurd_parameters_are_refused_at_once(name: str, value: int) -> None:
    absurd = dataclasses.replace(LITTLE, **{name: value})  # type: ignore[arg-type]
    began = time.monotonic()
    with pytest.raises(UnlockError):
        open_key_pair("alice-id", dataclasses.replace(PAIR, kdf=absurd), PASSPHRASE)
    assert time.monotonic() - began < 1


def test_more_lanes_than_any_machine_has_are_refused_at_once() -> None:
    absurd = KdfParameters(LITTLE.salt, memory_kib=MEMORY_KIB, passes=PASSES, lanes=8192)
    began = time.monotonic()
    with pytest.raises(UnlockError):
        open_key_pair("alice-id", dataclasses.replace(PAIR, kdf=absurd), PASSPHRASE)
    assert time.monotonic() - began < 0.2


def test_a_key_moved_to_another_operator_does_not_open() -> None:
    with pytest.raises(UnlockError):
        open_key_pair("bob-id", PAIR, PASSPHRASE)


@given(position=st.integers(0, len(PAIR.sealed_private_key) - 1), flip=st.integers(1, 255))
def test_no_byte_of_a_sealed_private_key_can_be_changed(position: int, flip: int) -> None:
    changed = bytearray(PAIR.sealed_private_key)
    changed[position] ^= flip
    with pytest.raises(UnlockError):
        open_key_pair("alice-id", dataclasses.replace(PAIR, sealed_private_key=bytes(changed)), PASSPHRASE)


@given(st.integers(0, len(PAIR.sealed_private_key) - 1))
def test_a_truncated_private_key_does_not_open(length: int) -> None:
    truncated = dataclasses.replace(PAIR, sealed_private_key=PAIR.sealed_private_key[:length])
    with pytest.raises(UnlockError):
        open_key_pair("alice-id", truncated, PASSPHRASE)


def test_a_public_key_that_is_not_the_private_keys_is_noticed() -> None:
    mallory = make_key_pair("mallory-id", PASSPHRASE, LITTLE)
    with pytest.raises(TamperedError):
        open_key_pair("alice-id", dataclasses.replace(PAIR, public_key=mallory.public_key), PASSPHRASE)


@pytest.mark.parametrize("short", ["", "eleven char", "ünïcödé-11c"])
def test_a_short_passphrase_is_refused(short: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        make_key_pair("alice-id", Secret(short), LITTLE)
    assert refused.value.field == "passphrase"


def test_characters_of_a_passphrase_count_and_not_bytes() -> None:
    check_passphrase(Secret("ünïcödé-12ch"))


@given(st.binary(max_size=200))
def test_what_is_sent_to_an_operator_is_received(value: bytes) -> None:
    assert alice().receive(send(PAIR.public_key, Secret(value), INFO), INFO).reveal() == value


def test_another_operator_cannot_receive_it() -> None:
    mallory = open_key_pair("mallory-id", make_key_pair("mallory-id", PASSPHRASE, LITTLE), PASSPHRASE)
    with pytest.raises(TamperedError):
        mallory.receive(send(PAIR.public_key, Secret(b"group key"), INFO), INFO)


def test_what_was_sent_for_one_use_is_not_received_for_another() -> None:
    sent = send(PAIR.public_key, Secret(b"group key"), INFO)
    with pytest.raises(TamperedError):
        alice().receive(sent, INFO[:-1] + b"2")


SENT = send(PAIR.public_key, Secret(b"group key"), INFO)


@given(position=st.integers(0, len(SENT) - 1), flip=st.integers(1, 255))
def test_no_byte_of_what_was_sent_can_be_changed(position: int, flip: int) -> None:
    changed = bytearray(SENT)
    changed[position] ^= flip
    with pytest.raises(TamperedError):
        alice().receive(bytes(changed), INFO)


@given(st.integers(0, len(SENT) - 1))
def test_a_truncated_message_is_not_received(length: int) -> None:
    with pytest.raises(TamperedError):
        alice().receive(SENT[:length], INFO)


@pytest.mark.parametrize("size", [0, 100, 1184, len(PAIR.public_key) - 1, len(PAIR.public_key) + 1])
def test_nothing_is_sent_to_a_public_key_that_is_none(size: int) -> None:
    public_key = (PAIR.public_key + b"\0")[:size]
    with pytest.raises(TamperedError):
        send(public_key, Secret(b"group key"), INFO)


def test_a_new_passphrase_replaces_the_old_one() -> None:
    changed = alice().reseal("alice-id", Secret("another good passphrase"), LITTLE, PAIR.public_key)
    opened = open_key_pair("alice-id", changed, Secret("another good passphrase"))
    assert opened.receive(SENT, INFO).reveal() == b"group key"
    with pytest.raises(UnlockError):
        open_key_pair("alice-id", changed, PASSPHRASE)


def test_a_wiped_key_holds_nothing() -> None:
    key = alice()
    key.wipe()
    assert len(key._seed) == 0
