"""An input whose Enter and Tab take effect before the next key does.

On a slow line keys arrive in bunches. Textual lets these two go round by the application while the keys behind them
are still given to the field that had the focus: what was typed for the next field, a secret even, would stand in this
one.
"""

from textual import events
from textual.widgets import Input


class TypeAheadInput(Input):
    """Enter is given to the screen's `entered`, and Tab moves, at once; keys that are behind them follow the focus."""

    async def _on_key(self, event: events.Key) -> None:
        focused = self.screen.focused
        if focused is not None and focused is not self:
            event.stop()
            event.prevent_default()
            # Another event: this one is marked as dealt with.
            focused._forward_event(events.Key(event.key, event.character))
        elif (event.key == "enter" and self._entered()) or self._moved(event.key):
            event.stop()
            event.prevent_default()

    def _on_paste(self, event: events.Paste) -> None:
        focused = self.screen.focused
        if focused is not None and focused is not self:
            event.stop()
            event.prevent_default()
            focused._forward_event(events.Paste(event.text))

    def _moved(self, key: str) -> bool:
        """Move the focus for Tab."""
        if key == "tab":
            self.screen.focus_next()
        elif key == "shift+tab":
            self.screen.focus_previous()
        else:
            return False
        return True

    def _entered(self) -> bool:
        """Let the screen go on from this field. False where it leaves that to `Input.Submitted`."""
        entered = getattr(self.screen, "entered", None)
        return bool(entered is not None and entered(self))
