"""Add, test and remove HSMs, a new PIN, and an HSM for a Key Set: by keys, on tokens of SoftHSM."""

import pytest
from sqlmodel import select
from textual.pilot import Pilot

from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.lists import HsmList, HsmRow, KeySetList, KeySetRow
from kctui.core.model import AuditEntry, Hsm, KeySet, KeyVersion
from kctui.core.pkcs11.findings import Conformance
from kctui.core.words import AuditType, KeySpec
from kctui.screens.dialogs.add_hsm import AddHsmWizard
from kctui.screens.dialogs.create_cloud_key import CreateCloudKeyWizard
from kctui.screens.dialogs.create_key_set import CreateKeySetWizard
from kctui.screens.dialogs.edit_key_set import EditKeySetWizard
from kctui.screens.dialogs.fields import SecretField
from kctui.screens.dialogs.new_pin import NewPinWizard
from kctui.screens.dialogs.test_hsm import TestHsmDialog
from kctui.screens.hsms import HsmsScreen
from kctui.screens.reading import read_hsms
from tests.console.dialog_driver import (
    REGION,
    Host,
    choose,
    complaint,
    failure,
    field,
    fill,
    has_focus,
    push,
    seen,
    settle,
)
from tests.console.hsm_rows import Slots, change_pin, invent_hsms, soft_conformance
from tests.hsm.tokens import PIN, SoftHsm, SoftToken, module_file

pytest_plugins = ["tests.console.dialog_fixtures", "tests.console.hsm_fixtures"]
EVIL = "\x1b]0;owned\x07[/]\u202e"


def hsms(engine: Engine) -> dict[str, HsmRow]:
    return {row.name: row for row in HsmList(engine.store).page().rows}


def warnings(engine: Engine) -> list[str]:
    with engine.store.read() as session:
        return [e.message for e in session.exec(select(AuditEntry).where(AuditEntry.type == AuditType.WARNING))]


def page(engine: Engine, *, unlocked: bool = True) -> Host:
    return Host(lambda: HsmsScreen(engine, read_hsms(engine), now, unlocked=unlocked))


async def to_consent(pilot: Pilot[None], token: SoftToken, pin: str = PIN, name: str = "bastion") -> None:
    await settle(pilot)
    await fill(pilot, "name", name)
    await fill(pilot, "module", token.module)
    await fill(pilot, "token_label", token.label)
    await push(pilot, "continue")
    await fill(pilot, "pin", pin)
    await push(pilot, "continue")


def holds_pin(pilot: Pilot[None]) -> bool:
    pin = field(pilot, "pin")
    assert isinstance(pin, SecretField)
    return pin.filled


# Adding


async def test_an_hsm_is_added_by_keys_once_consent_is_given(dialog_engine: Engine, soft_token: SoftToken) -> None:
    app = page(dialog_engine)
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "No HSM is here yet" in seen(pilot)
        await pilot.press("c")
        await to_consent(pilot, soft_token)
        await push(pilot, "continue")
        assert "wraps key material for AWS with SHA-1 only" in failure(pilot)
        assert "Yes at SHA-1" in failure(pilot)
        assert "--allow" not in failure(pilot)
        assert not hsms(dialog_engine)
        await push(pilot, "back")
        assert holds_pin(pilot)
        await choose(pilot, "sha1", True)
        await push(pilot, "continue")
        assert "✓ HSM bastion is added" in seen(pilot)
        assert "✓ Make the key-encryption key" in seen(pilot)
        assert "SHA-1 only · no HMAC_224, RSA, P-256, P-521" in seen(pilot)
        assert "SYMMETRIC_DEFAULT  0x2109      ✓ RSAES_OAEP_SHA_1" in seen(pilot)
        await pilot.press("pagedown", "pagedown")
        assert "32 bytes come out, not 28" in seen(pilot)
        await push(pilot, "continue")
        assert "✓ connected" in seen(pilot)
    row = hsms(dialog_engine)["bastion"]
    assert (row.token_label, row.sha1_allowed, row.export_allowed) == (soft_token.label, True, False)
    assert any("Consent to wrapping with SHA-1 for HSM bastion" in message for message in warnings(dialog_engine))


async def test_a_wrong_pin_is_forgotten_and_asked_for_anew(dialog_engine: Engine, soft_token: SoftToken) -> None:
    app = Host(lambda: AddHsmWizard(dialog_engine))
    async with app.run_test() as pilot:
        await to_consent(pilot, soft_token, pin="0000wrong")
        await choose(pilot, "sha1", True)
        await push(pilot, "continue")
        assert complaint(pilot, "pin") == "The token does not take the PIN"
        assert has_focus(pilot, "pin")
        assert not holds_pin(pilot)
        await push(pilot, "continue")
        assert complaint(pilot, "pin") == "The PIN is empty"
        await fill(pilot, "pin", PIN)
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert "✓ HSM bastion is added" in seen(pilot)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("name", "a/b", "a/b"),
        ("module", "", "is not named"),
        ("module", "/nowhere/lib.so", "/nowhere/lib.so"),
        ("module", "libnowhere.so", "in none of the usual folders"),
        ("token_label", "", "no token label"),
        ("token_label", "x" * 33, "no token label"),
        ("slot", "one", "no slot"),
        ("slot", "-1", "no slot"),
    ],
)
async def test_details_complain_at_once(
    dialog_engine: Engine, softhsm: object, key: str, value: str, said: str
) -> None:
    app = Host(lambda: AddHsmWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        for name, text in {
            "name": "bastion",
            "module": module_file("libsofthsm2.so"),
            "token_label": "kctui",
            key: value,
        }.items():
            await fill(pilot, name, text)
        await push(pilot, "continue")
        assert said in complaint(pilot, key)
        assert has_focus(pilot, key)


async def test_a_taken_name_leads_back_to_it_with_the_pin_kept(
    dialog_engine: Engine, softhsm: SoftHsm, bastion: Hsm
) -> None:
    other = softhsm.token("another one")
    app = Host(lambda: AddHsmWizard(dialog_engine))
    async with app.run_test() as pilot:
        await to_consent(pilot, other)
        await choose(pilot, "sha1", True)
        await push(pilot, "continue")
        assert "already" in complaint(pilot, "name")
        assert has_focus(pilot, "name")
        await fill(pilot, "name", "second")
        for _ in range(3):
            await push(pilot, "continue")
        assert "✓ HSM second is added" in seen(pilot)
    assert set(hsms(dialog_engine)) == {"bastion", "second"}


async def test_a_token_that_is_not_there_is_said_and_can_be_tried_again(
    dialog_engine: Engine, soft_token: SoftToken, slots: Slots
) -> None:
    slots.take_out()
    app = Host(lambda: AddHsmWizard(dialog_engine))
    async with app.run_test() as pilot:
        await to_consent(pilot, soft_token)
        await choose(pilot, "sha1", True)
        await push(pilot, "continue")
        assert "GeneralError" in failure(pilot)
        slots.put_back()
        await push(pilot, "continue")
        assert "✓ HSM bastion is added" in seen(pilot)


# Testing


async def test_a_test_shows_the_probe_and_probes_again(dialog_engine: Engine, bastion: Hsm) -> None:
    app = page(dialog_engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert "✓ Find the key-encryption key" in seen(pilot)
        assert "✓ HSM bastion can be used" in seen(pilot)
        assert " s ago" in seen(pilot)
        assert "✕ none" in seen(pilot)
        await pilot.press("p")
        await settle(pilot)
        assert "✓ Probe what it can wrap for AWS" in seen(pilot)
        assert "Probed                  now" in seen(pilot)
        pilot.app.screen.query_one(".found").scroll_end(animate=False)
        await settle(pilot)
        assert "104 bytes come out that are no PKCS#8 to the byte" in seen(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(app.screen, HsmsScreen)


async def test_a_changed_pin_is_refused_once_and_a_new_one_given(
    dialog_engine: Engine, soft_token: SoftToken, bastion: Hsm
) -> None:
    dialog_engine.tokens.forget()
    change_pin(soft_token, "11223344")
    row = hsms(dialog_engine)["bastion"]
    app = Host(lambda: TestHsmDialog(dialog_engine, row, now))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "does not take the PIN" in failure(pilot)
    app = page(dialog_engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "✕ PIN refused" in seen(pilot)
        await pilot.press("n")
        await settle(pilot)
        assert app.dialog.dialog_title == "New PIN of bastion"
        await fill(pilot, "pin", "99999999")
        await push(pilot, "continue")
        assert complaint(pilot, "pin") == "The token does not take the PIN"
        assert not holds_pin(pilot)
        await fill(pilot, "pin", "11223344")
        await push(pilot, "continue")
        assert "✓ HSM bastion has its new PIN" in seen(pilot)
        await push(pilot, "continue")
        assert "✓ connected" in seen(pilot)
    assert hsms(dialog_engine)["bastion"].pin_refused_at is None


async def test_a_failed_test_says_what_is_wrong(dialog_engine: Engine, slots: Slots, bastion: Hsm) -> None:
    slots.take_out()
    app = Host(lambda: TestHsmDialog(dialog_engine, hsms(dialog_engine)["bastion"], now))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "✕ Log in and look at the token" in seen(pilot)
        assert failure(pilot)
        slots.put_back()
        await push(pilot, "probe")
        assert "✓ HSM bastion can be used" in seen(pilot)


# Removing


async def test_an_hsm_is_removed_when_its_name_is_typed(dialog_engine: Engine, bastion: Hsm) -> None:
    app = page(dialog_engine)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("x")
        await settle(pilot)
        await pilot.press(*"bastio", "enter")
        await settle(pilot)
        assert complaint(pilot, "typed_name") == "The name does not match"
        await pilot.press("n", "enter", "enter")
        await settle(pilot)
        assert "✓ The HSM bastion is removed" in seen(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert "No HSM is here yet" in seen(pilot)
    assert not hsms(dialog_engine)
    assert "Remove HSM of bastion refused: wrong name typed" in warnings(dialog_engine)


async def test_an_hsm_in_use_is_not_removed(dialog_engine: Engine, fixed_key_set: KeySetRow, bastion: Hsm) -> None:
    with dialog_engine.store.write() as session:
        session.get_one(KeySet, fixed_key_set.id).hsm_id = bastion.id
    app = page(dialog_engine)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("x")
        await settle(pilot)
        assert "bastion is in use" in seen(pilot)
        assert "It is used by 1 Key Set" in seen(pilot)
        assert pilot.app.screen.query_one("#go").disabled


# The page


async def test_a_locked_vault_offers_nothing(dialog_engine: Engine) -> None:
    with dialog_engine.store.write() as session:
        invent_hsms(session)
    app = page(dialog_engine, unlocked=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "exports keys marked non-extractable" not in seen(pilot)
        await pilot.press("j", "j")
        assert "exports keys marked non-extractable; consent was given" in seen(pilot)
        await pilot.press("n")
        assert "New PIN: the vault is locked: unlock it first" in seen(pilot)
        await pilot.press("enter")
        assert "Test: the vault is locked: unlock it first" in seen(pilot)


async def test_foreign_texts_are_made_safe(dialog_engine: Engine) -> None:
    with dialog_engine.store.write() as session:
        for hsm in invent_hsms(session).values():
            hsm.token_label = hsm.manufacturer = hsm.token_model = hsm.token_serial = EVIL
            hsm.module, hsm.unreachable_reason, hsm.init_args = f"/lib/{EVIL}.so", EVIL, EVIL
            hsm.conformance = hsm.conformance.replace("it has no such mechanism", "it said [/]\\u001b]0;owned\\u0007")
    app = page(dialog_engine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for _ in range(3):
            assert "\x1b" not in seen(pilot)
            assert "[/]" in seen(pilot)
            await pilot.press("j")
    row = hsms(dialog_engine)["bastion"]
    for made in (lambda: TestHsmDialog(dialog_engine, row, now), lambda: NewPinWizard(dialog_engine, row, now)):
        host = Host(made)
        async with host.run_test() as pilot:
            await settle(pilot)
            assert "\x1b" not in seen(pilot)


# A Key Set with an HSM


async def test_a_key_set_takes_an_hsm_that_was_there(
    dialog_engine: Engine, fixed_key_set: KeySetRow, bastion: Hsm
) -> None:
    app = Host(lambda: CreateKeySetWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "vaulted")
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert "made in software" in seen(pilot)
        assert "SHA-1 only · no HMAC_224, RSA, P-256, P-521" in seen(pilot)
        assert "? not asked" in seen(pilot)
        await pilot.press("down")
        assert "is made in the HSM" in seen(pilot)
        assert "cannot be changed later" in " ".join(seen(pilot).split())
        await pilot.press("enter")
        await push(pilot, "continue")
    row = {row.name: row for row in KeySetList(dialog_engine.store).page().rows}["vaulted"]
    assert row.hsm == "bastion"
    edit = Host(lambda: EditKeySetWizard(dialog_engine, row))
    async with edit.run_test() as pilot:
        await settle(pilot)
        assert "HSM bastion" in seen(pilot)


async def test_an_hsm_is_added_on_the_way_and_chosen(
    dialog_engine: Engine, fixed_key_set: KeySetRow, soft_token: SoftToken
) -> None:
    app = Host(lambda: CreateKeySetWizard(dialog_engine))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "vaulted")
        await push(pilot, "continue")
        await push(pilot, "continue")
        await push(pilot, "add-hsm")
        assert app.dialog.dialog_title == "Add HSM"
        await to_consent(pilot, soft_token)
        await choose(pilot, "sha1", True)
        await push(pilot, "continue")
        await push(pilot, "continue")
        assert app.dialog.dialog_title == "Create Key Set"
        assert "✓ connected" in seen(pilot)
        assert "is made in the HSM" in seen(pilot)
        await push(pilot, "continue")
        await push(pilot, "continue")
    assert {row.name: row.hsm for row in KeySetList(dialog_engine.store).page().rows}["vaulted"] == "bastion"


async def test_a_spec_that_the_hsm_cannot_make_is_refused_at_its_field(
    dialog_engine: Engine, fixed_key_set: KeySetRow, bastion: Hsm
) -> None:
    with dialog_engine.store.write() as session:
        session.get_one(KeySet, fixed_key_set.id).hsm_id = bastion.id
    app = Host(lambda: CreateCloudKeyWizard(dialog_engine, fixed_key_set, REGION))
    async with app.run_test() as pilot:
        await settle(pilot)
        await fill(pilot, "name", "payroll-db")
        await choose(pilot, "key_spec", KeySpec.RSA_2048)
        for _ in range(3):
            await push(pilot, "continue")
        assert "cannot make RSA_2048" in complaint(pilot, "key_spec")


async def test_a_cloud_key_is_made_in_the_hsm_and_brought_to_aws(
    dialog_engine: Engine, key_set: KeySetRow, bastion: Hsm
) -> None:
    with dialog_engine.store.write() as session:
        session.get_one(KeySet, key_set.id).hsm_id = bastion.id
    row = KeySetList(dialog_engine.store).page().rows[0]
    app = Host(lambda: CreateCloudKeyWizard(dialog_engine, row, REGION))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "awsbyokkeyset · HSM bastion" in seen(pilot)
        await fill(pilot, "name", "payroll-db")
        for _ in range(4):
            await push(pilot, "continue")
        assert "● AVAILABLE" in seen(pilot)
    with dialog_engine.store.read() as session:
        version = session.exec(select(KeyVersion)).one()
    assert (version.hsm_id, version.kek_id) == (bastion.id, bastion.kek_id)


def test_softhsm_is_what_the_pictures_say(bastion: Hsm) -> None:
    real, invented = Conformance.from_json(bastion.conformance), soft_conformance()
    for spec in real.specs:
        assert (real.why_not(spec, sha1=True) is None) is (invented.why_not(spec, sha1=True) is None)
