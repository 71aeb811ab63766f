"""Add HSM: a token is logged in to once, probed, and given a key-encryption key, before anything is kept."""

import importlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, RefusedError
from kctui.core.observer import Observer
from kctui.screens.dialogs.fields import at_field
from kctui.screens.dialogs.hsm_steps import ConsentStep, HsmDetails, HsmOutcome, HsmWizard
from kctui.screens.dialogs.wizard import Outcome, Step
from kctui.screens.hsm_wording import can_words
from kctui.screens.widgets.findings import Findings

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.hsms import NewHsm

_CONSENTS = {"sha1": "SHA-1", "export": "Key export"}


class AddHsmWizard(HsmWizard):
    """Adds an HSM. group: the Admin Group, where that is given already."""

    def __init__(self, engine: "Engine", group: str | None = None) -> None:
        super().__init__("Add HSM")
        self._engine = engine
        groups = engine.keyring.groups.values() if engine.unlocked else ()
        self._group = group
        self._details = HsmDetails([group] if group else [each.name for each in groups])
        self._consent = ConsentStep()

    def steps(self) -> Sequence[Step]:
        """Which token, how to log in, and what is consented to."""
        return [self._details, self.pin_step, self._consent]

    def on_mount(self) -> None:
        """Load python-pkcs11 meanwhile: Details asks for its module."""
        super().on_mount()
        self.run_worker(_load, thread=True, name="pkcs11", description="PKCS#11")

    def work(self) -> Callable[[Observer], Outcome]:
        """Add it, and say what its token can do."""
        from kctui.core.hsms import NewHsm

        details, engine = self._details, self._engine
        new = NewHsm(
            name=details.hsm_name.value,
            module=details.module.value,
            token_label=details.token_label.value,
            pin=self.pin_step.pin(),
            slot=details.slot_number,
            init_args=details.init_args.value or None,
            group=self._group or details.group,
            sha1=self._consent.sha1.value,
            export=self._consent.export.value,
        )
        return lambda observer: _add(engine, new, observer)


def _load() -> None:
    importlib.import_module("kctui.core.hsms")


def _add(engine: "Engine", new: "NewHsm", observer: Observer) -> HsmOutcome:
    from kctui.core.hsm_consents import ConsentMissingError
    from kctui.core.hsms import add_hsm, check_new_hsm
    from kctui.core.pkcs11.findings import Conformance

    try:
        try:
            check_new_hsm(engine, new)
        except ConflictError as error:
            raise at_field(InvalidInputError(error.title, remedy=error.remedy), "name") from error
        try:
            hsm = add_hsm(engine, new, observer)
            # The login of adding is closed; from now on there is one that the header knows of.
            with suppress(KctuiError):
                engine.tokens.check(hsm)
        except ConsentMissingError as error:
            remedy = f"Where that is acceptable: Back, and Yes at {_CONSENTS[error.consent]}. Nothing was kept."
            raise RefusedError(error.title, detail=error.detail, remedy=remedy) from error
    finally:
        new.pin.wipe()
    conformance = Conformance.from_json(hsm.conformance)
    findings = Findings.of(conformance, sha1=hsm.sha1_allowed)
    export = "! exports keys marked non-extractable" if conformance.exports else "lets no non-extractable key out"
    facts = [
        ("HSM", hsm.name),
        ("Token", f"{hsm.token_label} · serial {hsm.token_serial or 'none'} · {hsm.token_model}"),
        ("Module", hsm.module),
        ("Key-encryption key", f"AES-256 on the token, {hsm.kek_id}"),
        ("Key export", export),
        ("Works", findings.works),
        ("Limits", can_words(conformance, sha1=hsm.sha1_allowed)),
    ]
    return HsmOutcome(hsm.id, f"HSM {hsm.name} is added", facts, findings)
