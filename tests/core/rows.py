"""Rows for tests that need no AWS: accounts, Key Sets and CloudKeys written straight into the store."""

from typing import Any

from sqlmodel import Session

from kctui.core.aws.credentials import secret_access_key_place
from kctui.core.engine import Engine
from kctui.core.model import CloudKey, CspAccount, KeySet, new_id
from kctui.core.secret import Secret

REGION = "eu-central-1"
AWS_ACCOUNT = "111122223333"


def group_id(engine: Engine) -> str:
    """The id of the operator's only Admin Group."""
    [group] = engine.keyring.groups
    return group


def add_account(engine: Engine, session: Session, name: str, secret: bytes = b"secret") -> CspAccount:
    """A CSP Account that nobody asked AWS about."""
    account = CspAccount(
        id=new_id(),
        name=name,
        group_id=group_id(engine),
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        sealed_secret_access_key=b"",
        region=REGION,
        partition="aws",
        aws_account_id=AWS_ACCOUNT,
        caller_arn=f"arn:aws:iam::{AWS_ACCOUNT}:user/{name}",
    )
    place = secret_access_key_place(account)
    account.sealed_secret_access_key = engine.keyring.seal(group_id(engine), place, Secret(secret))
    session.add(account)
    session.flush()
    return account


def add_key_set(engine: Engine, session: Session, account: CspAccount, name: str) -> KeySet:
    """A Key Set of an account."""
    key_set = KeySet(name=name, csp_account_id=account.id, group_id=group_id(engine))
    session.add(key_set)
    session.flush()
    return key_set


def add_cloud_key(session: Session, key_set: KeySet, name: str, **values: Any) -> CloudKey:
    """A CloudKey that KMS never heard of."""
    common: dict[str, Any] = {"region": REGION, "alias": f"alias/{name}", "kms_key_id": new_id()}
    key = CloudKey(key_set_id=key_set.id, csp_account_id=key_set.csp_account_id, name=name, **{**common, **values})
    session.add(key)
    session.flush()
    return key
