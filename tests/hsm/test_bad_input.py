"""What can be wrong with a module, a token, a PIN or a blob: told clearly, nothing lost, and no PIN try wasted."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select

from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, TamperedError
from kctui.core.hsms import add_hsm, test_hsm
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.lists import cloud_key_row
from kctui.core.material.custody import material_place
from kctui.core.model import Hsm, KeyVersion
from kctui.core.operations import create_cloud_key, remove_from_cloud, rotate, upload
from kctui.core.paths import Home
from kctui.core.pkcs11.errors import (
    BlobError,
    HsmRefusedError,
    ModuleError,
    PinLockedError,
    TokenGoneError,
)
from kctui.core.pkcs11.module import TokenInfo, require_pin_tries, resolve
from kctui.core.pkcs11.tokens import pin_place
from kctui.core.secret import Secret
from kctui.core.words import CloudStatus, TokenState
from kctui.demo.box import AccessKey
from tests.core.operations import new_key
from tests.hsm import spy
from tests.hsm.child import ChildError, child
from tests.hsm.conftest import Vault
from tests.hsm.service import swtpm
from tests.hsm.tokens import PIN, SO_PIN, SoftHsm, SoftToken, module_file, run_tool

# pytest would take it for a test.
test_hsm.__test__ = False  # type: ignore[attr-defined]
WRONG = "wrong-1234"


def hsms(engine: Engine) -> list[Hsm]:
    with engine.store.read() as session:
        return list(session.exec(select(Hsm)))


def assert_not_added(
    engine: Engine, token: SoftToken, kind: type[KctuiError], title: str, **values: object
) -> KctuiError:
    with pytest.raises(kind, match=title) as refused:
        add_hsm(engine, token.new_hsm(**values))
    assert type(refused.value) is kind
    assert refused.value.remedy
    assert hsms(engine) == []
    return refused.value


# The module.


@pytest.mark.parametrize(
    ("module", "title"),
    [
        ("/nowhere/libcryptoki.so", "The PKCS#11 module /nowhere/libcryptoki.so No such file or directory"),
        ("libnowhere.so", "The PKCS#11 module libnowhere.so is in none of the usual folders"),
        ("/usr/lib", "The PKCS#11 module /usr/lib is no file"),
    ],
)
def test_a_module_that_is_not_there(engine: Engine, soft_token: SoftToken, module: str, title: str) -> None:
    error = assert_not_added(engine, soft_token, InvalidInputError, f"^{re.escape(title)}$", module=module)
    assert isinstance(error, InvalidInputError)
    assert error.field == "module"


def test_a_module_is_found_by_its_name() -> None:
    assert resolve("libsofthsm2.so") == module_file("libsofthsm2.so")


def test_a_file_that_is_no_library(engine: Engine, soft_token: SoftToken, tmp_path: Path) -> None:
    file = tmp_path / "readme.so"
    file.write_text("PKCS#11\n")
    file.chmod(0o755)
    error = assert_not_added(engine, soft_token, ModuleError, "cannot be loaded as a PKCS#11 module", module=str(file))
    assert "invalid ELF header" in error.detail or "file too short" in error.detail


def test_a_library_that_is_no_pkcs11_module(engine: Engine, soft_token: SoftToken) -> None:
    libc = module_file("libc.so.6")
    error = assert_not_added(engine, soft_token, ModuleError, "cannot be loaded as a PKCS#11 module", module=libc)
    assert error.detail.endswith("undefined symbol: C_GetFunctionList")


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_module_that_others_may_write_is_not_loaded(
    engine: Engine, soft_token: SoftToken, tmp_path: Path, mode: int
) -> None:
    copy = Path(shutil.copy(soft_token.module, tmp_path / "copied.so"))
    copy.chmod(mode)
    error = assert_not_added(
        engine, soft_token, InvalidInputError, "Others may write the PKCS#11 module", module=str(copy)
    )
    assert error.remedy == f"chown root {copy}; chmod go-w {copy}"
    assert str(copy) not in Path("/proc/self/maps").read_text()


def test_other_init_args_need_another_process(engine: Engine, makers: dict[str, SoftToken]) -> None:
    token = makers["NSS"]
    add_hsm(engine, token.new_hsm())
    with pytest.raises(ConflictError, match="is in use with other init args"):
        add_hsm(engine, token.new_hsm(name="another", init_args="configdir='sql:/nowhere'"))


def test_nss_without_init_args_says_that_it_wants_them(home: Home) -> None:
    with child(home.root) as it, pytest.raises(ChildError, match=r"^HsmUnreachableError: .* does not start") as refused:
        it.do("add", pin=PIN, key_set="s", name="v", module=module_file("libsoftokn3.so"), token_label="any")
    assert "NSS wants --init-args" in refused.value.remedy


# The token.


def test_no_such_token_lists_those_that_there_are(engine: Engine, soft_token: SoftToken) -> None:
    error = assert_not_added(
        engine, soft_token, TokenGoneError, "^The token elsewhere is not there$", token_label="elsewhere"
    )
    assert re.search(rf"^{soft_token.label}, serial [0-9a-f]+, slot \d+$", error.detail, re.MULTILINE)
    assert "--token-label" in error.remedy


@pytest.mark.parametrize("label", ["", "x" * 33, "tab\there"])
def test_what_is_no_label_is_asked_of_no_token(engine: Engine, soft_token: SoftToken, label: str) -> None:
    assert_not_added(engine, soft_token, InvalidInputError, "^That is no token label$", token_label=label)


def test_of_two_tokens_with_one_label_the_slot_chooses(engine: Engine, softhsm: SoftHsm) -> None:
    token, twin = softhsm.token("twin"), softhsm.token("twin")
    assert token == twin
    error = assert_not_added(engine, token, InvalidInputError, "^2 tokens have the label twin$")
    slots = [int(slot) for slot in re.findall(r"^twin, serial \w+, slot (\d+)$", error.detail, re.MULTILINE)]
    assert len(slots) == 2
    for number, slot in enumerate(slots):
        row = add_hsm(engine, token.new_hsm(name=f"twin {number}", slot=slot))
        assert row.slot == slot
        assert engine.tokens.check(row).serial == row.token_serial
    one, other = hsms(engine)
    assert one.token_serial != other.token_serial


def test_another_token_of_the_same_label_is_not_taken_for_it(
    engine: Engine, softhsm: SoftHsm, soft_token: SoftToken
) -> None:
    row = add_hsm(engine, soft_token.new_hsm())
    softhsm.run("--delete-token", "--token", soft_token.label)
    softhsm.token(soft_token.label)
    engine.tokens.forget()
    with pytest.raises(KctuiError, match=f"^The token {soft_token.label} with serial {row.token_serial} is not there"):
        engine.tokens.check(row)


# The PIN.


def logins(log: Path) -> list[str]:
    """What each C_Login came to, as pkcs11-spy recorded it."""
    calls = [call for call in spy.recorded(log) if call.name == "C_Login"]
    return [call.text.strip().splitlines()[-1].split()[-1] for call in calls]


@pytest.fixture
def spied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str], SoftHsm]:
    folder = tmp_path_factory.mktemp("spied")
    softhsm = SoftHsm(folder / "softhsm").make()
    token = softhsm.token("spied")
    environment = {"SOFTHSM2_CONF": str(softhsm.configuration), **spy.environment(token.module, folder / "log")}
    return folder / "log", environment, softhsm


ADD = {"key_set": "safe", "name": "vault", "token_label": "spied", "sha1": True}


def test_a_wrong_pin_is_tried_once(
    home: Home, spied: tuple[Path, dict[str, str], SoftHsm], connected: AccessKey
) -> None:
    log, environment, _ = spied
    with (
        child(home.root, environment) as it,
        pytest.raises(ChildError, match=r"^PinRefusedError: The token does not take the PIN"),
    ):
        it.do("add", pin=WRONG, module=spy.spy_module(), **ADD)
    assert logins(log) == ["CKR_PIN_INCORRECT"]


def test_an_empty_pin_is_not_tried(engine: Engine, soft_token: SoftToken) -> None:
    assert_not_added(engine, soft_token, InvalidInputError, "^The PIN is empty$", pin=Secret(""))


def test_a_pin_that_was_changed_is_tried_once_and_never_again_until_there_is_a_new_one(
    home: Home, spied: tuple[Path, dict[str, str], SoftHsm], connected: AccessKey
) -> None:
    log, environment, softhsm = spied
    with child(home.root, environment) as it:
        it.do("add", pin=PIN, module=spy.spy_module(), **ADD)
        key = it.do("create", name="payroll-db", key_set="safe", spec="SYMMETRIC_DEFAULT")
    before = len(logins(log))
    softhsm.change_pin("spied", WRONG)
    with child(home.root, environment) as it:
        with pytest.raises(ChildError, match=r"^PinRefusedError: The token does not take the PIN"):
            it.do("remove", key=key)
        assert it.do("state")[0] == TokenState.PIN_REFUSED.value
        for again in ("remove", "rotate"):
            with pytest.raises(ChildError, match=r"^PinRefusedError: The token of the HSM vault refused the PIN"):
                it.do(again, key=key)
    with child(home.root, environment) as it:  # nor does another process
        with pytest.raises(ChildError, match=r"^PinRefusedError"):
            it.do("rotate", key=key)
        assert logins(log)[before:] == ["CKR_PIN_INCORRECT"]
        with pytest.raises(ChildError, match=r"^PinRefusedError: The token does not take the PIN"):
            it.do("new_pin", pin="also-wrong")
        assert logins(log)[before:] == ["CKR_PIN_INCORRECT"] * 2
        it.do("new_pin", pin=WRONG)
        it.do("remove", key=key)
        it.do("upload", key=key)
        assert it.do("state") == [TokenState.CONNECTED.value, ""]
    assert set(logins(log)[before + 2 :]) == {"CKR_OK"}


def info(*, final_try: bool = False, locked: bool = False) -> TokenInfo:
    return TokenInfo("bank", "1", 0, "", "", "1.0", initialised=True, final_try=final_try, locked=locked)


def test_no_pin_is_spent_where_a_wrong_one_would_lock_the_token() -> None:
    """SoftHSM and NSS lock nothing: the flags are as a token that does shows them."""
    require_pin_tries(info())
    with pytest.raises(PinLockedError, match=r"^The token bank has one PIN try left: kctui does not spend it$") as last:
        require_pin_tries(info(final_try=True))
    assert "that gives the tries back" in last.value.remedy
    for final_try in (False, True):
        with pytest.raises(PinLockedError, match=r"^The PIN of the token bank is locked$"):
            require_pin_tries(info(final_try=final_try, locked=True))


# What is kept.


def opened_seal(vault: Vault, key_id: str) -> bytes:
    """The blob below its seal."""
    with vault.engine.store.read() as session:
        row = session.exec(select(KeyVersion).where(KeyVersion.cloud_key_id == key_id)).one()
    return vault.engine.keyring.open(vault.hsm.group_id, material_place(row), row.sealed_material or b"").reveal()


def reseal(vault: Vault, key_id: str, change: Callable[[bytes], bytes]) -> None:
    """Change the blob below its seal, as nobody could who has not the group's key."""
    changed = Secret(change(opened_seal(vault, key_id)))
    with vault.engine.store.write() as session:
        row = session.exec(select(KeyVersion).where(KeyVersion.cloud_key_id == key_id)).one()
        row.sealed_material = vault.engine.keyring.seal(vault.hsm.group_id, material_place(row), changed)


def assert_kept_in_the_cloud(vault: Vault, key_id: str, kind: type[KctuiError], title: str) -> None:
    """Nothing that relies on our copy is begun where that is not proven."""
    vault.box.calls.clear()
    with pytest.raises(kind, match=title):
        remove_from_cloud(vault.engine, key_id)
    with pytest.raises(kind, match=title):
        upload(vault.engine, key_id, expires_at=None)
    assert {"DeleteImportedKeyMaterial", "ImportKeyMaterial"}.isdisjoint(vault.box.calls.operations())
    row = cloud_key_row(vault.engine.store, key_id)
    assert (row.cloud_status, row.busy) == (CloudStatus.AVAILABLE, None)


@pytest.mark.parametrize("at", [0, -1])
def test_a_blob_with_a_changed_byte_is_not_opened(vault: Vault, at: int) -> None:
    key_id = create_cloud_key(vault.engine, new_key())

    def flip(blob: bytes) -> bytes:
        changed = bytearray(blob)
        changed[at] ^= 1
        return bytes(changed)

    reseal(vault, key_id, flip)
    assert_kept_in_the_cloud(vault, key_id, BlobError, "^The token does not open the key material$")
    reseal(vault, key_id, flip)
    remove_from_cloud(vault.engine, key_id)


@pytest.mark.parametrize("length", [0, 31])
def test_a_blob_that_was_cut_is_not_opened(vault: Vault, length: int) -> None:
    key_id = create_cloud_key(vault.engine, new_key())
    reseal(vault, key_id, lambda blob: blob[:length])
    assert_kept_in_the_cloud(vault, key_id, BlobError, "^The token does not open the key material$")


def test_another_versions_blob_does_not_match_the_fingerprint(vault: Vault) -> None:
    one, other = (create_cloud_key(vault.engine, new_key(name)) for name in ("one", "other"))
    blob = opened_seal(vault, other)
    reseal(vault, one, lambda _: blob)
    assert_kept_in_the_cloud(vault, one, TamperedError, "does not match its fingerprint$")


def test_a_blob_of_another_token_is_not_opened(soft_vault: Vault, soft_token: SoftToken) -> None:
    vault = soft_vault
    add_hsm(vault.engine, soft_token.new_hsm(name="another"))
    create_key_set(vault.engine, NewKeySet("elsewhere", "bank", hsm="another"))
    one = create_cloud_key(vault.engine, new_key("one"))
    other = create_cloud_key(vault.engine, new_key("other", key_set="elsewhere"))
    blob = opened_seal(vault, other)
    reseal(vault, one, lambda _: blob)
    assert_kept_in_the_cloud(vault, one, BlobError, "^The token does not open the key material$")
    # Nor does it help to say in the database that it is the other HSM's: the seal is bound to that too.
    with vault.engine.store.write() as session:
        version = session.exec(select(KeyVersion).where(KeyVersion.cloud_key_id == one)).one()
        version.hsm_id = session.exec(select(Hsm.id).where(Hsm.name == "another")).one()
    assert_kept_in_the_cloud(vault, one, TamperedError, "^A sealed value does not open: key_version")


def test_without_its_key_encryption_key_nothing_is_taken_away(soft_vault: Vault) -> None:
    vault = soft_vault
    key_id = create_cloud_key(vault.engine, new_key())
    row = vault.hsm
    with vault.engine.store.write() as session:  # as if it had been deleted with the vendor's tool
        hsm = session.get_one(Hsm, row.id)
        hsm.kek_id = "00" * 16
        hsm.sealed_pin = vault.engine.keyring.seal(hsm.group_id, pin_place(hsm), Secret(PIN))
        version = session.exec(select(KeyVersion)).one()
        blob = vault.engine.keyring.open(hsm.group_id, material_place(version), version.sealed_material or b"")
        version.kek_id = hsm.kek_id
        version.sealed_material = vault.engine.keyring.seal(hsm.group_id, material_place(version), blob)
    title = "^The key-encryption key is not on the token shared$"
    assert_kept_in_the_cloud(vault, key_id, HsmRefusedError, title)
    for ask in (lambda: rotate(vault.engine, key_id), lambda: test_hsm(vault.engine, "vault")):
        with pytest.raises(HsmRefusedError, match=title) as refused:
            ask()
        assert "restore that token" in refused.value.remedy


# A TPM.


def test_a_tpm_that_is_not_there_is_unreachable(home: Home, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    environment = {"TPM2_PKCS11_STORE": str(tmp_path / "store"), "TPM2_PKCS11_TCTI": "device:/nowhere"}
    with child(home.root, environment) as it, pytest.raises(ChildError, match=r"^HsmUnreachableError") as refused:
        it.do("add", pin=PIN, key_set="safe", name="tpm", module=module_file("libtpm2_pkcs11.so"), token_label="tpm")
    assert re.search(r"The PKCS#11 module .*/libtpm2_pkcs11\.so\S* does not start", refused.value.title)


def test_a_tpm_makes_no_keys_that_wrap_and_is_refused_with_that_reason(home: Home, tmp_path: Path) -> None:
    """tpm2-pkcs11 has no C_GenerateKey: a TPM cannot keep key material for AWS."""
    module = module_file("libtpm2_pkcs11.so")
    with swtpm(tmp_path) as environment:
        run_tool(module, environment, "--init-token", "--label", "tpm", "--so-pin", SO_PIN)
        pins = ("--so-pin", SO_PIN, "--pin", PIN, "--new-pin", PIN)
        run_tool(module, environment, "--init-pin", "--login", "--login-type", "so", "--token-label", "tpm", *pins)
        with child(home.root, environment) as it, pytest.raises(ChildError, match=r"^HsmRefusedError") as refused:
            it.do("add", pin=PIN, key_set="safe", name="tpm", module=module, token_label="tpm", sha1=True, export=True)
    assert refused.value.title == "The token tpm makes no key-encryption key"
    assert refused.value.detail.endswith("it said: it does not do that at all.")
