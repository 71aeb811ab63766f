"""The table holds a window of rows, finds its way in any list, and asks a long one for as little as a short one."""

import contextlib
import shutil
import time
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlmodel import select
from textual.app import App, ComposeResult
from textual.content import Content
from textual.pilot import Pilot

from kctui.core.engine import Engine
from kctui.core.lists import CloudKeyList, CloudKeyQuery, CloudKeyRow
from kctui.core.model import CloudKey, KeyVersion
from kctui.core.paging import Cursor, Page
from kctui.core.paths import Home
from kctui.screens.widgets.columns import Column, Tone, fit, lay_out
from kctui.screens.widgets.row_table import RowTable
from kctui.screens.widgets.window import MOST_ROWS, PAGE_ROWS
from tests.console.conftest import seed

MANY = 100_000


class Recorded(CloudKeyList):
    """The list of the core, and how many rows it was asked for."""

    def __init__(self, engine: Engine, query: CloudKeyQuery | None = None) -> None:
        super().__init__(engine.store, query or CloudKeyQuery())
        self.limits: list[int] = []

    def page(
        self,
        *,
        after: Cursor | None = None,
        before: Cursor | None = None,
        last: bool = False,
        limit: int = 200,
    ) -> Page[CloudKeyRow]:
        self.limits.append(limit)
        return super().page(after=after, before=before, last=last, limit=limit)


class Host(App[None]):
    """A table alone."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = RowTable[CloudKeyRow](
            (
                Column("name", "Name", 10, lambda row: row.name, grow=1),
                Column("told", "Description", 12, lambda row: row.description, from_width=60),
            ),
            lambda row: row.id,
        )
        self.rows.empty = [Content("Nothing here.")]

    def compose(self) -> ComposeResult:
        yield self.rows


def fill(engine: Engine, count: int) -> None:
    """Leave these CloudKeys only: key-000000, key-000001 and so on."""
    with engine.store.write() as session:
        connection = session.connection()
        template = session.exec(select(CloudKey).limit(1)).one().model_dump()
        # The versions would hold on to the CloudKeys.
        connection.execute(sa.delete(KeyVersion))
        connection.execute(sa.delete(CloudKey))
        rows = [
            {
                **template,
                "id": f"{i:032x}",
                "name": f"key-{i:06}",
                "alias": f"alias/key-{i:06}",
                "kms_key_id": f"{i:036}",
            }
            for i in range(count)
        ]
        if rows:
            connection.execute(sa.insert(CloudKey), rows)


@pytest.fixture(scope="module")
def long_home(template_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a hundred thousand CloudKeys; nobody writes to it."""
    home = Home(tmp_path_factory.mktemp("long") / "home")
    shutil.copytree(template_home.root, home.root, copy_function=shutil.copy2)
    seed(home)
    with Engine.open(home) as engine:
        fill(engine, MANY)
    return home


@pytest.fixture
def seeded_engine(seeded: Home) -> "contextlib.AbstractContextManager[Engine]":
    return contextlib.closing(Engine.open(seeded))


def fastest_page(engine: Engine) -> float:
    """How long the first page takes when nothing else is in the way."""
    source = Recorded(engine)
    times = []
    for _ in range(9):
        begun = time.perf_counter()
        source.page(limit=PAGE_ROWS)
        times.append(time.perf_counter() - begun)
    return min(times)


@contextlib.asynccontextmanager
async def shown(
    engine: Engine, source: Recorded | None = None, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Host, Pilot[None]]]:
    app = Host()
    async with app.run_test(size=size) as pilot:
        app.rows.focus()
        app.rows.show(source or Recorded(engine))
        await settle(pilot)
        yield app, pilot


async def settle(pilot: Pilot[None]) -> None:
    for _ in range(4):
        await pilot.pause()
        await pilot.app.workers.wait_for_complete()
    await pilot.pause()


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def name(app: Host) -> str:
    assert app.rows.row is not None
    return app.rows.row.name


def lines(app: Host) -> list[str]:
    return [app.rows.render_line(y).text.rstrip() for y in range(app.rows.size.height)]


async def test_opens_100_000_rows_with_the_rows_of_one_page(long_home: Home) -> None:
    with Engine.open(long_home) as engine:
        source = Recorded(engine)
        async with shown(engine, source) as (app, _):
            assert (source.limits, app.rows.count, name(app)) == ([PAGE_ROWS], MANY, "key-000000")


def test_the_first_page_of_100_000_rows_takes_no_longer_than_one_of_a_few(
    long_home: Home, seeded_engine: contextlib.closing[Engine]
) -> None:
    with Engine.open(long_home) as long_engine, seeded_engine as engine:
        fill(engine, PAGE_ROWS + 1)
        assert fastest_page(long_engine) < 3 * fastest_page(engine)


async def test_end_goes_to_the_last_row_with_one_page(seeded_engine: contextlib.closing[Engine]) -> None:
    with seeded_engine as engine:
        fill(engine, 2_000)
        source = Recorded(engine)
        async with shown(engine, source) as (app, pilot):
            await press(pilot, "G")
            assert (name(app), source.limits) == ("key-001999", [PAGE_ROWS, PAGE_ROWS])


async def test_end_knows_its_place_in_the_whole_list(seeded_engine: contextlib.closing[Engine]) -> None:
    with seeded_engine as engine:
        fill(engine, 2_000)
        async with shown(engine) as (app, pilot):
            await press(pilot, "end")
            assert app.rows.position == 1_999


async def test_home_comes_back_from_the_end(seeded_engine: contextlib.closing[Engine]) -> None:
    with seeded_engine as engine:
        fill(engine, 2_000)
        async with shown(engine) as (app, pilot):
            await press(pilot, "G")
            await press(pilot, "g")
            assert (name(app), app.rows.position) == ("key-000000", 0)


async def test_paging_down_goes_through_every_row_in_order(seeded_engine: contextlib.closing[Engine]) -> None:
    with seeded_engine as engine:
        fill(engine, 350)
        async with shown(engine, size=(80, 52)) as (app, pilot):
            seen: list[str] = []
            for _ in range(8):
                seen += [row.name for row in app.rows.visible_rows if row.name not in seen]
                await press(pilot, "pagedown")
            assert seen == [f"key-{i:06}" for i in range(350)]


async def test_paging_up_from_the_end_arrives_at_the_first_row(seeded_engine: contextlib.closing[Engine]) -> None:
    with seeded_engine as engine:
        fill(engine, 350)
        async with shown(engine, size=(80, 52)) as (app, pilot):
            await press(pilot, "G")
            for _ in range(8):
                await press(pilot, "pageup")
            assert (name(app), app.rows.position) == ("key-000000", 0)


async def test_a_long_way_down_holds_no_more_than_the_window(seeded_engine: contextlib.closing[Engine]) -> None:
    with seeded_engine as engine:
        fill(engine, 1_500)
        async with shown(engine, size=(80, 102)) as (app, pilot):
            for _ in range(12):
                await press(pilot, "pagedown")
            assert (name(app), len(app.rows._window.rows)) == ("key-001200", MOST_ROWS)


@pytest.mark.parametrize("keys", [("j", "j", "k"), ("down", "down", "up")])
async def test_arrows_and_letters_move(seeded_engine: contextlib.closing[Engine], keys: tuple[str, ...]) -> None:
    with seeded_engine as engine:
        fill(engine, 10)
        async with shown(engine) as (app, pilot):
            await press(pilot, *keys)
            assert name(app) == "key-000001"


async def test_reading_again_keeps_the_cursor_on_its_row(seeded_engine: contextlib.closing[Engine]) -> None:
    with seeded_engine as engine:
        fill(engine, 30)
        async with shown(engine) as (app, pilot):
            await press(pilot, *["j"] * 7)
            with engine.store.write() as session:
                first = session.exec(select(CloudKey).where(CloudKey.name == "key-000000")).one()
                session.delete(first)
            app.rows.read_again()
            await settle(pilot)
            assert name(app) == "key-000007"


async def test_reading_again_far_down_keeps_the_cursor_on_its_row(
    seeded_engine: contextlib.closing[Engine],
) -> None:
    with seeded_engine as engine:
        fill(engine, 1_500)
        async with shown(engine, size=(80, 102)) as (app, pilot):
            for _ in range(12):
                await press(pilot, "pagedown")
            app.rows.read_again()
            await settle(pilot)
            assert (name(app), app.rows.position) == ("key-001200", 1_200)


async def test_a_new_row_in_the_middle_is_shown_under_the_cursor(
    seeded_engine: contextlib.closing[Engine],
) -> None:
    with seeded_engine as engine:
        fill(engine, 1_000)
        async with shown(engine) as (app, pilot):
            wanted = f"{700:032x}"
            app.rows.show(Recorded(engine), Cursor("key-000700", wanted), wanted)
            await settle(pilot)
            assert name(app) == "key-000700"


async def test_an_empty_list_says_what_to_do(seeded_engine: contextlib.closing[Engine]) -> None:
    with seeded_engine as engine:
        fill(engine, 0)
        async with shown(engine) as (app, _):
            assert lines(app)[2] == "  Nothing here."


async def test_columns_leave_a_narrow_table(seeded_engine: contextlib.closing[Engine]) -> None:
    with seeded_engine as engine:
        fill(engine, 3)
        async with shown(engine, size=(50, 24)) as (app, _):
            assert "Description" not in lines(app)[0]


async def test_the_sorted_column_says_so(seeded_engine: contextlib.closing[Engine]) -> None:
    with seeded_engine as engine:
        fill(engine, 3)
        async with shown(engine) as (app, _):
            app.rows.sorted_by, app.rows.descending = "name", True
            assert lines(app)[0].startswith(" Name ▼")


def test_a_cell_is_made_safe() -> None:
    assert fit("a\x1b]0;b\x07\u202ec", 10) == "a\ufffd]0;b\ufffd\ufffdc "


def test_what_is_cut_is_marked() -> None:
    assert fit("payroll-database", 8) == "payroll…"


def test_wide_characters_keep_the_columns_straight() -> None:
    assert fit("鍵鍵鍵", 5) == "鍵鍵…"


def test_spare_room_goes_to_the_columns_that_grow() -> None:
    columns = (
        Column[str]("a", "A", 5, str, grow=1, most=8),
        Column[str]("b", "B", 5, str, grow=3),
        Column[str]("c", "C", 5, str, tone=lambda _: Tone.DIM),
    )
    assert [width for _, width in lay_out(columns, 40)] == [8, 23, 5]
