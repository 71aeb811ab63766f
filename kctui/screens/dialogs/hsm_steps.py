"""The steps of an HSM: Details, PIN and Consent; and what its wizards have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from kctui.core.errors import InvalidInputError, KctuiError
from kctui.core.secret import Secret
from kctui.screens.dialogs.base import Facts
from kctui.screens.dialogs.fields import ChoiceField, SecretField, TextField
from kctui.screens.dialogs.wizard import KEYS_READ, Outcome, ResultStep, Step, Wizard
from kctui.screens.hsm_wording import can_words, probed_words
from kctui.screens.widgets.findings import Findings, FindingsTable

if TYPE_CHECKING:
    from kctui.core.hsms import HsmTest

PIN = (
    "The PIN with which kctui logs in to the token. It is tried once, and a wrong one never again by itself: a token "
    "locks after a few. It is kept sealed in the vault, and opens only for this token."
)
PIN_FORMS = "AWS CloudHSM: user:password of a crypto user. Elsewhere: the PIN of the user, not the security officer's."
CONSENT = (
    "Most HSMs need neither. What is said here is kept in the audit log, with who said it. It cannot be changed later: "
    "for that, the HSM is removed and added again."
)
SHA1 = (
    "Some tokens wrap key material for AWS with SHA-1 only (RSAES_OAEP_SHA_1). No attack on that is known, but many "
    "policies forbid SHA-1."
)
EXPORT = (
    "Some tokens let keys out that are marked as never to be let out. Whoever logs in to one can take its "
    "key-encryption key away, and so all key material under it."
)
_NEXT_PIN = "Find out the right one first: a token locks after a few wrong ones. Nothing was kept of this one."


@dataclass(frozen=True)
class HsmOutcome(Outcome):
    """What came of a test or of adding, with what the probe found."""

    findings: Findings | None = None


class HsmDetails(Step):
    """Which token. groups: the Admin Groups to choose from."""

    def __init__(self, groups: Sequence[str]) -> None:
        super().__init__("Details")
        self._groups = groups
        self.hsm_name = TextField("name", "Name", required=True)
        self.module = TextField(
            "module", "PKCS#11 module", required=True, example="/usr/lib/softhsm/libsofthsm2.so",
            hint="Its path, or its name in one of the usual folders.",
        )  # fmt: skip
        self.token_label = TextField(
            "token_label", "Token label", required=True, hint="As the vendor's tool shows it (pkcs11-tool -T)."
        )
        self.slot = TextField("slot", "Slot", example="only where several tokens have the label")
        self.init_args = TextField("init_args", "Init args", example="only for NSS: configdir='sql:/etc/nssdb' …")
        self._group_choice = (
            ChoiceField("group", "Admin Group", [(name, name) for name in groups]) if len(groups) > 1 else None
        )

    def compose(self) -> ComposeResult:
        """The fields."""
        yield self.hsm_name
        yield self.module
        yield self.token_label
        yield self.slot
        yield self.init_args
        yield self._group_choice or Facts([("Admin Group", "".join(self._groups))])

    @property
    def group(self) -> str | None:
        """The Admin Group, where there is a choice."""
        return self._group_choice.value if self._group_choice else None

    @property
    def slot_number(self) -> int | None:
        """The slot. Raises InvalidInputError."""
        if not self.slot.value:
            return None
        if not (self.slot.value.isascii() and self.slot.value.isdigit()):
            raise InvalidInputError(
                "That is no slot", remedy="It is a number, as the vendor's tool shows it.", field="slot"
            )
        return int(self.slot.value)

    def check(self) -> None:
        """What can be said without the token."""
        from kctui.core.hsms import check_token_label
        from kctui.core.keyring import check_name
        from kctui.core.pkcs11.module import resolve

        check_name(self.hsm_name.value, "an HSM")
        if not self.module.value:
            raise InvalidInputError("The PKCS#11 module is not named", field="module")
        resolve(self.module.value)
        check_token_label(self.token_label.value)
        _ = self.slot_number


class PinStep(Step):
    """The PIN. A refused one is forgotten; until then a second try does not need it typed again."""

    def __init__(self) -> None:
        super().__init__("PIN")
        self._field = SecretField("pin", "PIN", required=True)

    def compose(self) -> ComposeResult:
        """What happens with it, and the field."""
        yield Static(PIN, classes="words", markup=False)
        yield Static(PIN_FORMS, classes="words", markup=False)
        yield self._field

    def pin(self) -> Secret:
        """A copy for one use: whoever gets it wipes it."""
        return self._field.secret()

    def forget(self) -> None:
        """Empty the field."""
        self._field.forget()
        self._field.input.value = ""
        self._field.hint(Content())

    def check(self) -> None:
        """One must have been typed."""
        if not self._field.filled:
            raise InvalidInputError("The PIN is empty", remedy="An empty PIN would count as a wrong one.", field="pin")


class ConsentStep(Step):
    """What is used only by somebody's leave."""

    DEFAULT_CSS = """
    ConsentStep > Static { height: auto; width: 1fr; }
    ConsentStep > .sentence { text-style: none; }
    ConsentStep > ChoiceField { margin-bottom: 1; }
    """

    def __init__(self) -> None:
        super().__init__("Consent")
        self.sha1 = ChoiceField(
            "sha1", "SHA-1", [("No: such a token is not added", False), ("Yes: where nothing else works", True)]
        )
        self.export = ChoiceField(
            "export", "Key export", [("No: such a token is not added", False), ("Yes: add it all the same", True)]
        )

    def compose(self) -> ComposeResult:
        """A sentence and a choice for each."""
        yield Static(CONSENT, classes="words", markup=False)
        yield Static(SHA1, markup=False)
        yield self.sha1
        yield Static(EXPORT, markup=False)
        yield self.export


class HsmWizard(Wizard):
    """A wizard that logs in to a token, and ends with what a probe found of it."""

    result_title = "Test"

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.pin_step = PinStep()

    def result_parts(self) -> Iterable[Widget]:
        """The table below what was made."""
        yield FindingsTable()

    def go_on(self) -> None:
        """Begin without what an earlier try found."""
        self.query_one(FindingsTable).show(None)
        super().go_on()

    def done(self, result: object) -> None:
        """Show the table too."""
        super().done(result)
        if isinstance(result, HsmOutcome):
            self.query_one(FindingsTable).show(result.findings)
            self.call_after_refresh(self._say_how_to_read)

    def _say_how_to_read(self) -> None:
        result = self.query_one(ResultStep)
        result.scroll_home(animate=False)
        self.hint(KEYS_READ if result.show_vertical_scrollbar else "")

    def failed(self, error: KctuiError) -> None:
        """A refused PIN is never tried again: it is forgotten, and another asked for."""
        from kctui.core.pkcs11.errors import LoginFaultError, PinLockedError, PinRefusedError

        if isinstance(error, PinRefusedError | PinLockedError | LoginFaultError):
            self.pin_step.forget()
        if isinstance(error, PinRefusedError):
            self.point_out(InvalidInputError(error.title, remedy=_NEXT_PIN, field="pin"))
        else:
            super().failed(error)


def tested(name: str, test: "HsmTest", *, sha1: bool, now: datetime, title: str, row_id: str) -> HsmOutcome:
    """What to show of a test."""
    findings = Findings.of(test.conformance, sha1=sha1)
    token = test.token
    export = "! exports keys marked non-extractable" if test.conformance.exports else "lets no non-extractable key out"
    facts = [
        ("HSM", name),
        ("Token", f"{token.named} · {token.model} · firmware {token.firmware}"),
        ("Library", test.library),
        ("Key export", export),
        ("Probed", probed_words(test.probed_at, now, just_now=test.probed_now)),
        ("Works", findings.works),
        ("Limits", can_words(test.conformance, sha1=sha1)),
    ]
    return HsmOutcome(row_id, title, facts, findings)
