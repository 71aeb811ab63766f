"""The proof of custody: where key material was, and where it was not.

Of an HSM's, from the outside: pkcs11-spy in front of the module shows every call. A soft token lives in the process
that uses it, so a scan of that finds what the module itself left behind too: nothing is stricter than is asked of
kctui. Of software key material: it is nowhere in the process once an operation has ended, nor in any file.
"""

import os
import re
import resource
import signal
from pathlib import Path

import pytest

from kctui.core.paths import Home
from kctui.core.words import KeySpec
from kctui.demo.box import AccessKey, Box, FaultKind
from kctui.demo.box.kms.wrapping import POOL
from tests.cli.program import environment, run_program
from tests.conftest import PASSPHRASE
from tests.core.operations import REGION
from tests.hsm import spy
from tests.hsm.child import Child, ChildError, child
from tests.hsm.scan import files, found_in, is_in, memory, pieces
from tests.hsm.tokens import PIN, SoftHsm, SoftToken, nss_token

SPECS = {
    "SoftHSM": (KeySpec.SYMMETRIC_DEFAULT, KeySpec.HMAC_256, KeySpec.ECC_NIST_P384),
    "NSS": (KeySpec.RSA_2048,),
}
SOFTWARE = (KeySpec.SYMMETRIC_DEFAULT, KeySpec.HMAC_512, KeySpec.ECC_NIST_P256, KeySpec.RSA_2048)
SECRETS = re.compile(r"CKA_(VALUE|PRIVATE_EXPONENT|PRIME_[12]|EXPONENT_[12]|COEFFICIENT)$")
MADE = ("C_GenerateKey", "C_GenerateKeyPair", "C_UnwrapKey")


@pytest.fixture
def token(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[SoftToken, dict[str, str]]:
    """A token, and the environment of a process of its own that has it."""
    if request.param == "NSS":
        return nss_token(tmp_path), {}
    softhsm = SoftHsm(tmp_path / "softhsm").make()
    return softhsm.token("own"), {"SOFTHSM2_CONF": str(softhsm.configuration)}


def materials(box: Box, root: AccessKey) -> list[bytes]:
    """The key material that AWS got, as the box opened it."""
    keys = box.kms.store(root.account_id, REGION, "aws").keys.values()
    return [material.secret for key in keys for material in key.materials if material.secret]


def wanted(found: list[bytes]) -> dict[str, bytes]:
    """The pieces of several materials."""
    return {f"{number}: {name}": piece for number, one in enumerate(found) for name, piece in pieces(one).items()}


def live(process: Child, key_set: str, specs: tuple[KeySpec, ...]) -> list[str]:
    """Create, remove, upload and rotate a CloudKey of each spec."""
    made = []
    for spec in specs:
        key = process.do("create", name=f"{key_set}-{spec.value}", key_set=key_set, spec=spec.value)
        for what in ("remove", "upload", "rotate"):
            process.do(what, key=key)
        made.append(key)
    return made


def assert_nowhere(process: Child, folder: Path, looked_for: dict[str, bytes]) -> None:
    """Not in the memory of the process, nor in the database, its WAL, the log, temporary files or what it said."""
    assert found_in(memory(process.pid), looked_for) == []
    assert (folder / "home" / "kctui.db").exists()
    assert found_in(files(folder), looked_for) == []
    assert found_in(iter([("what it said", process.said.encode())]), looked_for) == []


@pytest.mark.parametrize("token", ["SoftHSM", "NSS"], indirect=True)
def test_key_material_of_an_hsm_is_in_no_call_no_memory_and_no_file(
    home: Home,
    tmp_path: Path,
    box: Box,
    connected: AccessKey,
    token: tuple[SoftToken, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    soft, variables = token
    log = tmp_path_factory.mktemp("spy") / "log"  # outside of what is scanned: it holds what AWS's keys wrapped
    specs = SPECS[soft.maker]
    with child(home.root, {**variables, **spy.environment(soft.module, log), "TMPDIR": str(tmp_path / "tmp")}) as it:
        it.do(
            "add",
            pin=PIN,
            key_set="safe",
            name="vault",
            module=spy.spy_module(),
            token_label=soft.label,
            init_args=soft.init_args,
            sha1=soft.sha1,
            export=soft.export,
        )
        probed = log.stat().st_size
        live(it, "safe", specs)
        got = materials(box, connected)
        assert len(got) == 2 * len(specs)
        looked_for = wanted(got)
        assert_nowhere(it, tmp_path, looked_for)
        it.do("lock")
    calls = spy.recorded(log)
    assert_discipline(calls)
    assert_sessions_are_left_empty(calls)
    working = spy.recorded(log, probed)
    assert_wrapped_for_aws_alone(calls, working)
    assert found_in(iter((call.name, call.data) for call in working), looked_for) == []


def assert_discipline(calls: list[spy.Call]) -> None:
    """No secret was ever told to the module, nor by it; every key is sensitive; the one that stays cannot leave."""
    assert {"C_GenerateKey", "C_WrapKey", "C_UnwrapKey", "C_DestroyObject"} <= {call.name for call in calls}
    assert not {"C_Decrypt", "C_DecryptInit", "C_CopyObject", "C_SetAttributeValue"} & {call.name for call in calls}
    for call in calls:
        if call.name == "C_CreateObject":
            assert call.template()["CKA_CLASS"] == "CKO_PUBLIC_KEY"
        if call.name in {"C_CreateObject", "C_GetAttributeValue", *MADE}:
            named = call.template("p")
            assert named
            assert not [name for name in named if SECRETS.match(name)], call.text
        if call.name in MADE:
            made = call.template("pPrivateKeyTemplate" if call.name == "C_GenerateKeyPair" else "pTemplate")
            assert made["CKA_SENSITIVE"] == "True", call.text
            if made["CKA_TOKEN"] == "True":
                assert made["CKA_EXTRACTABLE"] == "False"
                able = {name for name in ("ENCRYPT", "DECRYPT", "SIGN", "VERIFY", "WRAP", "UNWRAP", "DERIVE")
                        if made.get(f"CKA_{name}") == "True"}  # fmt: skip
                assert able == {"WRAP", "UNWRAP"}


def assert_sessions_are_left_empty(calls: list[spy.Call]) -> None:
    """Every object of a session is destroyed; one is left on the token: the key-encryption key."""
    left: set[str] = set()
    kept: set[str] = set()
    for call in calls:
        if not call.succeeded:
            continue
        if call.name in {*MADE, "C_CreateObject"}:
            handles = {call.value(name) for name in ("hKey", "hPublicKey", "hPrivateKey", r"\*phObject")} - {""}
            on_token = call.template("p").get("CKA_TOKEN") == "True"
            (kept if on_token else left).update(handles)
        if call.name == "C_DestroyObject":
            left.remove(call.value("hObject"))
    assert (left, len(kept)) == (set(), 1)


def assert_wrapped_for_aws_alone(calls: list[spy.Call], working: list[spy.Call]) -> None:
    """After the probe, a key is wrapped only by the key-encryption key, AWS's, or one that goes to AWS with it."""
    [stored] = {call.value("hKey") for call in calls if call.template().get("CKA_TOKEN") == "True"}
    found = {found for call in working if call.name == "C_FindObjects" for found in re.findall(r"0x\w+", call.text)}
    given = {key.public_key().public_numbers().n.to_bytes(512) for keys in POOL._keys.values() for key in keys
             if key.key_size == 4096}  # fmt: skip
    aws, ours = set[str](), {stored} | found
    for call in working:
        if call.name == "C_CreateObject":
            assert any(modulus in call.data for modulus in given), "a public key that AWS did not give"
            aws.add(call.value(r"\*phObject"))
        if call.name == "C_GenerateKey" and call.template().get("CKA_WRAP") == "True":
            ours.add(call.value("hKey"))
    wrapping = {call.value("hWrappingKey") for call in working if call.name == "C_WrapKey"}
    assert wrapping <= aws | ours
    assert wrapping & aws


@pytest.mark.parametrize("spec", SOFTWARE)
def test_software_key_material_is_nowhere_once_an_operation_has_ended(
    home: Home, tmp_path: Path, box: Box, connected: AccessKey, spec: KeySpec
) -> None:
    with child(home.root, {"TMPDIR": str(tmp_path / "tmp")}) as it:
        [key] = live(it, "payroll", (spec,))
        looked_for = wanted(materials(box, connected))
        assert looked_for
        assert_nowhere(it, tmp_path, looked_for)
        # And the scan would have found it: a copy that is held on purpose is found.
        it.do("hold", key=key)
        assert is_in(memory(it.pid), looked_for)


@pytest.mark.parametrize("spec", SOFTWARE)
def test_what_is_raised_on_the_way_holds_no_material(
    home: Home, tmp_path: Path, box: Box, connected: AccessKey, spec: KeySpec
) -> None:
    with child(home.root, {"TMPDIR": str(tmp_path / "tmp")}) as it:
        key = it.do("create", name="payroll-db", key_set="payroll", spec=spec.value)
        looked_for = wanted(materials(box, connected))
        it.do("remove", key=key)
        box.faults.add("ImportKeyMaterial", FaultKind.ACCESS_DENIED)
        try:
            with pytest.raises(ChildError) as raised:
                it.do("upload", key=key)
        finally:
            box.faults.clear()
        assert "import_material" in raised.value.trace
        told = iter([("the error with its traceback and locals", raised.value.trace.encode())])
        assert found_in(told, looked_for) == []
        assert_nowhere(it, tmp_path, looked_for)


def test_nothing_that_kctui_prints_or_writes_holds_key_material(
    home: Home, tmp_path: Path, box: Box, connected: AccessKey
) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    passphrase.chmod(0o600)
    environ = environment(home.root, passphrase, TMPDIR=str(tmp_path / "tmp"))
    at = ("--key-set", "payroll", "--region", REGION)
    said = []
    for command in (
        ("key", "create", "db", *at, "--key-spec", KeySpec.ECC_NIST_P256.value),
        ("key", "remove-from-cloud", "db", *at, "--confirm", "db"),
        ("key", "upload", "db", *at),
        ("key", "rotate", "db", *at),
        ("key", "show", "db", *at, "--json"),
        ("audit", "list", "--json"),
    ):
        done = run_program(*command, env=environ)
        assert done.returncode == 0, done.stderr
        said.append((" ".join(command), (done.stdout + done.stderr).encode()))
    looked_for = wanted(materials(box, connected))
    assert len(materials(box, connected)) == 2
    assert found_in(iter(said), looked_for) == []
    assert found_in(files(tmp_path), looked_for) == []


@pytest.mark.parametrize("hardened", [True, False])
def test_a_crash_in_the_middle_leaves_no_core(home: Home, tmp_path: Path, connected: AccessKey, hardened: bool) -> None:
    """Whether it left one is told by the kernel, wherever that puts it; not hardened, it does, if it may at all."""
    with child(home.root, {"TMPDIR": str(tmp_path / "tmp")}) as it:
        key = it.do("create", name="payroll-db", key_set="payroll", spec="SYMMETRIC_DEFAULT")
        it.do("remove", key=key)
        how = it.die("crash", key=key, at="ImportKeyMaterial 1", folder=str(tmp_path), hardened=hardened)
    assert os.WTERMSIG(how) == signal.SIGABRT
    may = resource.getrlimit(resource.RLIMIT_CORE)[1] != 0
    assert os.WCOREDUMP(how) is (may and not hardened)
    cores = list(tmp_path.glob("core*"))
    for core in cores:
        core.unlink()  # as large as the process was
    assert not (hardened and cores)
