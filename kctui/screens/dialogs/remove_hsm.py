"""Remove HSM: what uses it and what stays on its token, then its name, typed exactly."""

from typing import TYPE_CHECKING

from kctui.core.errors import RefusedError
from kctui.core.observer import Observer
from kctui.screens.dialogs.confirm import ConfirmDialog, Done, Panel, TypedName
from kctui.screens.hsm_wording import use_words

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import HsmRow

_WORDS = (
    "kctui forgets the HSM and its sealed PIN. The key-encryption key stays on the token until somebody deletes it "
    "there with the vendor's tool. This cannot be undone."
)


def remove_hsm_dialog(engine: "Engine", row: "HsmRow") -> ConfirmDialog:
    """Ask for, and do, the removal of an HSM. Refused while anything uses it, or when the row changed."""
    facts = (
        ("HSM", row.name),
        ("Token", f"{row.token_label}, serial {row.token_serial or 'none'}"),
        ("Key on it", f"kctui {row.name}, id {row.kek_id}"),
        ("Used by", use_words(row)),
    )

    def remove(_observer: Observer) -> Done:
        _remove(engine, row, row.name)
        return Done(f"The HSM {row.name} is removed")

    refusal = None
    if row.key_sets or row.versions:
        refusal = RefusedError(
            f"{row.name} is in use",
            detail=f"It is used by {use_words(row)}. Without its key nothing of that can be uploaded again.",
            remedy="Only an HSM without Key Sets can be removed.",
        )
    panel = Panel(_WORDS, facts, remove, refusal=refusal)
    name = TypedName("HSM", row.name, lambda typed: _remove(engine, row, typed))
    return ConfirmDialog("Remove HSM", row.token_label, "Remove", panel, name=name)


def _remove(engine: "Engine", row: "HsmRow", typed: str) -> None:
    from kctui.core.hsm_changes import remove_hsm

    remove_hsm(engine, row.id, confirmation=typed, revision=row.revision)
