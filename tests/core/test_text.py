"""Foreign text is safe for a terminal, and an id cut short can still be told apart."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.text import REPLACEMENT, safe, safe_lines, shorten

any_text = st.text(st.characters())
FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(any_text)
def test_no_control_bidi_or_line_break_passes(text: str) -> None:
    assert not {unicodedata.category(c) for c in safe(text)} & FORBIDDEN


def test_every_single_character_of_unicode_is_printable_afterwards() -> None:
    passed = [chr(n) for n in range(0x110000) if not safe(chr(n)).isprintable()]
    assert passed == []


@given(any_text)
def test_as_many_characters_come_out_as_went_in(text: str) -> None:
    assert len(safe(text)) == len(text)


@given(any_text)
def test_safe_text_is_left_alone(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@pytest.mark.parametrize("text", ["payroll-db", "Aurora – Löhne", "日本語", "a b", "€ ½ ²"])
def test_printable_text_is_left_alone(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    "text",
    ["\x1b]0;title\x07", "\x1b]52;c;QQ==\x07", "\x9b31m", "\r", "\n", "\x00", "\u202e", "\u2066", "\u200b", "\u2028"],
)
def test_what_a_terminal_would_obey_is_replaced(text: str) -> None:
    assert safe(text)[0] == REPLACEMENT
    assert safe(text).isprintable()


@given(any_text)
def test_documents_keep_their_line_feeds_and_nothing_else(text: str) -> None:
    lines = safe_lines(text).split("\n")
    assert len(lines) == len(text.split("\n"))
    assert all(line.isprintable() for line in lines)


@given(st.text(max_size=60), st.integers(0, 70))
def test_a_shortened_id_fits_the_width(identifier: str, width: int) -> None:
    assert len(shorten(identifier, width)) == min(width, len(identifier))


@given(st.text("0123456789abcdef-", min_size=5, max_size=60), st.integers(3, 59))
def test_a_shortened_id_keeps_both_ends(identifier: str, width: int) -> None:
    short = shorten(identifier, width)
    if len(identifier) <= width:
        assert short == identifier
    else:
        head, _, tail = short.partition("…")
        assert identifier.startswith(head)
        assert identifier.endswith(tail)
        assert 0 <= len(head) - len(tail) <= 1
