"""A sealed value opens at its own place, under its own key, unchanged; nowhere else and in no other way."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.errors import LockedError, TamperedError
from kctui.core.sealing import KEY_BYTES, Place, derive, generation_of, new_key, seal, unseal
from kctui.core.secret import Secret

KEY = Secret(bytes(range(KEY_BYTES)))
HOME = Place("csp_account", "row-1", "sealed_secret_access_key")
VALUE = Secret(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SEALED = seal(KEY, 7, HOME, VALUE)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
places = st.builds(Place, names, names, names, st.lists(names, max_size=3).map(tuple))


@given(place=places, value=st.binary(max_size=300), generation=st.integers(0, 2**32 - 1))
def test_what_is_sealed_opens_at_its_place(place: Place, value: bytes, generation: int) -> None:
    sealed = seal(KEY, generation, place, Secret(value))
    assert generation_of(sealed) == generation
    assert unseal(KEY, place, sealed).reveal() == value


@pytest.mark.parametrize(
    "change", [{"table": "key_version"}, {"row": "row-2"}, {"column": "sealed_material"}, {"context": ("a",)}]
)
def test_a_value_copied_elsewhere_does_not_open(change: dict[str, Any]) -> None:
    with pytest.raises(TamperedError):
        unseal(KEY, dataclasses.replace(HOME, **change), SEALED)


@given(st.tuples(places, places).filter(lambda pair: pair[0] != pair[1]))
def test_no_two_places_open_each_others_values(pair: tuple[Place, Place]) -> None:
    sealed = seal(KEY, 1, pair[0], VALUE)
    with pytest.raises(TamperedError):
        unseal(KEY, pair[1], sealed)


@given(st.lists(places, min_size=2, max_size=5, unique=True))
def test_no_two_places_encode_alike(some: list[Place]) -> None:
    assert len({place.encode() for place in some}) == len(some)


@given(position=st.integers(0, len(SEALED) - 1), flip=st.integers(1, 255))
def test_no_byte_of_a_sealed_value_can_be_changed(position: int, flip: int) -> None:
    changed = bytearray(SEALED)
    changed[position] ^= flip
    with pytest.raises(TamperedError):
        unseal(KEY, HOME, bytes(changed))


@given(st.integers(0, len(SEALED) - 1))
def test_a_truncated_value_does_not_open(length: int) -> None:
    with pytest.raises(TamperedError):
        unseal(KEY, HOME, SEALED[:length])


@given(st.binary(min_size=1, max_size=40))
def test_a_lengthened_value_does_not_open(more: bytes) -> None:
    with pytest.raises(TamperedError):
        unseal(KEY, HOME, SEALED + more)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(TamperedError):
        unseal(new_key(), HOME, SEALED)


def test_a_value_of_one_generation_does_not_open_as_another() -> None:
    relabelled = SEALED[:1] + (8).to_bytes(4, "big") + SEALED[5:]
    assert generation_of(relabelled) == 8
    with pytest.raises(TamperedError):
        unseal(KEY, HOME, relabelled)


def test_the_error_names_the_place_and_not_the_value() -> None:
    with pytest.raises(TamperedError, match=r"csp_account\.sealed_secret_access_key of row-1") as refused:
        unseal(new_key(), HOME, SEALED)
    assert refused.value.__suppress_context__


def test_sealing_the_same_value_twice_gives_two_different_ones() -> None:
    assert seal(KEY, 7, HOME, VALUE) != SEALED


def test_a_sealed_value_does_not_hold_the_plain_one() -> None:
    assert VALUE.reveal() not in SEALED


def test_each_purpose_has_a_key_of_its_own() -> None:
    derived = derive(KEY, b"one")
    assert len(derived) == KEY_BYTES
    assert derived == derive(KEY, b"one")
    assert derived != derive(KEY, b"two")
    assert derived != KEY


@pytest.mark.parametrize("length", [0, KEY_BYTES - 1, KEY_BYTES + 1])
def test_what_is_no_256_bit_key_seals_opens_and_derives_nothing(length: int) -> None:
    with pytest.raises(TamperedError, match=f"of {length} bytes"):
        derive(Secret(bytes(length)), b"one")
    with pytest.raises(TamperedError, match=f"of {length} bytes"):
        seal(Secret(bytes(length)), 1, HOME, VALUE)
    with pytest.raises(TamperedError, match=f"of {length} bytes"):
        unseal(Secret(bytes(length)), HOME, SEALED)


def test_a_wiped_key_seals_nothing() -> None:
    key = new_key()
    key.wipe()
    with pytest.raises(LockedError):
        seal(key, 1, HOME, VALUE)


def test_keys_are_random() -> None:
    assert len(new_key()) == KEY_BYTES
    assert new_key() != new_key()
