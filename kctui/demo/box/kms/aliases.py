"""Aliases (AWS KMS Developer Guide, "Aliases in AWS KMS")."""

import re

from kctui.demo.box.errors import AwsError
from kctui.demo.box.values import Answer, Member

from .call import KmsCall
from .paging import page
from .registry import LIVING, operation
from .state import Alias, Key

PER_KEY = 50
_NAME = re.compile(r"alias/[a-zA-Z0-9:/_-]+")


def _checked_name(call: KmsCall) -> str:
    name = call.params.text("AliasName")
    if not _NAME.fullmatch(name):
        raise _invalid(call, f"Alias must start with the prefix 'alias/': {name}")
    if name.startswith("alias/aws/"):
        raise _invalid(call, "The alias/aws/ prefix is reserved for AWS managed keys.")
    return name


def _invalid(call: KmsCall, message: str) -> AwsError:
    """Only CreateAlias knows InvalidAliasNameException; elsewhere such a name is malformed input."""
    known = call.knows("InvalidAliasNameException")
    return AwsError("InvalidAliasNameException" if known else "ValidationException", message)


def _room(call: KmsCall, key: Key) -> None:
    if len(call.store.aliases_of(key)) >= PER_KEY:
        raise AwsError("LimitExceededException", f"A KMS key can have at most {PER_KEY} aliases.")


def _target(call: KmsCall) -> Key:
    """Return the key that the request points to, by id or ARN: an alias cannot point to an alias."""
    return call.find(call.params.text("TargetKeyId"))


@operation("CreateAlias", allowed=LIVING, asks_itself=True)
def create_alias(call: KmsCall) -> None:
    """CreateAlias needs kms:CreateAlias on the alias and on the key."""
    name = _checked_name(call)
    arn = call.store.arn(name)
    call.authorize_resource(arn)
    key = call.admit(_target(call))
    if name in call.store.aliases:
        raise AwsError("AlreadyExistsException", f"An alias with the name {arn} already exists")
    _room(call, key)
    call.store.aliases[name] = Alias(name, key.key_id, call.now, call.now)


def _existing(call: KmsCall, name: str) -> Alias:
    alias = call.store.aliases.get(name)
    if alias is None or alias.target is None:
        raise AwsError("NotFoundException", f"Alias {call.store.arn(name)} is not found.")
    return alias


@operation("UpdateAlias", allowed=LIVING, asks_itself=True)
def update_alias(call: KmsCall) -> None:
    """UpdateAlias needs kms:UpdateAlias on the alias and on both keys; only the new one's state matters.

    "The current and new KMS key must be the same type, and they must have the same key usage."
    """
    name = _checked_name(call)
    call.authorize_resource(call.store.arn(name))
    alias = _existing(call, name)
    target = call.admit(_target(call))
    old = call.store.keys.get(alias.target or "")
    if old is not None:
        call.authorize(old)
        if (old.spec.family, old.usage) != (target.spec.family, target.usage):
            raise AwsError(
                "ValidationException",
                f"Alias {call.store.arn(name)} cannot be changed from {old.spec.name} ({old.usage}) "
                f"to {target.spec.name} ({target.usage}).",
            )
    if old is not target:
        _room(call, target)
    alias.target = target.key_id
    alias.updated = call.now


@operation("DeleteAlias", asks_itself=True)
def delete_alias(call: KmsCall) -> None:
    """DeleteAlias needs kms:DeleteAlias on the alias and on the key, whatever the key's state."""
    name = call.params.text("AliasName")
    call.authorize_resource(call.store.arn(name))
    alias = _existing(call, name)
    key = call.store.keys.get(alias.target or "")
    if key is not None:
        call.admit(key)
    del call.store.aliases[name]


@operation("ListAliases", asks_itself=True)
def list_aliases(call: KmsCall) -> Answer:
    """ListAliases: up to 100 a page, 50 by default; AWS's predefined aliases have no TargetKeyId."""
    call.authorize_resource()
    aliases = list(call.store.aliases.values())
    name = call.params.maybe_text("KeyId")
    if name is not None:
        key = call.find(name)
        aliases = [alias for alias in aliases if alias.target == key.key_id]
    found, answer = page(call, [(alias.name, alias) for alias in aliases], default=50, longest=100)
    return answer | {"Aliases": [_entry(call, alias) for alias in found]}


def _entry(call: KmsCall, alias: Alias) -> dict[str, Member]:
    return {
        "AliasName": alias.name,
        "AliasArn": call.store.arn(alias.name),
        "TargetKeyId": alias.target,
        "CreationDate": alias.created,
        "LastUpdatedDate": alias.updated,
    }
