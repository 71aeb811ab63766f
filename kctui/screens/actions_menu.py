"""The Actions menu: everything that can be done, and beside what cannot be done now, why."""

from collections.abc import Mapping

from kctui.actions import ACTIONS, key_words, reason_against
from kctui.screens.choice import Choice, ChoiceScreen
from kctui.screens.state import ConsoleState


def actions_menu(state: ConsoleState, keys: Mapping[str, str]) -> ChoiceScreen:
    """Make the menu for a state. It gives the name of the chosen action."""
    choices = []
    for name, action in ACTIONS.items():
        if action.menu:
            key = (key_words(keys[name]) or [""])[0]
            reason = reason_against(name, state)
            choices.append(Choice(name, f"{key:<6}{action.title}", action.description, reason))
    return ChoiceScreen("Actions", choices)
