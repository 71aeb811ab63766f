"""The key-encryption key: AES-256 on the token, under which key material is kept as blobs."""

import contextlib
from typing import Any

from pkcs11 import Attribute, Key, KeyType, MechanismFlag, ObjectClass, SecretKey
from pkcs11 import exceptions as p11

from kctui.core.errors import TamperedError
from kctui.core.pkcs11.connection import Opened
from kctui.core.pkcs11.errors import HsmRefusedError

KEK_BITS = 256
_USES = (Attribute.ENCRYPT, Attribute.DECRYPT, Attribute.SIGN, Attribute.VERIFY, Attribute.DERIVE)


def make_kek(opened: Opened, kek_id: bytes, label: str, *, store: bool) -> SecretKey:
    """Make a key-encryption key: AES-256, which can wrap and unwrap only, and never leaves the token.

    store: on the token; else for this session, for the probe.
    """
    template: dict[Attribute, Any] = {
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
    }

    def make(more: dict[Attribute, Any]) -> SecretKey:
        return opened.session.generate_key(
            KeyType.AES,
            KEK_BITS,
            id=kek_id,
            label=label,
            store=store,
            capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
            template={**template, **more},
        )

    try:
        return make({Attribute.MODIFIABLE: False})
    except (p11.AttributeValueInvalid, p11.AttributeTypeInvalid, p11.AttributeReadOnly, p11.TemplateInconsistent):
        # CloudHSM takes MODIFIABLE only as it is by default. What the key may do is looked at each time it is used.
        return make({})


def has_key(opened: Opened, key_id: bytes) -> bool:
    """Whether the token has a key of this CKA_ID."""
    return bool(list(opened.session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: key_id})))


def find_kek(opened: Opened, kek_id: bytes) -> SecretKey:
    """The key-encryption key. Raises HsmRefusedError where it is not there, TamperedError where it could do more."""
    template = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.ID: kek_id}
    found = list(opened.session.get_objects(template))
    if len(found) != 1 or not isinstance(found[0], SecretKey):
        opened.require_present()  # a token that is away may show no key instead of an error
        raise HsmRefusedError(
            f"The key-encryption key is not on the token {opened.info.label}",
            detail=f"{len(found)} keys there have the id {kek_id.hex()}.",
            remedy="Put the token back that it was made on, or restore that token from the HSM's own backup.",
        )
    kek = found[0]
    sound = is_set(kek, Attribute.SENSITIVE) and not is_set(kek, Attribute.EXTRACTABLE) and _made_there(kek)
    able = is_set(kek, Attribute.WRAP) and is_set(kek, Attribute.UNWRAP)
    if not sound or not able or any(is_set(kek, use) for use in _USES):
        raise TamperedError(
            f"The key-encryption key on the token {opened.info.label} is not as it was made",
            detail=f"Its id is {kek_id.hex()}. It must be made on the token, never leave it, and wrap and unwrap only.",
            remedy="Do not go on with this token. Find out who changed or replaced it.",
        )
    return kek


def is_set(key: Key, attribute: Attribute) -> bool:
    """Whether an attribute of a key is true."""
    return bool(key[attribute])


def _made_there(kek: Key) -> bool:
    """Whether the token made the key itself or never let it out, where it tells either: else somebody knows it."""
    told = []
    for attribute in (Attribute.LOCAL, Attribute.NEVER_EXTRACTABLE):
        with contextlib.suppress(p11.AttributeTypeInvalid):
            told.append(is_set(kek, attribute))
    return not told or any(told)
