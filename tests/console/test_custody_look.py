"""Pictures of Upload to Cloud, Delete CloudKey, Cancel Deletion and Rotate Now, at 80×24 and 120×40."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from textual.pilot import Pilot

from kctui.core.consequences import Line, Mark
from kctui.core.errors import RefusedError
from kctui.core.observer import Observer
from kctui.core.words import RotationMethod
from kctui.screens.dialogs.confirm import ConfirmDialog, Done, Panel, TypedName
from kctui.screens.dialogs.custody import DeleteDialog, RotateDialog, UploadDialog
from tests.console.dialog_driver import REGION, SIZES, Host, fill, settle
from tests.console.test_confirm_look import FACTS, KEY_ID, LINES

Compare = Callable[..., bool]
Play = Callable[[Pilot[None]], Awaitable[None]]
Picture = Callable[[Host, Play], bool]
NOW = datetime(2026, 11, 23, 12, 3, 14, tzinfo=UTC)
IN_PLACE = (
    "kctui makes new key material and imports it into the same KMS key. Key id, alias, policy and grants stay. What "
    "was encrypted before decrypts as it did."
)
BY_NEW_KEY = (
    "kctui makes a new KMS key with new key material, and moves the alias to it. The present KMS key stays Enabled, "
    "without alias, and stays listed as an earlier version: what was encrypted before decrypts as it did."
)
UPLOADED = (
    "kctui imports its copy of the key material again, every version of it. The key works at once, for what was "
    "encrypted before as well."
)
CANCELLED = (
    "Are you sure you want to cancel the deletion of the following CloudKey? AWS will not delete the key. It is "
    "DISABLED then: applications can use it again once it is enabled."
)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def picture(request: pytest.FixtureRequest, snap_compare: Compare) -> Picture:
    """Compare a dialog, after some play with it, with its picture at one size."""

    def compare(app: Host, play: Play) -> bool:
        async def run_before(pilot: Pilot[None]) -> None:
            await settle(pilot)
            await play(pilot)
            await settle(pilot)

        return snap_compare(app, terminal_size=request.param, run_before=run_before)

    return compare


def nothing(_observer: Observer) -> Done:
    return Done("")


async def as_it_is(_pilot: Pilot[None]) -> None:
    """Do nothing."""


async def other_choice(pilot: Pilot[None]) -> None:
    await pilot.press("shift+tab", "enter", "end", "enter")


def deletion() -> Host:
    def look(days: int) -> Panel:
        words = f"The key cannot be used from now on. AWS deletes it for good in {days} days, and with it the access "
        undo = "Cancel Deletion until then; after that nothing under this KMS key can ever be decrypted again"
        lines = (*LINES[:-1], Line(Mark.UNDO, "undo", undo))
        return Panel(words + "to everything that is encrypted under it.", FACTS, nothing, lines)

    name = TypedName("CloudKey", "payroll-db", lambda _typed: None)
    return Host(lambda: DeleteDialog(REGION, look, name, NOW))


def rotation(usual: RotationMethod, refusal: RefusedError | None = None) -> Host:
    def look(method: RotationMethod) -> Panel:
        if method is RotationMethod.IN_PLACE:
            left = Line(
                Mark.BAD if refusal else Mark.ATTENTION,
                "rotations",
                "0 of 25 left before this one" if refusal else "22 of 25 left before this one",
            )
            lines = (Line(Mark.GOOD, "key id", f"stays {KEY_ID}"), left, Line(Mark.UNDO, "undo", "none"))
            return Panel(IN_PLACE, FACTS, nothing, lines, refusal)
        new = "a new one: who names the key by id or ARN goes on using the earlier key"
        undo = "in AWS: point the alias to the earlier key again; it is not deleted"
        return Panel(BY_NEW_KEY, FACTS, nothing, (Line(Mark.ATTENTION, "key id", new), Line(Mark.UNDO, "undo", undo)))

    return Host(lambda: RotateDialog(REGION, look, usual, choice=True))


def uploading(former: datetime | None) -> Host:
    lines = (
        Line(Mark.ATTENTION, "now", "◌ NOT AVAILABLE"),
        Line(Mark.GOOD, "versions", "all 3: versions 1, 2, 3"),
        Line(Mark.UNDO, "undo", "Remove from Cloud, at any time"),
    )
    panel = Panel(UPLOADED, FACTS, nothing, lines)
    return Host(lambda: UploadDialog(REGION, lambda: panel, lambda _until, _observer: Done(""), former, NOW))


def test_delete(picture: Picture) -> None:
    assert picture(deletion(), as_it_is)


def test_delete_in_seven_days(picture: Picture) -> None:
    assert picture(deletion(), other_choice)


def test_delete_choosing_the_days(picture: Picture) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await pilot.press("shift+tab", "enter")

    assert picture(deletion(), play)


def test_rotate_in_place(picture: Picture) -> None:
    assert picture(rotation(RotationMethod.IN_PLACE), as_it_is)


def test_rotate_by_a_new_key(picture: Picture) -> None:
    assert picture(rotation(RotationMethod.IN_PLACE), other_choice)


def test_rotate_with_no_rotation_left(picture: Picture) -> None:
    refusal = RefusedError(
        "payroll-db was rotated in place 25 times: AWS allows 25",
        remedy="Rotate it by a new KMS key: the alias moves, and the count begins anew.",
    )
    assert picture(rotation(RotationMethod.IN_PLACE, refusal), as_it_is)


def test_upload(picture: Picture) -> None:
    assert picture(uploading(None), as_it_is)


def test_upload_with_the_former_date(picture: Picture) -> None:
    assert picture(uploading(datetime(2027, 3, 1, tzinfo=UTC)), as_it_is)


def test_upload_after_the_date_has_passed(picture: Picture) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await fill(pilot, "expires", "1999-01-01")
        await pilot.press("enter", "right", "enter")

    assert picture(uploading(datetime(2026, 11, 1, tzinfo=UTC)), play)


def test_cancel_deletion(picture: Picture) -> None:
    lines = (
        Line(Mark.ATTENTION, "now", "✕ PENDING DELETE  6 d"),
        Line(Mark.ATTENTION, "deletion", "2026-11-29 14:03:11 UTC"),
        Line(Mark.UNDO, "undo", "Delete CloudKey, which begins its time anew"),
    )
    panel = Panel(CANCELLED, FACTS, nothing, lines)
    dialog = ("Cancel Deletion", REGION, "Cancel Delete", panel)
    assert picture(Host(lambda: ConfirmDialog(*dialog, leave="Leave")), as_it_is)
