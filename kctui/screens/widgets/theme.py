"""The look: the terminal's own colours, one accent, one for danger, one for what needs attention."""

import os

from textual.theme import Theme

# ANSI colours are the terminal's: they follow the administrator's own scheme, light or dark, and need fewer
# bytes on a slow line than 24-bit ones.
KCTUI_THEME = Theme(
    name="kctui",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_cyan",
    accent="ansi_cyan",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        "border": "ansi_cyan",
        "border-blurred": "ansi_bright_black",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_cyan",
        "block-cursor-text-style": "none",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
        "input-selection-background": "ansi_cyan",
        "input-selection-foreground": "ansi_black",
        "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_cyan",
        "scrollbar-active": "ansi_cyan",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
        "footer-key-foreground": "ansi_cyan",
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
    },
)

_POOR_TERMINALS = ("", "dumb", "linux", "vt100", "vt102", "vt220", "ansi", "cons25", "sun")


def plain_terminal() -> bool:
    """Whether the user asked for no colour (NO_COLOR) or the terminal has hardly any."""
    return "NO_COLOR" in os.environ or os.environ.get("TERM", "") in _POOR_TERMINALS
