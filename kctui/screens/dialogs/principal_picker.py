"""Picking an IAM user or role, by typing a part of its name, path or ARN."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from kctui.core.errors import KctuiError
from kctui.core.text import safe, shorten
from kctui.screens.dialogs.base import Dialog, DialogButton, Failure
from kctui.screens.dialogs.fields import TextField
from kctui.screens.wording import number

if TYPE_CHECKING:
    from kctui.core.aws.principals import Principal, Principals
    from kctui.screens.dialogs.access_step import KnownPrincipals

MOST_SHOWN = 200
_KIND_WIDTH, _NAME_WIDTH = 5, 24
_WHAT = {"iam:ListUsers": "Users", "iam:ListRoles": "Roles"}


@dataclass
class PrincipalsRead(Message):
    """What IAM said."""

    principals: "Principals"


@dataclass
class PrincipalsFailed(Message):
    """IAM could not be asked."""

    error: KctuiError


class PrincipalPicker(Dialog[str | None]):
    """A search over users and roles. Dismissed with an ARN, or None. chosen: those that are in the list already."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move('cursor_down')", "Down", show=False),
        Binding("up", "move('cursor_up')", "Up", show=False),
        Binding("pagedown", "move('page_down')", "Page down", show=False),
        Binding("pageup", "move('page_up')", "Page up", show=False),
    ]
    DEFAULT_CSS = """
    PrincipalPicker OptionList { height: 1fr; width: 1fr; margin-top: 1; }
    PrincipalPicker .note { height: auto; width: 1fr; text-style: dim; }
    """

    def __init__(self, title: str, principals: "KnownPrincipals", chosen: Sequence[str]) -> None:
        super().__init__(title, "IAM users and roles")
        self._source = principals
        self._chosen = frozenset(chosen)
        self._search = TextField("search", "Search", example="a part of name, path or ARN")
        self._note = Static("", classes="note", markup=False)
        self._shown: list[Principal] = []

    def compose_body(self) -> ComposeResult:
        """The search, what is missing, and those that fit."""
        yield self._search
        yield self._note
        yield Failure()
        options = OptionList(markup=False)
        options.can_focus = False
        yield options

    def buttons(self) -> Iterable[DialogButton]:
        """Cancel, Add."""
        yield DialogButton("Cancel", "cancel", width=12)
        yield DialogButton("Add", "add", main=True, width=12)

    def on_mount(self) -> None:
        """Show what is known, or ask IAM."""
        self.hint("↑ ↓ choose   Enter adds   Esc back")
        self._search.input.focus()
        self.button("add").disabled = True
        if self._source.known is not None:
            self._show()
            return
        self._note.update("Asking IAM for the account's users and roles")
        self.run_worker(self._read, thread=True, name="principals", description="users and roles")

    def _read(self) -> None:
        try:
            self.post_message(PrincipalsRead(self._source.read()))
        except KctuiError as error:
            self.post_message(PrincipalsFailed(error))

    @on(PrincipalsRead)
    def _have_read(self, message: PrincipalsRead) -> None:
        self._show()

    @on(PrincipalsFailed)
    def _failed(self, message: PrincipalsFailed) -> None:
        self._note.update("Type the ARN into the list instead: Esc leads back to it.")
        self.query_one(Failure).show(message.error)

    @on(Input.Changed)
    def _typed(self) -> None:
        if self._source.known is not None:
            self._show()

    def _show(self) -> None:
        from kctui.core.aws.principals import matching

        known = self._source.known
        if known is None:
            return
        fitting = matching(known.found, self._search.value)
        self._shown = fitting[:MOST_SHOWN]
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options([self._option(each) for each in self._shown])
        options.highlighted = 0 if self._shown else None
        self.button("add").disabled = not self._shown
        self._note.update("\n".join(_notes(known, len(fitting))))

    def _option(self, principal: "Principal") -> Option:
        room = max(20, self.size.width - _KIND_WIDTH - _NAME_WIDTH - 14)
        mark = "✓" if principal.arn in self._chosen else " "
        name = shorten(safe(principal.name), _NAME_WIDTH)
        words = f"{mark} {principal.kind.value:<{_KIND_WIDTH}} {name:<{_NAME_WIDTH}} "
        return Option(Content(words) + Content.styled(shorten(safe(principal.arn), room), "dim"))

    def action_move(self, where: str) -> None:
        """Move in the list; the cursor stays in the search."""
        getattr(self.query_one(OptionList), f"action_{where}")()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self._take()

    def press(self, button: str) -> None:
        """Add it, or leave."""
        if button == "add":
            self._take()
        else:
            self.action_leave()

    def _take(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._shown):
            self.dismiss(self._shown[at].arn)


def _notes(known: "Principals", fitting: int) -> list[str]:
    """What is not listed and why, and how many fit."""
    lines = [
        f"{_WHAT[action]} are not listed: the credential may not call {action}. Type their ARN into the list."
        for action in known.denied
    ]
    total = len(known.found)
    if not total:
        return lines or ["The account has no users and no roles of its own."]
    count = f"{number(fitting)} of {number(total)}"
    if not fitting:
        count = f"None of {number(total)} fits; an ARN of another account can be typed into the list."
    elif fitting > MOST_SHOWN:
        count += f"; the first {MOST_SHOWN} are shown: type more of it"
    return [*lines, count]
