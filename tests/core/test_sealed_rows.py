"""Sealed columns of the real database: moved, they do not open."""

from collections.abc import Callable

import pytest
from sqlmodel import Session, select

from kctui.core.aws.credentials import AccessKey, secret_access_key_place
from kctui.core.engine import Engine
from kctui.core.errors import TamperedError
from kctui.core.material.custody import new_version, open_material
from kctui.core.model import CspAccount, KeyVersion
from kctui.core.observer import Silent
from kctui.core.secret import Secret
from kctui.core.words import CredentialKind, KeySpec
from tests.core.rows import add_account, add_cloud_key, add_key_set, group_id


def keys(engine: Engine, session: Session) -> tuple[KeyVersion, KeyVersion]:
    """Two CloudKeys' versions, with material of their own."""
    account = add_account(engine, session, "bank")
    key_set = add_key_set(engine, session, account, "payroll")
    made = []
    for name in ("first", "second"):
        key = add_cloud_key(session, key_set, name)
        version = new_version(engine, key_set, key.id, 1, KeySpec.SYMMETRIC_DEFAULT, "us-east-1", Silent())
        session.add(version)
        session.flush()
        made.append(version)
    return made[0], made[1]


def test_swapped_secret_access_keys_do_not_open(engine: Engine) -> None:
    with engine.store.write() as session:
        one, two = (add_account(engine, session, name) for name in ("one", "two"))
        one.sealed_secret_access_key, two.sealed_secret_access_key = (
            two.sealed_secret_access_key,
            one.sealed_secret_access_key,
        )
    for name in ("one", "two"):
        with engine.store.read() as session:
            account = session.exec(select(CspAccount).where(CspAccount.name == name)).one()
        with pytest.raises(TamperedError):
            engine.clients.session(account)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint_url", "https://kms.example.com"),
        ("region", "us-gov-east-1"),
        ("partition", "aws-cn"),
        ("aws_account_id", "444455556666"),
        ("access_key_id", "AKIAI44QH8DHBEXAMPLE"),
    ],
)
def test_a_secret_access_key_opens_for_nobody_and_nowhere_else(engine: Engine, field: str, value: str) -> None:
    with engine.store.write() as session:
        setattr(add_account(engine, session, "one"), field, value)
    with engine.store.read() as session:
        account = session.exec(select(CspAccount)).one()
    with pytest.raises(TamperedError, match="The credentials of the CSP Account one") as refused:
        engine.clients.session(account)
    assert "endpoint" in refused.value.detail
    assert "backup" in refused.value.remedy


def test_an_untouched_secret_access_key_opens(engine: Engine) -> None:
    with engine.store.write() as session:
        add_account(engine, session, "one", secret=b"the secret")
    with engine.store.read() as session:
        account = session.exec(select(CspAccount)).one()
    credential = engine.clients.session(account).credentials.credential
    assert isinstance(credential, AccessKey)
    assert credential.secret_access_key.reveal() == b"the secret"


@pytest.mark.parametrize("source", [{"profile": "byok"}, {"access_key_id": "AKIAIOSFODNN7EXAMPLE"}, {}])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("credential_kind", CredentialKind.ACCESS_KEY),
        ("credential_kind", CredentialKind.PROFILE),
        ("credential_kind", CredentialKind.INSTANCE_ROLE),
        ("profile", "other"),
        ("role_arn", "arn:aws:iam::444455556666:role/kctui"),
        ("external_id", None),
        ("endpoint_url", "https://kms.example.com"),
        ("access_key_id", "AKIAI44QH8DHBEXAMPLE"),
        ("aws_account_id", "444455556666"),
    ],
)
def test_a_credential_without_a_secret_of_its_own_is_bound_as_well(
    engine: Engine, source: dict[str, str], field: str, value: object
) -> None:
    with engine.store.write() as session:
        account = add_account(engine, session, "one")
        account.access_key_id, account.profile = source.get("access_key_id", ""), source.get("profile")
        account.credential_kind, account.role_arn = CredentialKind.ASSUME_ROLE, "arn:aws:iam::111122223333:role/kctui"
        account.external_id = "7c1f"
        place = secret_access_key_place(account)
        account.sealed_secret_access_key = engine.keyring.seal(account.group_id, place, Secret(b"sealed"))
    with engine.store.read() as session:
        engine.clients.session(session.exec(select(CspAccount)).one())
    with engine.store.write() as session:
        setattr(session.exec(select(CspAccount)).one(), field, value)
    engine.clients.forget()
    with engine.store.read() as session, pytest.raises(TamperedError, match="The credentials of the CSP Account one"):
        engine.clients.session(session.exec(select(CspAccount)).one())


def test_swapped_key_materials_do_not_open(engine: Engine) -> None:
    with engine.store.write() as session:
        one, two = keys(engine, session)
        one.sealed_material, two.sealed_material = two.sealed_material, one.sealed_material
        one.fingerprint, two.fingerprint = two.fingerprint, one.fingerprint
    with engine.store.read() as session:
        versions = session.exec(select(KeyVersion)).all()
    for version in versions:
        with pytest.raises(TamperedError):
            open_material(engine.keyring, group_id(engine), version)


def _other_fingerprint(one: KeyVersion, two: KeyVersion) -> None:
    one.fingerprint = two.fingerprint


def _flipped_bit(one: KeyVersion, two: KeyVersion) -> None:
    assert one.sealed_material is not None
    one.sealed_material = one.sealed_material[:-1] + bytes([one.sealed_material[-1] ^ 1])


def _other_cloud_key(one: KeyVersion, two: KeyVersion) -> None:
    one.cloud_key_id, one.number = two.cloud_key_id, 2


def _other_number(one: KeyVersion, two: KeyVersion) -> None:
    one.number = 2


@pytest.mark.parametrize("tamper", [_other_fingerprint, _flipped_bit, _other_cloud_key, _other_number])
def test_tampered_key_material_is_not_given_out(
    engine: Engine, tamper: Callable[[KeyVersion, KeyVersion], None]
) -> None:
    with engine.store.write() as session:
        one, two = keys(engine, session)
        tamper(one, two)
        wrong, right = one.id, two.id
    with engine.store.read() as session:
        assert len(open_material(engine.keyring, group_id(engine), session.get_one(KeyVersion, right))) == 32
        with pytest.raises(TamperedError):
            open_material(engine.keyring, group_id(engine), session.get_one(KeyVersion, wrong))


def test_the_database_file_holds_no_secret_in_the_plain(engine: Engine) -> None:
    with engine.store.write() as session:
        add_account(engine, session, "one", secret=b"wJalrXUtnFEMI/K7MDENG")
        version, _ = keys(engine, session)
    material = open_material(engine.keyring, group_id(engine), version).reveal()
    stored = b"".join(path.read_bytes() for path in engine.home.root.iterdir())
    assert stored.count(b"payroll") > 0
    assert b"wJalrXUtnFEMI/K7MDENG" not in stored
    assert material not in stored
    assert material.hex().encode() not in stored
