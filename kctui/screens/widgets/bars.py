"""The lines above and below the table: who and where, the tabs, the rule with a notice in it, the keys."""

from collections.abc import Callable, Mapping
from datetime import datetime

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from kctui.actions import ACTIONS, TABS, key_words, reason_against
from kctui.core.clock import now
from kctui.core.text import safe
from kctui.core.words import TokenState
from kctui.screens.state import ConsoleState
from kctui.screens.widgets.sections import STYLES

WIDE = 100
_GAP = Content("   ")
# What a narrow footer does without, in this order; the Actions menu still has it.
_LEFT_OUT_FIRST = (
    "copy_id",
    "describe",
    "disable",
    "enable",
    "upload",
    "test_account",
    "filter",
    "filter_by",
    "export_audit",
    "refresh",
)


def clock_words(moment: datetime, at: datetime) -> str:
    """The time, with the day where it is not today's. Always UTC, as everywhere in kctui."""
    return moment.strftime("%H:%M:%S" if moment.date() == at.date() else "%Y-%m-%d %H:%M") + " UTC"


def spread(left: Content, right: Content, width: int) -> Content:
    """Put two texts at the ends of a line; the left one is cut where it is too long."""
    room = max(0, width - right.cell_length - 1)
    if left.cell_length > room:
        left = left.truncate(room, ellipsis=True)
    return left + Content(" " * max(0, width - left.cell_length - right.cell_length)) + right


class Bar(Widget):
    """One line that shows the state."""

    DEFAULT_CSS = """
    Bar { height: 1; width: 1fr; background: $background; color: $foreground; }
    """

    state: reactive[ConsoleState] = reactive(ConsoleState())


class TitleBar(Bar):
    """Account, region, HSM, operator, group, read-only, lock, and the age of what is shown."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        super().__init__()
        self._clock = clock

    def render(self) -> Content:
        """The line; narrow ones keep region, HSM, operator, lock and age."""
        state, account, width = self.state, self.state.account, self.size.width
        wide = width >= WIDE
        region = state.region or (account.region if account else "")
        where = [account.name, account.aws_account_id, region] if account and wide else [region]
        told = [Content(safe(part)) for part in where if part]
        if not wide:
            told += [self._hsm()] if state.hsm else []
            told += [Content(safe(state.operator))] if state.operator else []
        left = _GAP.join(
            [
                Content.styled(" kctui", "bold $accent"),
                Content(" · ").join(told or [Content("no CSP Account" if state.opened else "opening")]),
            ]
        )
        who, group = (state.operator, state.group) if wide else ("", "")
        # What a line that is too long does without, one after the other; its left end is what tells where one is.
        rights = [
            self._right(f"{who} @ {group}" if who and group else who, "as of " if wide else "", "unlocked"),
            self._right(who, "as of " if wide else "", "unlocked"),
            self._right(who, "", "unlocked"),
            self._right(who, "", ""),
        ]
        fitting = [right for right in rights if left.cell_length + right.cell_length < width]
        return spread(left, (fitting or rights[-1:])[0], width)

    def _right(self, who: str, as_of: str, unlocked: str) -> Content:
        state = self.state
        right = [self._hsm()] if state.hsm and self.size.width >= WIDE else []
        if who:
            right.append(Content(safe(who)))
        if state.read_only:
            right.append(Content.styled("READ-ONLY", "bold $warning"))
        if state.opened and not state.unlocked:
            right.append(Content.styled("locked", "$warning"))
        elif state.opened and unlocked:
            right.append(Content(unlocked))
        if state.as_of is not None:
            right.append(Content(as_of + clock_words(state.as_of, self._clock())))
        return _GAP.join(right) + Content(" ")

    def _hsm(self) -> Content:
        """The HSM of what is looked at: its glyph, and the word where it is not simply there."""
        hsm = self.state.hsm
        if hsm is None:
            return Content()
        name = f"HSM {hsm.row.name}" if self.size.width >= WIDE else "HSM"
        words = hsm.state.glyph if hsm.state is TokenState.CONNECTED else hsm.state_words
        return Content(safe(name)) + Content(" ") + Content.styled(words, STYLES[hsm.tone])


class TabLine(Bar):
    """The tabs with their keys, and where the Actions menu is."""

    keys: reactive[Mapping[str, str]] = reactive({name: action.key for name, action in ACTIONS.items()})

    def render(self) -> Content:
        """The line; the tab that is shown is bold and underlined."""
        wide = self.size.width >= WIDE
        parts = [Content(" Actions ▾")]
        for number, tab in enumerate(TABS, 1):
            title = tab.words if wide else tab.short_words
            key = " ".join(key_words(self.keys[f"tab_{number}"])[:1])
            words = Content.styled(title, "bold underline $accent") if tab is self.state.tab else Content(title)
            parts.append(Content.styled(f"{key} ", "dim") + words)
        return Content("   " if wide else "  ").join(parts).truncate(self.size.width, ellipsis=True)


class NoticeRule(Bar):
    """The rule below the tabs. What goes on or went wrong stands in it, so that nothing moves."""

    def render(self) -> Content:
        """A rule, with a few words in it or without."""
        words, style = self._words()
        width = self.size.width
        if not words:
            return Content.styled("─" * width, "dim")
        told = Content.styled(safe(words), style).truncate(max(0, width - 6), ellipsis=True)
        line = Content.styled("── ", "dim") + told + Content(" ")
        return line + Content.styled("─" * max(0, width - line.cell_length), "dim")

    def _words(self) -> tuple[str, str]:
        state, account = self.state, self.state.unreachable
        if state.refreshing:
            return f"refreshing: {state.refreshing}", "$accent"
        if state.notice:
            return f"! {state.notice}", "$warning"
        if account is not None and account.unreachable_since is not None:
            since = account.unreachable_since.strftime("%Y-%m-%d %H:%M UTC")
            why = account.unreachable_reason or "no reason is known"
            return f"! AWS does not answer for {account.name} since {since}: {why}", "$warning"
        return "", ""


class KeyFooter(Bar):
    """The keys that work on this row, in this state."""

    keys: reactive[Mapping[str, str]] = reactive({name: action.key for name, action in ACTIONS.items()})

    def render(self) -> Content:
        """As many as fit; Actions, Create, Help and Quit always do."""
        items = [
            (name, Content.styled(key_words(self.keys[name])[0], "bold $accent") + f" {action.label}")
            for name, action in ACTIONS.items()
            if action.label and key_words(self.keys[name]) and reason_against(name, self.state) is None
        ]
        gap = "   " if self.size.width >= WIDE else "  "
        shown = dict(items)
        for name in _LEFT_OUT_FIRST:
            if len(gap.join(words.plain for words in shown.values())) < self.size.width:
                break
            shown.pop(name, None)
        return Content(" ") + Content(gap).join(shown.values())
