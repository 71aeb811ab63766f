"""The key-encryption key: one that the token made, and that wraps and unwraps only; any other is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pkcs11 import Attribute, KeyType, ObjectClass

from kctui.core.errors import TamperedError
from kctui.core.hsms import add_hsm
from kctui.core.hsms import test_hsm as examine
from kctui.core.operations import create_cloud_key
from kctui.core.paths import Home
from kctui.core.pkcs11 import key_encryption, objects
from kctui.core.pkcs11.connection import Opened
from kctui.demo.box import Box
from tests.core.operations import new_key
from tests.hsm.conftest import Vault, open_vault, with_account
from tests.hsm.tokens import HSM, SoftToken


@pytest.fixture
def own(soft_token: SoftToken, template_home: Home, tmp_path: Path, box: Box) -> Iterator[Vault]:
    """On a token of its own, whose key-encryption key may be changed."""
    with open_vault(template_home, tmp_path / "home") as engine:
        add_hsm(engine, soft_token.new_hsm())
        with with_account(engine, soft_token, box) as vault:
            yield vault
        engine.tokens.forget()


def _replace(vault: Vault, **more: bool) -> None:
    """Put a key whose value is known in its place."""
    kek_id = bytes.fromhex(vault.hsm.kek_id)
    template = {
        Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.VALUE: b"\x01" * 32,
        Attribute.ID: kek_id, Attribute.TOKEN: True, Attribute.PRIVATE: True, Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False, Attribute.WRAP: True, Attribute.UNWRAP: True, Attribute.ENCRYPT: False,
        Attribute.DECRYPT: False, Attribute.SIGN: False, Attribute.VERIFY: False, Attribute.DERIVE: False,
    }  # fmt: skip

    def job(opened: Opened) -> None:
        objects.destroy(key_encryption.find_kek(opened, kek_id))
        opened.session.create_object(template | {Attribute[name]: value for name, value in more.items()})

    vault.engine.tokens.run(vault.hsm, job, "planting a key")


@pytest.mark.parametrize("more", [{}, {"DECRYPT": True}, {"EXTRACTABLE": True}], ids=["known", "decrypts", "leaves"])
def test_one_that_was_put_in_its_place_is_refused(own: Vault, more: dict[str, bool]) -> None:
    _replace(own, **more)
    with pytest.raises(TamperedError, match="not as it was made"):
        examine(own.engine, HSM)
    with pytest.raises(TamperedError):
        create_cloud_key(own.engine, new_key())
