"""A home with accounts, Key Sets and CloudKeys in it, and the console on it at a frozen moment."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import Session, select
from textual.pilot import Pilot

import kctui.screens.main
import kctui.screens.tab_view
from kctui.app import KctuiApp
from kctui.core.engine import Engine
from kctui.core.model import (
    AdminGroup,
    AuditEntry,
    CloudKey,
    CspAccount,
    KeySet,
    KeyVersion,
    Operation,
    OperationStep,
    RegionName,
    Schedule,
)
from kctui.core.paths import Home
from kctui.core.words import (
    CloudStatus,
    ImportState,
    KeySource,
    MaterialState,
    OperationKind,
    OperationState,
    ScheduleKind,
    StepState,
)
from kctui.screens.main import MainScreen
from kctui.screens.state import Tab

NOW = datetime(2026, 11, 23, 12, 3, 11, tzinfo=UTC)
SIZES = ((80, 24), (120, 40))
ACCOUNT_NUMBER = "111122223333"
KEY_ID = "c6ce2a39-fa61-4766-a8f7-0b7c1d2e3f40"


@dataclass
class Shell:
    """A running console, and what a test does with it."""

    app: KctuiApp
    pilot: Pilot[None]

    @property
    def main(self) -> MainScreen:
        """The main screen, whatever lies on it."""
        screen = self.app.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    async def settle(self) -> None:
        """Wait until no thread works and every message has been taken."""
        for _ in range(4):
            await self.pilot.pause()
            await self.app.workers.wait_for_complete()
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Press keys, and wait for what they cause."""
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text: str) -> None:
        """Type a text."""
        await self.press(*("space" if character == " " else character for character in text))

    async def unlock(self, passphrase: str) -> None:
        """Give the passphrase."""
        await self.type(passphrase)
        await self.press("enter")

    @property
    def text(self) -> str:
        """What the screen shows, line by line."""
        height = self.app.size.height
        lines = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines[:height])


StartShell = Callable[..., AbstractAsyncContextManager[Shell]]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kctui.screens.main, "DETAILS_PAUSE", 0.001)
    monkeypatch.setattr(kctui.screens.tab_view, "TYPING_PAUSE", 0.001)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def start() -> StartShell:
    """Start the console on a home, at the frozen moment."""

    @contextlib.asynccontextmanager
    async def run(
        home: Home,
        size: tuple[int, int] = (120, 40),
        *,
        read_only: bool = False,
        tab: Tab | None = None,
        filter_text: str = "",
        environment: Mapping[str, str] | None = None,
        passphrase: str | None = None,
    ) -> AsyncIterator[Shell]:
        app = KctuiApp(
            home,
            read_only=read_only,
            tab=tab,
            filter_text=filter_text,
            clock=lambda: NOW,
            environment=environment if environment is not None else {},
        )
        try:
            async with app.run_test(size=size, notifications=True) as pilot:
                shell = Shell(app, pilot)
                await shell.settle()
                if passphrase is not None:
                    await shell.unlock(passphrase)
                yield shell
        finally:
            if app.engine is not None:
                app.engine.close()

    return run


@pytest.fixture
def account_home(home: Home) -> Home:
    """A home with one CSP Account."""
    with _writing(home) as session:
        _add_account(session)
    return home


@pytest.fixture
def seeded(home: Home) -> Home:
    """A home with an account, two Key Sets and five CloudKeys in each of their states."""
    seed(home)
    return home


def seed(home: Home) -> None:
    """Put an account, two Key Sets and five CloudKeys into a home."""
    with _writing(home) as session:
        _add_keys(session, _add_account(session))
        for entry in session.exec(select(AuditEntry)):
            entry.time = NOW - timedelta(hours=3)
            entry.unix_user, entry.host, entry.ssh_client = "alice", "bastion", "10.1.4.7"
            entry.message, entry.hash = "Initialised /var/lib/kctui with operator alice", "9f" * 32


@contextlib.contextmanager
def _writing(home: Home) -> Iterator[Session]:
    with Engine.open(home) as engine, engine.store.write() as session:
        yield session


def _add_account(session: Session) -> CspAccount:
    group = session.exec(select(AdminGroup)).one()
    account = CspAccount(
        id="a" * 32,
        name="awsbyokkeycontrol",
        description="BYOK of the payroll",
        group_id=group.id,
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        sealed_secret_access_key=b"sealed",
        region="us-east-1",
        partition="aws",
        aws_account_id=ACCOUNT_NUMBER,
        caller_arn=f"arn:aws:iam::{ACCOUNT_NUMBER}:user/AWSBYOKKeycontrolUser",
        created_at=NOW - timedelta(days=40),
        reached_at=NOW - timedelta(seconds=8),
    )
    session.add(account)
    for region, long_name in (("us-east-1", "US East (N. Virginia)"), ("eu-west-1", "Europe (Ireland)")):
        session.add(RegionName(partition="aws", region=region, long_name=long_name, seen_at=NOW))
    session.flush()
    return account


def _add_keys(session: Session, account: CspAccount) -> None:
    for letter, name, told, days in (
        ("b", "awsbyokkeyset", "Everything of the payroll", 365),
        ("c", "archive", "Keys that are no longer in use", None),
    ):
        session.add(
            KeySet(
                id=letter * 32,
                name=name,
                description=told,
                csp_account_id=account.id,
                group_id=account.group_id,
                rotation_days=days,
                created_at=NOW - timedelta(days=30),
            )
        )
    session.flush()
    seen = NOW - timedelta(seconds=8)
    rows = (
        ("1", "payroll-db", "Aurora, payroll", CloudStatus.AVAILABLE, "b", datetime(2027, 3, 1, tzinfo=UTC)),
        ("2", "payroll-exports", "S3 exports to the bank", CloudStatus.NOT_AVAILABLE, "b", None),
        ("3", "payroll-legacy", "made in the AWS console", CloudStatus.PENDING_DELETE, "b", None),
        ("4", "reports", "quarterly reports", CloudStatus.DISABLED, "b", NOW + timedelta(days=9)),
        ("5", "old-ledger", "", CloudStatus.UNKNOWN, "c", None),
    )
    for digit, name, told, status, key_set, expires in rows:
        key_id = KEY_ID if digit == "1" else f"{digit}{KEY_ID[1:]}"
        session.add(
            CloudKey(
                id=digit * 32,
                key_set_id=key_set * 32,
                name=name,
                alias=f"alias/{name}",
                description=told,
                kms_key_id=key_id,
                key_arn=f"arn:aws:kms:us-east-1:{ACCOUNT_NUMBER}:key/{key_id}",
                key_source=KeySource.AWS if digit == "3" else KeySource.KCTUI,
                cloud_status=status,
                expires_at=expires,
                deletion_date=NOW + timedelta(days=6, hours=2) if digit == "3" else None,
                rotation_days=365 if digit == "1" else None,
                administrators=[f"arn:aws:iam::{ACCOUNT_NUMBER}:role/KeyAdministrators"],
                users=[f"arn:aws:iam::{ACCOUNT_NUMBER}:role/payroll"],
                tags={"cost-centre": "4711"},
                created_at=NOW - timedelta(days=20),
                csp_account_id=account.id,
                region="us-east-1",
                status_seen_at=seen,
            )
        )
    session.flush()
    session.add(
        Schedule(
            kind=ScheduleKind.ROTATE_CLOUD_KEY,
            target_id="1" * 32,
            every_days=365,
            due_at=NOW + timedelta(days=41, hours=1),
        )
    )
    session.add(
        KeyVersion(
            cloud_key_id="1" * 32,
            number=1,
            kms_key_id=KEY_ID,
            key_material_id="7f" * 32,
            material_state=MaterialState.CURRENT,
            import_state=ImportState.IMPORTED,
            fingerprint="ab" * 32,
            proven_at=NOW - timedelta(hours=3),
            imported_at=NOW - timedelta(days=20),
            created_at=NOW - timedelta(days=20),
        )
    )
    _add_history(session, account)


def _add_history(session: Session, account: CspAccount) -> None:
    session.add(
        Operation(
            id="d" * 32,
            kind=OperationKind.CREATE,
            state=OperationState.DONE,
            cloud_key_id="1" * 32,
            group_id=account.group_id,
            operator="alice",
            title="Create CloudKey payroll-db",
            started_at=NOW - timedelta(days=20),
            ended_at=NOW - timedelta(days=20),
        )
    )
    session.flush()
    for number, name in enumerate(("CreateKey", "CreateAlias", "ImportKeyMaterial"), 1):
        session.add(
            OperationStep(
                operation_id="d" * 32,
                number=number,
                name=name,
                state=StepState.DONE,
                request_id=f"7f0c4d1e-0000-4000-8000-00000000002{number}",
                started_at=NOW - timedelta(days=20) + timedelta(seconds=number),
            )
        )
