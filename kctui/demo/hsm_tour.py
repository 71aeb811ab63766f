"""The tour with an HSM: a token of SoftHSM from its initialisation on, and a key of each family made and kept in it.

SoftHSM 2.6 wraps no RSA key to the byte, which the probe finds out and the tour shows. Where NSS's softokn is there,
the RSA family is walked in a token of that.
"""

import secrets
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kctui.core.errors import ConfigurationError, InvalidInputError
from kctui.core.pkcs11.module import resolve
from kctui.core.words import KeySpec
from kctui.demo.walk import ACCOUNT, REGION, Out, TourError, Walk, request, throw_away

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient

_SOFTHSM, _NSS = "libsofthsm2.so", "libsoftokn3.so"
_MESSAGE = b"4556 7375 8689 9855"
# Exit codes: an input that is not possible, and a refusal.
_USAGE, _REFUSED = 2, 5


@dataclass(frozen=True)
class _Family:
    """A family, the key that stands for it, and its use: `use` gives what `check` must find still true later."""

    title: str
    name: str
    spec: KeySpec
    use: "Callable[[KMSClient, str], bytes]"
    check: "Callable[[KMSClient, str, bytes], object]"


def _encrypt(kms: "KMSClient", key: str) -> bytes:
    return kms.encrypt(KeyId=key, Plaintext=_MESSAGE)["CiphertextBlob"]


def _decrypt(kms: "KMSClient", key: str, blob: bytes) -> object:
    answer = kms.decrypt(KeyId=key, CiphertextBlob=blob)
    if answer["Plaintext"] != _MESSAGE:
        raise TourError("the ciphertext decrypts to something else")
    return answer


def _generate_mac(kms: "KMSClient", key: str) -> bytes:
    return kms.generate_mac(KeyId=key, MacAlgorithm="HMAC_SHA_256", Message=_MESSAGE)["Mac"]


def _verify_mac(kms: "KMSClient", key: str, mac: bytes) -> object:
    answer = kms.verify_mac(KeyId=key, MacAlgorithm="HMAC_SHA_256", Message=_MESSAGE, Mac=mac)
    if not answer["MacValid"]:
        raise TourError("the MAC does not verify")
    return answer


def _sign(kms: "KMSClient", key: str) -> bytes:
    return kms.sign(KeyId=key, SigningAlgorithm="ECDSA_SHA_384", Message=_MESSAGE, MessageType="RAW")["Signature"]


def _verify(kms: "KMSClient", key: str, signature: bytes) -> object:
    answer = kms.get_public_key(KeyId=key)
    public = load_der_public_key(answer["PublicKey"])
    with suppress(InvalidSignature):
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, _MESSAGE, ec.ECDSA(hashes.SHA384()))
            return answer
    raise TourError("the signature does not verify with the key's public key")


def _encrypt_rsa(kms: "KMSClient", key: str) -> bytes:
    return kms.encrypt(KeyId=key, Plaintext=_MESSAGE, EncryptionAlgorithm="RSAES_OAEP_SHA_256")["CiphertextBlob"]


def _decrypt_rsa(kms: "KMSClient", key: str, blob: bytes) -> object:
    answer = kms.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
    if answer["Plaintext"] != _MESSAGE:
        raise TourError("the ciphertext decrypts to something else")
    return answer


_SYMMETRIC = _Family("Symmetric", "payroll-db", KeySpec.SYMMETRIC_DEFAULT, _encrypt, _decrypt)
_HMAC = _Family("HMAC", "session-tokens", KeySpec.HMAC_256, _generate_mac, _verify_mac)
_ECC = _Family("ECC", "release-signing", KeySpec.ECC_NIST_P384, _sign, _verify)
_RSA = _Family("RSA", "partner-files", KeySpec.RSA_3072, _encrypt_rsa, _decrypt_rsa)


class _HsmTour(Walk):
    """Tokens, HSMs, and a key of each family."""

    def walk(self, softhsm: str, nss: str | None) -> None:
        """All of it."""
        self.title("2.1", "A home with its first operator and Admin Group, and a CSP account")
        self.run("init", "--operator", "alice")
        self.add_account()
        self.title("1", "A token of SoftHSM, initialised with its own tool")
        pin = self._softhsm_token()
        add = ("hsm", "add", "bastion", "--module", softhsm, "--token-label", "bastion", "--pin-file", pin)
        self.title("2", "Add it. It wraps with SHA-1 only: that needs consent, which the audit log keeps")
        self.run(*add, fails_with=_REFUSED)
        self.run(*add, "--allow-sha1")
        self.run("hsm", "test", "bastion")
        self.title("2.6", "A key set whose key material is made and kept in the HSM")
        self.run("keyset", "create", "vaulted", "--account", ACCOUNT, "--hsm", "bastion")
        for family in (_SYMMETRIC, _HMAC, _ECC):
            self.family(family, "vaulted")
        self.title("RSA", "SoftHSM's key wrap pads with zeros: no RSA key reaches AWS to the byte, and kctui says so")
        where = ("--key-set", "vaulted", "--region", REGION)
        self.run("key", "create", _RSA.name, *where, "--key-spec", _RSA.spec.value, fails_with=_USAGE)
        if nss is None:
            self.out("NSS's softokn and certutil are not here; with them, the RSA family would follow.")
        else:
            self._nss(nss)
        self.title("", "Everything is in the audit log, and the chain holds")
        self.run("audit", "list", "--filter", "HSM")
        self.run("audit", "verify")

    def family(self, family: _Family, key_set: str) -> None:
        """Create, use, rotate, remove and restore a key of one family."""
        where = ("--key-set", key_set, "--region", REGION)
        self.title(family.title, f"{family.spec.value}: created, used, rotated, removed from the cloud, and restored")
        self.run("key", "create", family.name, *where, "--key-spec", family.spec.value)
        alias = f"alias/{family.name}"
        first_key = self.kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
        made = family.use(self.kms, alias)
        self._still_true(family, alias, made)
        self.run("key", "rotate", family.name, *where)
        self.out("What was made before the rotation:")
        self._still_true(family, first_key, made)
        again = family.use(self.kms, alias)
        self.run("key", "remove-from-cloud", family.name, *where, "--confirm", family.name)
        try:
            family.use(self.kms, alias)
        except ClientError as error:
            self.out(f"→ kms  {error.response['Error']['Code']}, as it should be")
        else:
            raise TourError("the key can still be used")
        self.run("key", "upload", family.name, *where)
        self.out("What was made before it was removed:")
        self._still_true(family, alias, again)

    def _still_true(self, family: _Family, key: str, made: bytes) -> None:
        answer = family.check(self.kms, key, made)
        self.out(f"→ kms  {family.title}: the same key  {request(answer)}")

    def _softhsm_token(self) -> str:
        """A folder for tokens that is thrown away, and one token in it; the file of its PIN."""
        tokens = self.folder / "tokens"
        tokens.mkdir(mode=0o700)
        configuration = self.folder / "softhsm2.conf"
        configuration.write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
        self.environment["SOFTHSM2_CONF"] = str(configuration)
        pin = self._pin("softhsm-pin")
        self._tool(
            "softhsm2-util", "--init-token", "--free", "--label", "bastion", "--so-pin", secrets.token_hex(8),
            "--pin", pin.read_text(), shown="softhsm2-util --init-token --free --label bastion",
        )  # fmt: skip
        return str(pin)

    def _nss(self, module: str) -> None:
        """The RSA family, in a token of NSS's softokn."""
        database = self.folder / "nss"
        database.mkdir(mode=0o700)
        pin = self._pin("nss-pin")
        self.title("3", "A token of NSS's softokn. It lets every key out, which needs consent, too")
        self._tool("certutil", "-N", "-d", f"sql:{database}", "-f", str(pin), shown="certutil -N -d sql:nss -f nss-pin")
        init_args = f"configdir='sql:{database}' certPrefix='' keyPrefix='' secmod='' flags="
        self.run(
            "hsm", "add", "softokn", "--module", module, "--token-label", "NSS Certificate DB",
            "--init-args", init_args, "--pin-file", str(pin), "--allow-export",
        )  # fmt: skip
        self.run("keyset", "create", "vaulted-rsa", "--account", ACCOUNT, "--hsm", "softokn")
        self.family(_RSA, "vaulted-rsa")

    def _pin(self, name: str) -> Path:
        file = self.folder / name
        file.write_text(secrets.token_hex(8))
        file.chmod(0o600)
        return file

    def _tool(self, *command: str, shown: str) -> None:
        self.out(f"$ {shown}")
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)  # noqa: S603
        for line in (done.stderr + done.stdout).splitlines():
            self.out(f"  {line}")
        if done.returncode:
            raise TourError(f"{command[0]} ended with {done.returncode}")


def run_hsm_tour(out: Out) -> int:
    """Walk, and say so when a step fails. The exit code. Raises ConfigurationError without SoftHSM."""
    softhsm = _module(_SOFTHSM)
    if softhsm is None or shutil.which("softhsm2-util") is None:
        raise ConfigurationError(
            "The tour with an HSM needs SoftHSM", remedy="apt install softhsm2, or the package of your distribution."
        )
    nss = _module(_NSS) if shutil.which("certutil") else None
    out("kctui, a tour with an HSM: a throw-away home and tokens, and AWS in a box on this machine.")
    out("A soft token proves the discipline of the calls, not physical isolation: its keys are in this host's memory.")
    with throw_away() as (folder, box):
        tour = _HsmTour(out, folder, box)
        try:
            tour.walk(softhsm, nss)
        except TourError as error:
            out(f"The tour stopped: {error}")
            return 1
        finally:
            tour.close()
    out("")
    out("That was the tour with an HSM. docs/hsm.md says how other HSMs are added.")
    return 0


def _module(name: str) -> str | None:
    """A module in one of the usual folders; None where there is none."""
    try:
        return resolve(name)
    except InvalidInputError:
        return None
