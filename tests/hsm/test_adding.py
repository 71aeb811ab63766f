"""Adding and testing an HSM: what the probe finds and keeps, the consents, and what the sealed PIN is bound to."""

import json
from collections.abc import Callable

import pytest
from pkcs11 import Attribute
from sqlmodel import col, select

from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, KctuiError, RefusedError, TamperedError
from kctui.core.hsm_changes import remove_hsm
from kctui.core.hsms import add_hsm, conformance_of, find_hsm, test_hsm
from kctui.core.material.aws_wrapping import WrappingHash
from kctui.core.model import AuditEntry, Hsm
from kctui.core.pkcs11 import key_encryption
from kctui.core.pkcs11.connection import Connection, Opened
from kctui.core.pkcs11.errors import TokenFullError
from kctui.core.pkcs11.findings import Conformance
from kctui.core.pkcs11.module import Where
from kctui.core.pkcs11.ways import Way
from kctui.core.secret import Secret
from kctui.core.words import MADE_SPECS, AuditType, KeySpec
from tests.hsm.child import ChildError, child
from tests.hsm.conftest import Kept, Vault
from tests.hsm.tokens import PIN, SoftHsm, SoftToken

# pytest would take it for a test.
test_hsm.__test__ = False  # type: ignore[attr-defined]

# What is known of the versions that distributions have. Of another version only what must always hold is asserted.
KNOWN = {
    "SoftHSM Implementation of PKCS11 2.6": {
        KeySpec.SYMMETRIC_DEFAULT,
        KeySpec.HMAC_256,
        KeySpec.HMAC_384,
        KeySpec.HMAC_512,
        KeySpec.ECC_NIST_P384,
        KeySpec.ECC_SECG_P256K1,
    },
    "Mozilla Foundation NSS Internal Crypto Services 3.87": set(MADE_SPECS) - {KeySpec.ECC_SECG_P256K1},
}


def only(engine: Engine) -> Hsm:
    with engine.store.read() as session:
        return session.exec(select(Hsm)).one()


def warnings(engine: Engine) -> list[str]:
    with engine.store.read() as session:
        statement = select(AuditEntry).where(AuditEntry.type == AuditType.WARNING).order_by(col(AuditEntry.seq))
        return [entry.message for entry in session.exec(statement)]


def objects_on(token: SoftToken) -> int:
    """How many keys there are on a token."""
    connection = Connection(Where(token.module, token.label, init_args=token.init_args), lambda: Secret(PIN))
    try:
        return connection.run(lambda opened: len(list(opened.session.get_objects({}))), "counting")
    finally:
        connection.close()


def test_the_probe_finds_what_is_known_of_the_module(kept: Kept) -> None:
    row = kept.hsm
    found = Conformance.from_json(row.conformance)
    works = {spec for spec in found.specs if found.why_not(spec, sha1=True) is None}
    assert set(found.specs) == set(MADE_SPECS)
    assert KeySpec.SYMMETRIC_DEFAULT in works
    known = KNOWN.get(row.probed_for.split("/")[1])
    if known is not None:
        assert works == known
        assert found.exports is kept.token.export
        assert (set(found.sha1_only) == works) is kept.token.sha1
        ways = {way for each in found.specs.values() for way in each.ways}
        assert {way.hash for way in ways} == (
            {WrappingHash.SHA_1} if kept.token.sha1 else {WrappingHash.SHA_1, WrappingHash.SHA_256}
        )
        # Neither module wraps natively what two steps wrap.
        assert not any(way.native for way in ways)


def test_a_refusal_names_a_reason_for_each_way(kept: Kept) -> None:
    found = Conformance.from_json(kept.hsm.conformance)
    for spec, each in found.specs.items():
        refusal = found.why_not(spec, sha1=True)
        if refusal is not None:
            assert refusal.detail
            assert each.refused
            assert all(reason in refusal.detail or each.ways for reason in map(str, each.ways))


def test_the_result_is_kept_by_library_token_and_firmware(kept: Kept) -> None:
    row = kept.hsm
    edition, library, model, serial, firmware = row.probed_for.split("/")
    assert (serial, model) == (row.token_serial, row.token_model)
    assert all((edition, library, firmware))
    first = test_hsm(kept.engine, row.name)
    assert (first.probed_now, first.probed_at) == (False, row.probed_at)
    assert conformance_of(kept.engine, row) == first.conformance
    assert test_hsm(kept.engine, row.name, again=True).probed_now
    assert kept.hsm.probed_at > row.probed_at


def test_an_updated_library_is_probed_anew_before_it_is_relied_on(kept: Kept) -> None:
    before = kept.hsm
    old = json.loads(before.conformance)
    for each in old["specs"].values():
        each.update(ways=[Way.OAEP_SHA_256.value], refused={})
    with kept.engine.store.write() as session:
        row = session.get_one(Hsm, before.id)
        row.probed_for, row.conformance = row.probed_for.replace("/", "/older ", 1), json.dumps(old)
    found = conformance_of(kept.engine, kept.hsm)
    assert found == Conformance.from_json(before.conformance)
    assert (kept.hsm.probed_for, kept.hsm.conformance) == (before.probed_for, before.conformance)


def test_sha1_needs_consent_and_nothing_is_left_without(engine: Engine, soft_token: SoftToken) -> None:
    with pytest.raises(RefusedError, match="with SHA-1 only") as refused:
        add_hsm(engine, soft_token.new_hsm(sha1=False))
    assert "--allow-sha1" in refused.value.remedy
    with engine.store.read() as session:
        assert session.exec(select(Hsm)).all() == []
    assert objects_on(soft_token) == 0
    assert warnings(engine) == []


def test_a_token_that_lets_its_keys_out_needs_consent(engine: Engine, makers: dict[str, SoftToken]) -> None:
    token = makers["NSS"]
    before = objects_on(token)
    with pytest.raises(RefusedError, match="lets keys out that are marked as never to be let out") as refused:
        add_hsm(engine, token.new_hsm(export=False))
    assert "--allow-export" in refused.value.remedy
    with engine.store.read() as session:
        assert session.exec(select(Hsm)).all() == []
    assert objects_on(token) == before
    assert warnings(engine) == []


def test_each_consent_is_a_warning_in_the_audit_log(engine: Engine, soft_token: SoftToken) -> None:
    add_hsm(engine, soft_token.new_hsm(export=True))
    of_sha1, of_export = warnings(engine)
    assert of_sha1.startswith("Consent to wrapping with SHA-1 for HSM vault; needed by SYMMETRIC_DEFAULT, ")
    assert of_export == "Consent to HSM vault letting non-extractable keys out, which it does not at present"
    assert engine.audit.verify().wrong_at is None
    assert objects_on(soft_token) == 1


def test_a_consent_is_told_with_what_the_token_does(kept: Kept) -> None:
    told = warnings(kept.engine)
    assert len(told) == 1
    assert ("SHA-1" in told[0]) is kept.token.sha1
    assert told[0].endswith("which it does") is kept.token.export


@pytest.mark.parametrize(
    "change",
    [
        lambda row: setattr(row, "sha1_allowed", not row.sha1_allowed),
        lambda row: setattr(row, "export_allowed", not row.export_allowed),
        lambda row: setattr(row, "module", "/tmp/another.so"),
        lambda row: setattr(row, "init_args", "configdir='sql:elsewhere'"),
        lambda row: setattr(row, "token_label", "another"),
        lambda row: setattr(row, "token_serial", "another"),
        lambda row: setattr(row, "slot", 4711),
        lambda row: setattr(row, "kek_id", "00" * 16),
    ],
)
def test_the_pin_opens_only_beside_what_it_was_given_for(soft_kept: Kept, change: Callable[[Hsm], None]) -> None:
    """Whoever writes the database gives no consent, and has no other library loaded or token used."""
    with soft_kept.engine.store.write() as session:
        change(session.exec(select(Hsm)).one())
    with pytest.raises(TamperedError, match=r"A sealed value does not open: hsm\.sealed_pin"):
        soft_kept.engine.tokens.check(soft_kept.hsm)
    with pytest.raises(TamperedError):
        test_hsm(soft_kept.engine, "vault", new_pin=Secret(PIN))


def test_the_key_encryption_key_can_wrap_and_unwrap_and_never_leaves(soft_kept: Kept) -> None:
    row = soft_kept.hsm

    def attributes(opened: Opened) -> set[str]:
        kek = key_encryption.find_kek(opened, bytes.fromhex(row.kek_id))
        names = ("TOKEN", "PRIVATE", "SENSITIVE", "EXTRACTABLE", "MODIFIABLE", "WRAP", "UNWRAP", "ENCRYPT", "DECRYPT",
                 "SIGN", "VERIFY", "DERIVE", "NEVER_EXTRACTABLE", "ALWAYS_SENSITIVE")  # fmt: skip
        return {name for name in names if kek[Attribute[name]]}

    found = soft_kept.engine.tokens.run(row, attributes, "looking at the key-encryption key")
    assert found == {"TOKEN", "PRIVATE", "SENSITIVE", "WRAP", "UNWRAP", "NEVER_EXTRACTABLE", "ALWAYS_SENSITIVE"}


def test_one_token_is_one_hsm(kept: Kept) -> None:
    with pytest.raises(ConflictError, match="That token is the HSM vault already"):
        add_hsm(kept.engine, kept.token.new_hsm(name="another"))


def test_an_hsm_that_a_key_set_needs_is_not_removed(vault: Vault) -> None:
    row = vault.hsm
    with pytest.raises(RefusedError, match="Remove HSM of vault is refused: it is in use") as refused:
        remove_hsm(vault.engine, row.id, confirmation=row.name, revision=row.revision)
    assert refused.value.detail.startswith("1 Key Set and 0 key materials need it")


def test_a_removed_hsm_leaves_its_key_encryption_key(engine: Engine, soft_token: SoftToken) -> None:
    row = add_hsm(engine, soft_token.new_hsm())
    remove_hsm(engine, row.id, confirmation="vault", revision=row.revision)
    with pytest.raises(KctuiError, match="There is no HSM vault"), engine.store.read() as session:
        find_hsm(session, "vault")
    assert objects_on(soft_token) == 1


def test_a_full_disk_under_a_token_loses_nothing(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    """SoftHSM says that it made a key which a full disk did not take: it has it in memory alone."""
    softhsm = SoftHsm(tmp_path_factory.mktemp("full") / "softhsm").make()
    token = softhsm.token("full")
    with child(engine.home.root, {"SOFTHSM2_CONF": str(softhsm.configuration)}) as it:
        it.do("limit_files", size=300)
        with pytest.raises(ChildError, match="The token did not keep the key-encryption key") as refused:
            it.do("add", pin=PIN, key_set="safe", name="vault", module=token.module, token_label="full", sha1=True)
    assert refused.value.kind == TokenFullError.__name__
    with engine.store.read() as session:
        assert session.exec(select(Hsm)).all() == []
