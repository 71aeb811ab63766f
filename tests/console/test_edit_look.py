"""Pictures of Edit CloudKey and of picking from IAM, at 80×24 and 120×40, with words that are always the same."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from textual.pilot import Pilot

from kctui.core.aws.policies import PolicyKind, key_policy, read_access
from kctui.core.aws.policy_difference import difference
from kctui.core.aws.principals import Principal, PrincipalKind, Principals
from kctui.core.details import CloudKeyDetails, cloud_key_details
from kctui.core.engine import Engine
from kctui.core.lists import KeySetRow
from kctui.core.model import CloudKey, CspAccount, Schedule
from kctui.core.operations import PolicyState, Standing
from kctui.core.words import CloudStatus, ScheduleKind
from kctui.screens.dialogs.access_step import KnownPrincipals
from kctui.screens.dialogs.edit_cloud_key import EditCloudKeyWizard, PolicyRead
from kctui.screens.dialogs.principal_picker import PrincipalPicker
from tests.console.dialog_driver import SIZES, Host, field, fill, paste, push, settle

pytest_plugins = ["tests.console.dialog_fixtures"]

Compare = Callable[..., bool]
Play = Callable[[Pilot[None]], Awaitable[None]]
Picture = Callable[[Host, Play], bool]
ALICE = "arn:aws:iam::111122223333:user/payroll/alice"
EXPORTER = "arn:aws:iam::111122223333:role/exporter"
KIND = PolicyKind("aws", "111122223333")
OURS = key_policy(KIND, [ALICE], [EXPORTER])
THEIRS = key_policy(KIND, [ALICE], [EXPORTER, "arn:aws:iam::444455556666:root"])


class FixedEditWizard(EditCloudKeyWizard):
    """Edit CloudKey, without AWS."""

    policy = OURS

    def _read_policy(self) -> None:
        standing = Standing.AS_WRITTEN if self.policy == OURS else Standing.CHANGED
        told = difference(OURS, self.policy, "as kctui wrote it", "in KMS now")
        self.post_message(PolicyRead(PolicyState(standing, self.policy, told, read_access(self.policy), ())))


class ChangedEditWizard(FixedEditWizard):
    """The same, with a policy that somebody else changed."""

    policy = THEIRS


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


@pytest.fixture
def fixed_key(dialog_engine: Engine, fixed_key_set: KeySetRow) -> CloudKeyDetails:
    """A CloudKey whose every word is always the same; nothing of it reaches AWS."""
    expires = datetime(2027, 3, 1, 23, 59, 59, tzinfo=UTC)
    with dialog_engine.store.write() as session:
        account = session.get_one(CspAccount, fixed_key_set.account_id)
        row = CloudKey(
            key_set_id=fixed_key_set.id,
            csp_account_id=account.id,
            region="us-east-1",
            name="payroll-db",
            alias="alias/payroll-db",
            description="Aurora, payroll",
            kms_key_id="c6ce2a39-fa61-4766-a8f7-0b7c1d2e3f40",
            cloud_status=CloudStatus.AVAILABLE,
            expires_at=expires,
            rotation_days=45,
            policy=OURS,
            administrators=[ALICE],
            users=[EXPORTER],
            tags={"cost-centre": "4711", "team": "payroll"},
        )
        session.add(row)
        session.flush()
        kind = ScheduleKind.ROTATE_CLOUD_KEY
        due = datetime(2027, 1, 3, 12, 3, tzinfo=UTC)
        session.add(Schedule(kind=kind, target_id=row.id, every_days=45, due_at=due))
        key_id = row.id
    return cloud_key_details(dialog_engine.store, key_id)


@pytest.mark.parametrize("step", [1, 2, 3, 4], ids=["details", "access", "schedule", "review"])
def test_edit(picture: Picture, dialog_engine: Engine, fixed_key: CloudKeyDetails, step: int) -> None:
    async def play(pilot: Pilot[None]) -> None:
        if step == 4:
            await fill(pilot, "description", "Aurora, payroll and pensions")
        for number in range(1, step):
            await push(pilot, "continue")
            if number == 1 and step == 4:
                field(pilot, "users").editor.focus()
                await paste(pilot, f"{ALICE}\n")

    assert picture(Host(lambda: FixedEditWizard(dialog_engine, fixed_key)), play)


def test_edit_of_nothing(picture: Picture, dialog_engine: Engine, fixed_key: CloudKeyDetails) -> None:
    async def play(pilot: Pilot[None]) -> None:
        for _ in range(3):
            await push(pilot, "continue")

    assert picture(Host(lambda: FixedEditWizard(dialog_engine, fixed_key)), play)


@pytest.mark.parametrize("what", ["policy", "difference"])
def test_policy_changed_elsewhere(
    picture: Picture, dialog_engine: Engine, fixed_key: CloudKeyDetails, what: str
) -> None:
    async def play(pilot: Pilot[None]) -> None:
        await push(pilot, "continue")
        if what == "difference":
            await pilot.press("f3")

    assert picture(Host(lambda: ChangedEditWizard(dialog_engine, fixed_key)), play)


def principals(engine: Engine, *, denied: tuple[str, ...] = ()) -> KnownPrincipals:
    known = KnownPrincipals(engine, "")
    found = [
        Principal(PrincipalKind.USER, "alice", "/payroll/", ALICE),
        Principal(PrincipalKind.USER, "AWSBYOKKeycontrolUser", "/", f"{ALICE[:31]}AWSBYOKKeycontrolUser"),
        Principal(PrincipalKind.USER, "bob", "/", "arn:aws:iam::111122223333:user/bob"),
    ]
    if not denied:
        found.append(Principal(PrincipalKind.ROLE, "exporter", "/", EXPORTER))
    known.known = Principals(tuple(found), denied)
    return known


@pytest.mark.parametrize("denied", [(), ("iam:ListRoles",)], ids=["all", "denied"])
def test_picker(picture: Picture, dialog_engine: Engine, denied: tuple[str, ...]) -> None:
    async def play(pilot: Pilot[None]) -> None:
        if not denied:
            await paste(pilot, "er")

    known = principals(dialog_engine, denied=denied)
    assert picture(Host(lambda: PrincipalPicker("Add an Administrator", known, [ALICE])), play)
