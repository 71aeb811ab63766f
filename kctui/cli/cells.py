"""Text in a terminal's cells: how wide it is, and how it is cut to fit."""

import unicodedata

_WIDE = {"W", "F"}
_NO_WIDTH = {"Mn", "Me", "Cf"}


def cell_width(text: str) -> int:
    """How many cells a terminal gives to `text`: East Asian wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Fill `text` with spaces to `width` cells."""
    space = " " * max(0, width - cell_width(text))
    return space + text if right else text + space


def cut_end(text: str, width: int) -> str:
    """Cut `text` to `width` cells, with an ellipsis at its end where something is missing."""
    if cell_width(text) <= width:
        return text
    if width <= 0:
        return ""
    return _fitting(text, width - 1) + "…"


def cut_middle(text: str, width: int) -> str:
    """Cut `text` to `width` cells in its middle: both ends tell ids and ARNs apart."""
    if cell_width(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    head = _fitting(text, width // 2)
    tail = _fitting(text[::-1], width - 1 - cell_width(head))[::-1]
    return f"{head}…{tail}"


def _fitting(text: str, width: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += _character_width(character)
        if used > width:
            return text[:index]
    return text


def _character_width(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1
