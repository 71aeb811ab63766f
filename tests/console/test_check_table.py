"""The table of rows to check: every key that it knows, and that thousands of rows cost nothing."""

import time
from dataclasses import dataclass

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from kctui.screens.widgets.check_table import CheckTable
from kctui.screens.widgets.columns import Column
from tests.console.dialog_driver import seen


@dataclass(frozen=True)
class Row:
    name: str
    refused: bool = False


class TableApp(App[None]):
    def __init__(self, *rows: Row) -> None:
        super().__init__()
        self.rows = rows

    def compose(self) -> ComposeResult:
        columns = (Column[Row]("name", "Name", 20, lambda row: row.name),)
        yield CheckTable[Row](columns, lambda row: row.refused)

    def on_mount(self) -> None:
        self.table.show(self.rows)
        self.table.focus()

    @property
    def table(self) -> CheckTable[Row]:
        return self.query_one(CheckTable)

    @property
    def chosen(self) -> list[str]:
        return [row.name for row in self.table.chosen]


def many(count: int) -> list[Row]:
    return [Row(f"key-{number:04}") for number in range(count)]


async def test_space_checks_and_goes_on_and_a_second_time_takes_it_back() -> None:
    app = TableApp(*many(5))
    async with app.run_test() as pilot:
        await pilot.press("space", "space")
        assert app.chosen == ["key-0000", "key-0001"]
        await pilot.press("up", "space")
        assert app.chosen == ["key-0000"]


async def test_a_row_that_cannot_be_checked_is_passed_over() -> None:
    app = TableApp(Row("one"), Row("two", refused=True), Row("three"))
    async with app.run_test() as pilot:
        await pilot.press("down", "space")
        assert app.chosen == []
        await pilot.press("a")
        assert app.chosen == ["one", "three"]
        assert " –   two" in seen(pilot)
        await pilot.press("a")
        assert app.chosen == []


async def test_two_equal_rows_are_two() -> None:
    app = TableApp(Row("same"), Row("same"))
    async with app.run_test() as pilot:
        await pilot.press("down", "space")
        assert app.table.checked == {1}
        assert [line.strip() for line in seen(pilot).splitlines()[1:3]] == ["[ ]  same", "▌[x]  same"]


async def test_an_empty_table_takes_every_key() -> None:
    app = TableApp()
    async with app.run_test() as pilot:
        await pilot.press("down", "up", "space", "a", "G", "g", "pagedown", "pageup", "enter")
        assert (app.chosen, app.table.row) == ([], None)


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (("j", "j", "k"), "key-0001"),
        (("G",), "key-1999"),
        (("end", "home"), "key-0000"),
        (("pagedown",), "key-0022"),
        (("pagedown", "pageup"), "key-0000"),
        (("up",), "key-0000"),
        (("G", "down"), "key-1999"),
    ],
)
async def test_the_cursor_goes_where_the_keys_say_and_is_seen(keys: tuple[str, ...], name: str) -> None:
    app = TableApp(*many(2000))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press(*keys)
        assert app.table.row == Row(name)
        assert name in _cursor_line(pilot)


async def test_thousands_of_rows_are_shown_and_checked_at_once() -> None:
    rows = many(20_000)
    app = TableApp(*rows)
    async with app.run_test(size=(120, 40)) as pilot:
        begun = time.monotonic()
        app.table.show(rows)
        app.table.action_check_all()
        app.table.action_go(-1)
        await pilot.pause()
        took = time.monotonic() - begun
        assert (len(app.chosen), "key-19999" in seen(pilot)) == (20_000, True)
        assert took < 1


async def test_a_smaller_terminal_keeps_the_cursor_in_sight() -> None:
    app = TableApp(*many(100))
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.press("pagedown")
        await pilot.resize_terminal(80, 12)
        await pilot.pause()
        assert "▌" in seen(pilot)


def _cursor_line(pilot: Pilot[None]) -> str:
    return next(line for line in seen(pilot).splitlines() if line.startswith("▌"))
