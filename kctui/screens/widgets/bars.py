"""The lines above and below the table: who and where, the tabs, the rule with a notice in it, the keys."""

from collections.abc import Callable, Mapping
from datetime import datetime

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from kctui.actions import ACTIONS, TABS, key_words, reason_against
from kctui.core.clock import now
from kctui.core.text import safe
from kctui.screens.state import ConsoleState

WIDE = 100
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
    """Account, region, operator, group, read-only, lock, and the age of what is shown."""

    def __init__(self, clock: Callable[[], datetime] = now) -> None:
        super().__init__()
        self._clock = clock

    def render(self) -> Content:
        """The line; narrow ones keep region, operator, lock and age."""
        state, account = self.state, self.state.account
        wide = self.size.width >= WIDE
        region = state.region or (account.region if account else "")
        where = [account.name, account.aws_account_id, region] if account and wide else [region]
        who = state.operator
        if wide and who and state.group:
            who = f"{who} @ {state.group}"
        parts = [Content.styled(" kctui", "bold $accent")]
        told = " · ".join(part for part in ([*where] if wide else [*where, who]) if part)
        parts.append(Content(safe(told or ("no CSP Account" if state.opened else "opening"))))
        right = [Content(safe(who))] if wide and who else []
        if state.read_only:
            right.append(Content.styled("READ-ONLY", "bold $warning"))
        if state.opened:
            right.append(Content("unlocked") if state.unlocked else Content.styled("locked", "$warning"))
        if state.as_of is not None:
            said = clock_words(state.as_of, self._clock())
            right.append(Content(f"as of {said}" if wide else said))
        gap = Content("   ")
        return spread(gap.join(parts), gap.join(right) + Content(" "), self.size.width)


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
