"""Remove Key Set: what it is and what happens, then its name, typed exactly."""

from typing import TYPE_CHECKING

from kctui.core.observer import Observer
from kctui.screens.dialogs.confirm import ConfirmDialog, Done, Panel, TypedName
from kctui.screens.hsm_wording import key_material

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.lists import KeySetRow

_WORDS = "The Key Set has no CloudKeys. Removing it changes nothing in AWS, and cannot be undone."


def remove_key_set_dialog(engine: "Engine", row: "KeySetRow") -> ConfirmDialog:
    """Ask for, and do, the removal of a Key Set. Refused when the row changed since it was read."""
    facts = [
        ("Key Set", row.name),
        ("Description", row.description or "–"),
        ("CSP Account", row.account),
        ("Key material", key_material(row.hsm)),
        ("Admin Group", row.group),
        ("CloudKeys", f"{row.cloud_keys:,}"),
    ]

    def remove(_observer: Observer) -> Done:
        from kctui.core.key_set_changes import remove_key_set

        remove_key_set(engine, row.id, confirmation=row.name, revision=row.revision)
        return Done(f"The Key Set {row.name} is removed")

    def refuse(typed: str) -> None:
        from kctui.core.key_set_changes import remove_key_set

        remove_key_set(engine, row.id, confirmation=typed, revision=row.revision)

    panel = Panel(_WORDS, facts, remove)
    return ConfirmDialog("Remove Key Set", row.account, "Remove", panel, name=TypedName("Key Set", row.name, refuse))
