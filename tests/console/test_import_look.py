"""Pictures of Import Cloud Keys, Edit Key Set and Remove Key Set, at 80×24 and 120×40."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from textual.pilot import Pilot

from kctui.core.adopting import Became, ImportReport, KeyOutcome
from kctui.core.aws.kms import KmsKey
from kctui.core.engine import Engine
from kctui.core.importable import ImportableKey
from kctui.core.lists import KeySetRow
from kctui.core.observer import Observer
from kctui.screens.dialogs.edit_key_set import EditKeySetWizard
from kctui.screens.dialogs.import_keys import ImportKeysDialog
from kctui.screens.dialogs.remove_key_set import RemoveKeySetDialog
from tests.console.dialog_driver import REGION, SIZES, Host, fill, push, settle

pytest_plugins = ["tests.console.dialog_fixtures"]

Compare = Callable[..., bool]
Play = Callable[[Pilot[None]], Awaitable[None]]
Picture = Callable[[Host, Play], bool]


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


def key(number: int, state: str = "Enabled", origin: str = "AWS_KMS", spec: str = "SYMMETRIC_DEFAULT") -> KmsKey:
    key_id = f"{number:08x}-fa61-4766-a8f7-0b7c1d2e3f40"
    return KmsKey(
        key_id=key_id,
        arn=f"arn:aws:kms:us-east-1:111122223333:key/{key_id}",
        key_state=state,
        description="made in the AWS console",
        key_spec=spec,
        key_usage="ENCRYPT_DECRYPT",
        origin=origin,
        manager="CUSTOMER",
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
        deletion_date=None,
        valid_to=None,
        current_material_id=None,
        request_id="7f0c",
    )


def one(number: int, alias: str | None, found: KmsKey, **values: object) -> ImportableKey:
    name = alias.removeprefix("alias/") if alias else found.key_id
    return ImportableKey(found.key_id, name, alias, (alias,) if alias else (), found, {}, **values)  # type: ignore[arg-type]


KEYS = [
    one(1, "alias/AWSKMSCloudKey", key(1)),
    one(2, "alias/analytics/warehouse-of-the-european-branch-offices", key(2, "Disabled")),
    one(3, "alias/code-signing", key(3, spec="ECC_NIST_P256")),
    one(4, "alias/from-the-old-site", key(4, "PendingImport", "EXTERNAL"), made_as="payroll-old"),
    one(5, "alias/payroll-db", key(5), reason="alias/payroll-db is that of the CloudKey payroll-db: refresh first"),
    one(6, "alias/retired", key(6, "PendingDeletion")),
    one(7, None, key(7, spec="HMAC_256")),
]


class FixedImport(ImportKeysDialog):
    """Import Cloud Keys, without AWS."""

    def begin(self, work: Callable[[Observer], object]) -> bool:
        return True


def imports(engine: Engine, row: KeySetRow) -> Host:
    return Host(lambda: FixedImport(engine, row, REGION))


def shown(pilot: Pilot[None]) -> FixedImport:
    screen = pilot.app.screen
    assert isinstance(screen, FixedImport)
    return screen


def test_import_reading(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    async def play(pilot: Pilot[None]) -> None:
        shown(pilot)._progress("1,204 of 2,000   keys of us-east-1")

    assert picture(imports(dialog_engine, fixed_key_set), play)


@pytest.mark.parametrize("at", ["first", "refused"])
def test_import_choosing(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow, at: str) -> None:
    async def play(pilot: Pilot[None]) -> None:
        shown(pilot).done(KEYS)
        await settle(pilot)
        await pilot.press(*(["space"] if at == "first" else ["a", "down", "down", "down", "down"]))
        if at == "first":
            await pilot.press("up")

    assert picture(imports(dialog_engine, fixed_key_set), play)


def test_import_nothing(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    async def play(pilot: Pilot[None]) -> None:
        shown(pilot).done([])

    assert picture(imports(dialog_engine, fixed_key_set), play)


def test_import_in_part(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow) -> None:
    report = ImportReport(500)
    report.outcomes += [KeyOutcome(f"{n}", f"key-{n}", Became.IMPORTED, "", f"{n}") for n in range(136)]
    report.outcomes += [
        KeyOutcome("x", "from-the-old-site", Became.IMPORTED, "made by kctui as payroll-old; this vault holds no copy"
                   " of its material", "x"),
        KeyOutcome("y", "analytics/warehouse", Became.FAILED, "AWS does not allow kms:DescribeKey"),
        KeyOutcome("z", "retired", Became.FAILED, "it is managed already"),
    ]  # fmt: skip
    report.cancelled = True

    async def play(pilot: Pilot[None]) -> None:
        shown(pilot).done(report)

    assert picture(imports(dialog_engine, fixed_key_set), play)


@pytest.mark.parametrize("step", ["details", "schedule"])
def test_edit_key_set(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow, step: str) -> None:
    async def play(pilot: Pilot[None]) -> None:
        if step == "schedule":
            await push(pilot, "continue")

    assert picture(Host(lambda: EditKeySetWizard(dialog_engine, fixed_key_set)), play)


@pytest.mark.parametrize("typed", ["awsbyok", "awsbyokkeyset"])
def test_remove_key_set(picture: Picture, dialog_engine: Engine, fixed_key_set: KeySetRow, typed: str) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await fill(pilot, "confirmation", typed)

    assert picture(Host(lambda: RemoveKeySetDialog(dialog_engine, fixed_key_set)), play)
