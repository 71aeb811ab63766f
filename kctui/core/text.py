"""The one function that makes foreign text safe for a terminal."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def safe(text: str) -> str:
    """Replace every character that is not printable: ESC, C0 and C1 controls, bidi overrides, line breaks.

    Aliases, descriptions, tags, HSM labels and AWS messages are written by others. Raw, they could
    retitle the terminal, fill the clipboard (OSC 52) or redraw a confirmation.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else REPLACEMENT for c in text)


def safe_lines(text: str) -> str:
    """As `safe`, but line feeds stay: for documents such as a key policy."""
    return "\n".join(safe(line) for line in text.split("\n"))


def shorten(identifier: str, width: int) -> str:
    """Shorten an id in the middle to `width` characters: both ends tell ids apart, the middle does not."""
    if len(identifier) <= width:
        return identifier
    if width <= 1:
        return "…"[:width]
    head = (width - 1 + 1) // 2
    tail = width - 1 - head
    return identifier[:head] + "…" + (identifier[-tail:] if tail else "")
