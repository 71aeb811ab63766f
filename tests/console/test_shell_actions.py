"""The registry of actions: whole, without clashes, and heeding the state."""

from dataclasses import replace

import pytest

from kctui.actions import ACTIONS, key_words, keymap, reason_against
from kctui.screens.main import MainScreen
from kctui.screens.state import ConsoleState, Tab

OPEN = ConsoleState(opened=True, unlocked=True)


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_can_be_done(name: str) -> None:
    assert callable(getattr(MainScreen, f"do_{name}"))


def test_no_key_stands_for_two_actions() -> None:
    assert keymap({})[1] == []


@pytest.mark.parametrize("name", [name for name, action in ACTIONS.items() if action.mutates])
def test_read_only_refuses_every_action_that_changes_something(name: str) -> None:
    assert reason_against(name, replace(OPEN, read_only=True)) == "kctui runs read-only"


@pytest.mark.parametrize("name", ["help", "quit", "palette", "menu"])
def test_help_and_quit_work_before_the_home_is_open(name: str) -> None:
    assert reason_against(name, ConsoleState()) is None


def test_everything_else_waits_for_the_home() -> None:
    assert reason_against("filter", ConsoleState()) == "kctui is still opening its home"


def test_an_action_on_a_cloud_key_needs_one() -> None:
    assert reason_against("upload", replace(OPEN, tab=Tab.CLOUD_KEYS)) == "choose a CloudKey first"


def test_the_steps_come_in_order() -> None:
    assert reason_against("create_cloud_key", OPEN) == "add a CSP Account first"


def test_keys_read_as_on_the_keyboard() -> None:
    assert key_words("slash,ctrl+p,enter") == ["/", "^p", "Enter"]
