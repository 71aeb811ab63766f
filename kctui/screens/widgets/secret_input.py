"""A field for a secret: nothing can be copied out of it, and reading it empties it."""

from kctui.core.secret import Secret
from kctui.screens.widgets.type_ahead import TypeAheadInput


class SecretInput(TypeAheadInput):
    """A password field. `take` gives what was typed and empties the field; messages never carry the value."""

    ALLOW_SELECT = False

    def __init__(
        self,
        *,
        placeholder: str = "",
        id: str | None = None,  # noqa: A002 -- Textual's own name
        classes: str | None = None,
    ) -> None:
        super().__init__(
            password=True,
            placeholder=placeholder,
            suggester=None,
            select_on_focus=False,
            id=id,
            classes=classes,
        )

    @property
    def selected_text(self) -> str:
        """Nothing: what is selected here is not for the clipboard."""
        return ""

    def take(self) -> Secret:
        """Give the secret as typed, and empty the field."""
        secret = Secret(self.value)
        self.value = ""
        return secret

    @property
    def filled(self) -> bool:
        """Whether anything has been typed."""
        return bool(self.value)

    def action_copy(self) -> None:
        """Do nothing: a secret does not go to the clipboard."""

    def action_cut(self) -> None:
        """Do nothing: a secret does not go to the clipboard."""

    async def action_submit(self) -> None:
        """Say that Enter was pressed, without the value in the message."""
        self.post_message(self.Submitted(self, ""))
