"""The step of Create Key Set that says where key material comes from: software, or one of the HSMs."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from kctui.core.text import safe
from kctui.screens.dialogs.base import DialogButton
from kctui.screens.dialogs.fields import Field
from kctui.screens.dialogs.wizard import Step
from kctui.screens.hsm_wording import HsmSeen
from kctui.screens.widgets.columns import fit
from kctui.screens.widgets.sections import STYLES

NO_HSM = (
    "Key material of this Key Set is made in software, on this host, with the operating system's random "
    "generator. It is kept sealed in the vault, under the key of the Admin Group, and leaves it only wrapped "
    "to AWS's own import key."
)
IN_HSM = (
    "Key material of this Key Set is made in the HSM. The vault keeps it wrapped under a key that never leaves the "
    "token, and it goes to AWS wrapped to AWS's own import key, inside the HSM: kctui itself never has it."
)
FOR_GOOD = "This cannot be changed later."
_NONE = "None: software, this host"
_NAME, _TOKEN = 18, 15


class HsmStep(Step):
    """Pick an HSM, add one, or do without."""

    keys = "Enter: go on   Tab: add an HSM"
    DEFAULT_CSS = """
    HsmStep > Field > Horizontal > OptionList { width: 1fr; height: auto; max-height: 11; }
    HsmStep > Horizontal { height: 1; margin-top: 1; }
    HsmStep > Horizontal > .label { width: 23; }
    HsmStep > .told { height: 5; width: 1fr; margin-top: 1; }
    """

    def __init__(self) -> None:
        super().__init__("HSM")
        self._list = OptionList(compact=True)
        self._all: tuple[HsmSeen, ...] = ()
        self._shown: Sequence[HsmSeen] = ()
        self._group: str | None = None
        self._told = Static("", classes="told", markup=False)

    def compose(self) -> ComposeResult:
        """The HSMs, the way to another, and what the choice means."""
        yield Field("hsm", "HSM", self._list, required=True)
        with Horizontal():
            yield Static("", classes="label")
            yield DialogButton("Add HSM", "add-hsm")
        yield self._told

    def on_mount(self) -> None:
        """Until the HSMs are read there is but one thing to choose."""
        self._offer(None)

    @property
    def chosen(self) -> str | None:
        """The name of the HSM under the cursor; None for software."""
        place = self._list.highlighted or 0
        return self._shown[place - 1].row.name if place else None

    def offer(self, hsms: tuple[HsmSeen, ...], choose: str | None) -> None:
        """Show these HSMs, with the cursor on the wanted one."""
        self._all = hsms
        self._offer(next((hsm.row.name for hsm in hsms if hsm.row.id == choose), self.chosen))

    def offer_to(self, group: str | None) -> None:
        """Show only the HSMs of this Admin Group; None for all."""
        if group != self._group:
            self._group = group
            self._offer(self.chosen)

    def _offer(self, choose: str | None) -> None:
        self._shown = [hsm for hsm in self._all if self._group in {None, hsm.row.group}]
        names = [hsm.row.name for hsm in self._shown]
        self._list.clear_options()
        self._list.add_options([Option(Content(f"  {_NONE}")), *(Option(_hsm_lines(hsm)) for hsm in self._shown)])
        self._list.highlighted = names.index(choose) + 1 if choose in names else 0

    @on(OptionList.OptionHighlighted)
    def _tell(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._told.update(f"{IN_HSM if self.chosen else NO_HSM} {FOR_GOOD}")


def _hsm_lines(hsm: HsmSeen) -> Content:
    state = Content.styled(safe(hsm.state_words), STYLES[hsm.tone])
    first = Content(f"  {fit(hsm.row.name, _NAME)}  {fit(hsm.row.token_label, _TOKEN)}  ") + state
    return Content("\n").join([first, Content.styled(f"    {safe(hsm.can)}", "dim")])
