"""Encryption and data keys (AWS KMS API Reference: Encrypt, Decrypt, ReEncrypt, GenerateDataKey…)."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kctui.demo.box.errors import AwsError
from kctui.demo.box.values import Answer, Member

from .call import KmsCall
from .ciphertext import Sealed, seal, take_apart, unseal
from .materials import generate_private_key, load_private_key, private_der
from .registry import USABLE, operation
from .specs import ENCRYPT_DECRYPT, SPECS
from .state import Key, Material

SYMMETRIC = "SYMMETRIC_DEFAULT"
_DATA_KEY_BYTES = {"AES_128": 16, "AES_256": 32}


def require_usage(call: KmsCall, key: Key, usage: str) -> None:
    """Refuse a key whose usage does not fit the operation."""
    if key.usage != usage:
        raise AwsError(
            "InvalidKeyUsageException",
            f"{key.arn} key usage is {key.usage} which is not valid for {call.operation.name}.",
        )


def current(key: Key) -> Material:
    """Return the current material of a key that is usable."""
    if key.current is None:
        raise TypeError("a usable key has material")
    return key.current


def _check_algorithm(key: Key, algorithm: str) -> None:
    if algorithm not in key.spec.algorithms(ENCRYPT_DECRYPT)["EncryptionAlgorithms"]:
        raise AwsError(
            "InvalidKeyUsageException", f"Algorithm {algorithm} and key spec {key.spec.name} are incompatible."
        )


def _oaep(algorithm: str) -> padding.OAEP:
    digest: hashes.HashAlgorithm = hashes.SHA256() if algorithm.endswith("256") else hashes.SHA1()  # noqa: S303
    return padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)


def _private_rsa(key: Key) -> rsa.RSAPrivateKey:
    private = load_private_key(current(key))
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError("only RSA keys encrypt asymmetrically")
    return private


def _encrypt(call: KmsCall, key: Key, plaintext: bytes, algorithm: str, context: Mapping[str, str]) -> bytes:
    require_usage(call, key, ENCRYPT_DECRYPT)
    _check_algorithm(key, algorithm)
    if algorithm == SYMMETRIC:
        return seal(key, current(key), plaintext, context)
    if context:
        raise AwsError("ValidationException", "EncryptionContext is not valid for asymmetric keys.")
    try:
        return _private_rsa(key).public_key().encrypt(plaintext, _oaep(algorithm))
    except ValueError:
        raise AwsError("ValidationException", f"Plaintext is too long for {algorithm} with {key.spec.name}.") from None


@dataclass(frozen=True)
class _Opened:
    key: Key
    algorithm: str
    plaintext: bytes
    material_id: str | None


def _decrypt(call: KmsCall, prefix: str, action: str) -> "_Ready":
    """Admit the caller to the key of a ciphertext and return what opens it."""
    params = call.params
    named = params.maybe_text(f"{prefix}KeyId")
    algorithm = params.text_or(f"{prefix}EncryptionAlgorithm", SYMMETRIC)
    context = params.mapping(f"{prefix}EncryptionContext")
    blob = params.maybe_blob("CiphertextBlob")
    if blob is None:
        raise AwsError("ValidationException", "CiphertextBlob is required.")
    if algorithm != SYMMETRIC:
        if named is None:
            raise AwsError("ValidationException", "KeyId is required to decrypt with an asymmetric key.")
        key = call.admit(call.find(named), action)
        require_usage(call, key, ENCRYPT_DECRYPT)
        _check_algorithm(key, algorithm)
        return _Ready(key, algorithm, None, blob, context)
    if named is not None:
        key = call.find(named)
        require_usage(call, key, ENCRYPT_DECRYPT)
        _check_algorithm(key, algorithm)
        sealed = take_apart(blob)
        if sealed.key_id != key.key_id:
            raise AwsError(
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation.",
            )
        return _Ready(call.admit(key, action), algorithm, sealed, blob, context)
    sealed = take_apart(blob)
    found = call.store.keys.get(sealed.key_id)
    if found is None:
        raise AwsError(
            "AccessDeniedException",
            "The ciphertext refers to a customer master key that does not exist, does not exist in this "
            "region, or you are not allowed to access.",
        )
    return _Ready(call.admit(found, action), algorithm, sealed, blob, context)


@dataclass(frozen=True)
class _Ready:
    """A ciphertext whose key the caller may use."""

    key: Key
    algorithm: str
    sealed: Sealed | None
    blob: bytes
    context: Mapping[str, str]

    def open(self) -> _Opened:
        if self.sealed is None:
            try:
                plaintext = _private_rsa(self.key).decrypt(self.blob, _oaep(self.algorithm))
            except ValueError:
                raise AwsError("InvalidCiphertextException", "") from None
            return _Opened(self.key, self.algorithm, plaintext, None)
        material = self.key.material(self.sealed.material_id)
        if material is None or material is self.key.pending:
            raise AwsError("InvalidCiphertextException", "")
        return _Opened(self.key, self.algorithm, unseal(material, self.sealed, self.context), material.material_id)


@operation("Encrypt", key="KeyId", allowed=USABLE, aliases=True)
def encrypt(call: KmsCall) -> Answer:
    """Encrypt up to 4096 bytes."""
    algorithm = call.params.text_or("EncryptionAlgorithm", SYMMETRIC)
    context = call.params.mapping("EncryptionContext")
    return {
        "CiphertextBlob": _encrypt(call, call.key, call.params.blob("Plaintext"), algorithm, context),
        "KeyId": call.key.arn,
        "EncryptionAlgorithm": algorithm,
    }


@operation("Decrypt", allowed=USABLE, aliases=True, asks_itself=True)
def decrypt(call: KmsCall) -> Answer:
    """Decrypt with the key that the ciphertext names, which must be the one the request names, if any."""
    call.unsupported("Recipient", "DryRunModifiers")
    call.check_grant_tokens()
    ready = _decrypt(call, "", "Decrypt")
    call.stop_if_dry_run()
    opened = ready.open()
    return {
        "KeyId": opened.key.arn,
        "Plaintext": opened.plaintext,
        "EncryptionAlgorithm": opened.algorithm,
        "KeyMaterialId": opened.material_id,
    }


@operation("ReEncrypt", allowed=USABLE, aliases=True, asks_itself=True)
def re_encrypt(call: KmsCall) -> Answer:
    """ReEncrypt needs kms:ReEncryptFrom on the source key and kms:ReEncryptTo on the destination."""
    call.unsupported("DryRunModifiers")
    call.check_grant_tokens()
    params = call.params
    ready = _decrypt(call, "Source", "ReEncryptFrom")
    destination = call.admit(call.find(params.text("DestinationKeyId")), "ReEncryptTo")
    algorithm = params.text_or("DestinationEncryptionAlgorithm", SYMMETRIC)
    call.stop_if_dry_run()
    opened = ready.open()
    context = params.mapping("DestinationEncryptionContext")
    return {
        "CiphertextBlob": _encrypt(call, destination, opened.plaintext, algorithm, context),
        "SourceKeyId": opened.key.arn,
        "KeyId": destination.arn,
        "SourceEncryptionAlgorithm": opened.algorithm,
        "DestinationEncryptionAlgorithm": algorithm,
        "SourceKeyMaterialId": opened.material_id,
        "DestinationKeyMaterialId": current(destination).material_id if destination.rotatable else None,
    }


def _seal_data_key(call: KmsCall, plaintext: bytes) -> dict[str, Member]:
    key = call.key
    require_usage(call, key, ENCRYPT_DECRYPT)
    _check_algorithm(key, SYMMETRIC)
    material = current(key)
    return {
        "CiphertextBlob": seal(key, material, plaintext, call.params.mapping("EncryptionContext")),
        "KeyId": key.arn,
        "KeyMaterialId": material.material_id,
    }


def _data_key(call: KmsCall) -> bytes:
    spec, size = call.params.maybe_text("KeySpec"), call.params.maybe_integer("NumberOfBytes")
    if (spec is None) == (size is None):
        raise AwsError("ValidationException", "Please specify either number of bytes or key spec.")
    return secrets.token_bytes(size if size is not None else _DATA_KEY_BYTES[spec or ""])


@operation("GenerateDataKey", key="KeyId", allowed=USABLE, aliases=True)
def generate_data_key(call: KmsCall) -> Answer:
    """GenerateDataKey: a random key, in plaintext and encrypted."""
    call.unsupported("Recipient")
    plaintext = _data_key(call)
    return _seal_data_key(call, plaintext) | {"Plaintext": plaintext}


@operation("GenerateDataKeyWithoutPlaintext", key="KeyId", allowed=USABLE, aliases=True)
def generate_data_key_without_plaintext(call: KmsCall) -> Answer:
    """GenerateDataKeyWithoutPlaintext: the same, encrypted only."""
    return _seal_data_key(call, _data_key(call))


def _data_key_pair(call: KmsCall) -> tuple[bytes, dict[str, Member]]:
    name = call.params.text("KeyPairSpec")
    spec = SPECS.get(name)
    if spec is None:
        raise AwsError("UnsupportedOperationException", f"KeyPairSpec {name} is not supported by this endpoint.")
    private = generate_private_key(spec.name, spec.size)
    der = private_der(private)
    sealed = _seal_data_key(call, der)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der, {
        "PrivateKeyCiphertextBlob": sealed["CiphertextBlob"],
        "PublicKey": public,
        "KeyId": call.key.arn,
        "KeyPairSpec": name,
        "KeyMaterialId": sealed["KeyMaterialId"],
    }


@operation("GenerateDataKeyPair", key="KeyId", allowed=USABLE, aliases=True)
def generate_data_key_pair(call: KmsCall) -> Answer:
    """GenerateDataKeyPair: a random key pair whose private half comes in plaintext and encrypted."""
    call.unsupported("Recipient")
    plaintext, answer = _data_key_pair(call)
    return answer | {"PrivateKeyPlaintext": plaintext}


@operation("GenerateDataKeyPairWithoutPlaintext", key="KeyId", allowed=USABLE, aliases=True)
def generate_data_key_pair_without_plaintext(call: KmsCall) -> Answer:
    """GenerateDataKeyPairWithoutPlaintext: the same, the private half encrypted only."""
    return _data_key_pair(call)[1]


@operation("GenerateRandom")
def generate_random(call: KmsCall) -> Answer:
    """GenerateRandom: 1 to 1024 random bytes."""
    call.unsupported("Recipient", "CustomKeyStoreId")
    size = call.params.maybe_integer("NumberOfBytes")
    if size is None:
        raise AwsError("ValidationException", "NumberOfBytes is required.")
    return {"Plaintext": secrets.token_bytes(size)}
