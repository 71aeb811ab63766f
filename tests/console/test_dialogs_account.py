"""Add CSP Account, against AWS in a box."""

from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from kctui.core.engine import Engine
from kctui.core.lists import CspAccountList, CspAccountRow
from kctui.core.words import CredentialKind
from kctui.demo.box import Box, FaultKind
from kctui.screens.dialogs.create_account import CreateAccountWizard
from kctui.screens.dialogs.fields import ChoiceField, SecretField, TextField
from tests.console.dialog_driver import (
    REGION,
    Host,
    complaint,
    failure,
    field,
    fill,
    has_focus,
    push,
    seen,
    settle,
)

pytest_plugins = ["tests.console.dialog_fixtures"]


async def fill_details(pilot: Pilot[None], box: Box, **other: str) -> None:
    values = {
        "name": "awsbyokkeycontrol",
        "description": "the bank's own",
        "access_key_id": box.root.access_key_id,
        "secret_access_key": box.root.secret_access_key,
        "region": REGION,
        "endpoint_url": box.endpoint,
    } | other
    for key, value in values.items():
        await fill(pilot, key, value)


async def apply(pilot: Pilot[None]) -> None:
    """Go on from Details to Schedule, and apply."""
    await push(pilot, "continue")
    await push(pilot, "continue")


def accounts(engine: Engine) -> list[CspAccountRow]:
    return list(CspAccountList(engine.store).page().rows)


async def test_an_account_is_added_and_its_credential_named(dialog_engine: Engine, aws_box: Box) -> None:
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box)
        await apply(pilot)
        shown = seen(pilot)
        assert "arn:aws:iam::111122223333:root" in shown
        assert "✓ GetCallerIdentity" in shown
        assert "us-east-2, us-west-1, us-west-2" in shown
        await pilot.press("enter")
    [row] = accounts(dialog_engine)
    assert app.result == row.id
    assert (row.name, row.description, row.region) == ("awsbyokkeycontrol", "the bank's own", REGION)


async def test_the_secret_is_nowhere_on_the_screen(dialog_engine: Engine, aws_box: Box) -> None:
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box)
        before = seen(pilot)
        await apply(pilot)
        assert aws_box.root.secret_access_key not in before + seen(pilot)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""),
        ("name", "two/parts"),
        ("access_key_id", "akia"),
        ("secret_access_key", ""),
        ("region", "Virginia"),
        ("endpoint_url", "http://kms.example.com"),
    ],
)
async def test_a_bad_value_is_pointed_out_under_its_field(
    dialog_engine: Engine, aws_box: Box, key: str, value: str
) -> None:
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box, **{key: value})
        await push(pilot, "continue")
        assert complaint(pilot, key)
        assert has_focus(pilot, key)
        assert not list(aws_box.calls)


async def test_a_wrong_secret_is_shown_and_corrected(dialog_engine: Engine, aws_box: Box) -> None:
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box, secret_access_key="x" * 40)
        await apply(pilot)
        assert "AWS does not know these credentials" in failure(pilot)
        assert "✕ GetCallerIdentity" in seen(pilot)
        await push(pilot, "back")
        await push(pilot, "back")
        assert field(pilot, "name").changed
        await fill(pilot, "secret_access_key", aws_box.root.secret_access_key)
        await apply(pilot)
        await pilot.press("enter")
    assert [row.id for row in accounts(dialog_engine)] == [app.result]


async def test_a_second_try_needs_no_second_typing_of_the_secret(dialog_engine: Engine, aws_box: Box) -> None:
    aws_box.faults.add("GetCallerIdentity", FaultKind.ACCESS_DENIED)
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box)
        await apply(pilot)
        assert failure(pilot)
        await push(pilot, "continue")
        assert "is added" in seen(pilot)


async def test_the_kept_secret_is_wiped_with_the_dialog(dialog_engine: Engine, aws_box: Box) -> None:
    aws_box.faults.add("GetCallerIdentity", FaultKind.ACCESS_DENIED)
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box)
        await apply(pilot)
        secret = field(pilot, "secret_access_key")
        assert isinstance(secret, SecretField)
        kept = secret.kept
        assert kept is not None
        await pilot.press("escape")
        await push(pilot, "yes")
        assert len(kept) == 0
        assert not secret.filled


async def test_a_taken_name_is_an_error_of_the_field(dialog_engine: Engine, aws_box: Box, key_set: Any) -> None:
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box, region="")
        await apply(pilot)
        assert "already" in complaint(pilot, "name")
        assert has_focus(pilot, "name")


async def test_known_regions_are_offered_and_another_can_be_typed(dialog_engine: Engine, key_set: Any) -> None:
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "US East (N. Virginia) us-east-1" in seen(pilot)
        assert not field(pilot, "region").display
        field(pilot, "known_region").editor.focus()
        await pilot.press("enter", "end", "enter")
        await settle(pilot)
        assert field(pilot, "region").display


async def test_two_presses_add_one_account(dialog_engine: Engine, aws_box: Box) -> None:
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box)
        await push(pilot, "continue")
        button = app.dialog.button("continue")
        button.press()
        button.press()
        await settle(pilot)
        assert "is added" in seen(pilot)
    assert aws_box.calls.operations("sts") == ["GetCallerIdentity"]


@pytest.mark.parametrize("between", ["enter", "tab"])
async def test_what_is_typed_ahead_on_a_slow_line_lands_in_its_own_field(dialog_engine: Engine, between: str) -> None:
    """All keys arrive at once, as when a line has stalled: the secret must not stand in a field that shows it."""
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        for first, texts in (
            ("name", ("bank", "of the bank")),
            ("access_key_id", ("AKIAIOSFODNN7EXAMPLE", "the-secret")),
        ):
            field(pilot, first).editor.focus()
            await settle(pilot)
            for text in texts:
                for character in text:
                    app.post_message(events.Key("space" if character == " " else character, character))
                app.post_message(events.Key(between, None))
            await settle(pilot)
        fields = (field(pilot, key) for key in ("name", "description", "access_key_id"))
        values = [each.value for each in fields if isinstance(each, TextField)]
        assert values == ["bank", "of the bank", "AKIAIOSFODNN7EXAMPLE"]
        assert "the-secret" not in seen(pilot)
        assert field(pilot, "secret_access_key").changed


async def test_a_schedule_says_when_the_access_key_is_due(dialog_engine: Engine, aws_box: Box) -> None:
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box)
        await push(pilot, "continue")
        assert "Nothing is rotated now" in " ".join(seen(pilot).split())
        await pilot.press("enter", "end", "enter")
        await fill(pilot, "rotation_days", "90")
        await push(pilot, "continue")
        await pilot.press("enter")
    [row] = accounts(dialog_engine)
    assert row.rotation_days == 90
    assert row.rotates_at is not None


async def choose_kind(pilot: Pilot[None], kind: CredentialKind) -> None:
    chosen = field(pilot, "credential")
    assert isinstance(chosen, ChoiceField)
    chosen.select.value = kind
    await settle(pilot)


async def test_a_profile_asks_for_its_name_alone_and_has_no_schedule(
    dialog_engine: Engine, aws_box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = aws_box.root
    (tmp_path / "credentials").write_text(
        f"[byok]\naws_access_key_id = {root.access_key_id}\naws_secret_access_key = {root.secret_access_key}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await choose_kind(pilot, CredentialKind.PROFILE)
        assert not field(pilot, "access_key_id").display
        await fill(pilot, "name", "prod")
        await push(pilot, "continue")
        assert has_focus(pilot, "profile")
        await fill(pilot, "profile", "byok")
        await fill(pilot, "region", REGION)
        await fill(pilot, "endpoint_url", aws_box.endpoint)
        await push(pilot, "continue")
        assert "There is no access key to rotate" in seen(pilot)
        assert "Rotation Schedule" not in seen(pilot)
        await push(pilot, "continue")
        assert "is added" in seen(pilot)
    [row] = accounts(dialog_engine)
    assert (row.credential_kind, row.profile) == (CredentialKind.PROFILE, "byok")


@pytest.mark.parametrize(("key", "value"), [("role_arn", "kctui"), ("external_id", "x")])
async def test_a_role_that_cannot_be_is_pointed_out(dialog_engine: Engine, aws_box: Box, key: str, value: str) -> None:
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box, **{key: value})
        await push(pilot, "continue")
        assert complaint(pilot, key)


async def test_an_external_id_goes_with_a_role(dialog_engine: Engine, aws_box: Box) -> None:
    app = Host(lambda: CreateAccountWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill_details(pilot, aws_box, external_id="7c1f")
        await push(pilot, "continue")
        assert "role to assume" in complaint(pilot, "role_arn")
