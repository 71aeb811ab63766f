"""The material is really used (AWS KMS API Reference, cryptographic operations)."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from types_boto3_kms import KMSClient

from .support import Clients, call, import_material, imported_key, make_key, material_for, refused

MESSAGE = b"a message"
RSA_SCHEMES = [f"{scheme}_SHA_{bits}" for scheme in ("RSASSA_PSS", "RSASSA_PKCS1_V1_5") for bits in (256, 384, 512)]
DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}


def encrypted(kms: KMSClient, key_id: str, **more: object) -> bytes:
    return bytes(call(kms, "Encrypt", KeyId=key_id, Plaintext=MESSAGE, **more)["CiphertextBlob"])


def test_decrypt_gives_back_what_was_encrypted(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    assert kms.decrypt(CiphertextBlob=encrypted(kms, key_id))["Plaintext"] == MESSAGE


def test_ciphertext_survives_remove_and_upload(kms: KMSClient) -> None:
    key_id, material = imported_key(kms)
    blob = encrypted(kms, key_id)
    kms.delete_imported_key_material(KeyId=key_id)
    import_material(kms, key_id, material)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == MESSAGE


def test_ciphertext_is_not_decrypted_under_another_key_with_the_same_material(kms: KMSClient) -> None:
    key_id, material = imported_key(kms)
    other = make_key(kms)
    import_material(kms, other, material)
    with refused("IncorrectKeyException"):
        kms.decrypt(CiphertextBlob=encrypted(kms, key_id), KeyId=other)


@pytest.mark.parametrize("place", [0, 10, 40, -1])
def test_tampered_ciphertext_is_invalid(kms: KMSClient, place: int) -> None:
    key_id, _ = imported_key(kms)
    blob = bytearray(encrypted(kms, key_id))
    blob[place] ^= 1
    with pytest.raises(kms.exceptions.ClientError) as caught:
        kms.decrypt(CiphertextBlob=bytes(blob))
    # A changed key id is a ciphertext of a key that is not there.
    assert caught.value.response["Error"]["Code"] in ("InvalidCiphertextException", "AccessDeniedException")


def test_the_encryption_context_is_bound(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    blob = encrypted(kms, key_id, EncryptionContext={"a": "1", "b": "2"})
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"b": "2", "a": "1"})["Plaintext"] == MESSAGE
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "1"})


def test_ciphertext_of_another_region_is_denied(kms: KMSClient, clients: Clients) -> None:
    key_id, _ = imported_key(kms)
    with refused("AccessDeniedException"):
        clients.elsewhere("eu-west-1").kms.decrypt(CiphertextBlob=encrypted(kms, key_id))


def test_foreign_bytes_are_no_ciphertext(kms: KMSClient) -> None:
    with refused("InvalidCiphertextException"):
        kms.decrypt(CiphertextBlob=b"not of KMS")


def test_re_encrypt_moves_to_another_key(kms: KMSClient) -> None:
    (source, _), (destination, _) = imported_key(kms), imported_key(kms)
    moved = kms.re_encrypt(CiphertextBlob=encrypted(kms, source), DestinationKeyId=destination)
    assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=destination)["Plaintext"] == MESSAGE


@pytest.mark.parametrize(("spec", "length"), [("AES_256", 32), ("AES_128", 16)])
def test_data_keys_have_their_length_and_decrypt(kms: KMSClient, spec: str, length: int) -> None:
    key_id, _ = imported_key(kms)
    made = call(kms, "GenerateDataKey", KeyId=key_id, KeySpec=spec)
    assert len(made["Plaintext"]) == length
    assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]


def test_a_data_key_is_asked_for_in_one_way(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    with refused("ValidationException"):
        kms.generate_data_key(KeyId=key_id, KeySpec="AES_256", NumberOfBytes=32)


def test_a_data_key_pair_belongs_together(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    made = kms.generate_data_key_pair(KeyId=key_id, KeyPairSpec="ECC_NIST_P256")
    private = load_der_private_key(made["PrivateKeyPlaintext"], None)
    assert private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == made["PublicKey"]
    opened = kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"]
    assert opened == made["PrivateKeyPlaintext"]


def test_generate_random_gives_as_many_bytes_as_asked(kms: KMSClient) -> None:
    assert len(kms.generate_random(NumberOfBytes=77)["Plaintext"]) == 77


@pytest.mark.parametrize("bits", [224, 256, 384, 512])
def test_generate_mac_equals_a_local_hmac(kms: KMSClient, bits: int) -> None:
    key_id, material = imported_key(kms, f"HMAC_{bits}")
    made = call(kms, "GenerateMac", KeyId=key_id, Message=MESSAGE, MacAlgorithm=f"HMAC_SHA_{bits}")
    assert made["Mac"] == hmac.new(material, MESSAGE, getattr(hashlib, f"sha{bits}")).digest()


def test_a_wrong_mac_is_an_error(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms, "HMAC_256")
    with refused("KMSInvalidMacException"):
        kms.verify_mac(KeyId=key_id, Message=MESSAGE, Mac=b"x" * 32, MacAlgorithm="HMAC_SHA_256")


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_P521", "ECC_SECG_P256K1"])
def test_the_public_key_is_that_of_the_imported_private_key(kms: KMSClient, spec: str) -> None:
    key_id, material = imported_key(kms, spec)
    public = load_der_private_key(material, None).public_key()
    expected = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert kms.get_public_key(KeyId=key_id)["PublicKey"] == expected


@pytest.fixture(scope="module")
def rsa_key(shared_kms: KMSClient) -> str:
    return imported_key(shared_kms, "RSA_2048")[0]


@pytest.mark.parametrize("kind", ["RAW", "DIGEST"])
@pytest.mark.parametrize("algorithm", RSA_SCHEMES)
def test_rsa_signatures_verify_outside_kms(kms: KMSClient, rsa_key: str, algorithm: str, kind: str) -> None:
    digest = DIGESTS[algorithm[-3:]]
    message = MESSAGE if kind == "RAW" else hashlib.new(f"sha{algorithm[-3:]}", MESSAGE).digest()
    members = {"KeyId": rsa_key, "Message": message, "MessageType": kind, "SigningAlgorithm": algorithm}
    signature = call(kms, "Sign", **members)["Signature"]
    public = load_der_public_key(kms.get_public_key(KeyId=rsa_key)["PublicKey"])
    assert isinstance(public, rsa.RSAPublicKey)
    scheme: padding.PSS | padding.PKCS1v15 = padding.PKCS1v15()
    if "PSS" in algorithm:
        scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
    public.verify(signature, MESSAGE, scheme, digest)
    assert call(kms, "Verify", Signature=signature, **members)["SignatureValid"] is True


@pytest.mark.parametrize(
    ("spec", "bits"),
    [("ECC_NIST_P256", "256"), ("ECC_NIST_P384", "384"), ("ECC_NIST_P521", "512"), ("ECC_SECG_P256K1", "256")],
)
def test_ecdsa_signatures_verify_outside_kms(kms: KMSClient, spec: str, bits: str) -> None:
    key_id, _ = imported_key(kms, spec)
    members = {"KeyId": key_id, "Message": MESSAGE, "SigningAlgorithm": f"ECDSA_SHA_{bits}"}
    signature = call(kms, "Sign", **members)["Signature"]
    public = load_der_public_key(kms.get_public_key(KeyId=key_id)["PublicKey"])
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, MESSAGE, ec.ECDSA(DIGESTS[bits]))
    with refused("KMSInvalidSignatureException"):
        call(kms, "Verify", **{**members, "Message": b"another", "Signature": signature})


def test_a_digest_has_the_length_of_the_algorithm(kms: KMSClient, rsa_key: str) -> None:
    with refused("ValidationException"):
        kms.sign(KeyId=rsa_key, Message=b"short", MessageType="DIGEST", SigningAlgorithm="RSASSA_PSS_SHA_256")


@pytest.mark.parametrize("algorithm", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
def test_rsa_decrypts_what_its_public_key_encrypted(kms: KMSClient, algorithm: str) -> None:
    key_id, _ = imported_key(kms, "RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    public = load_der_public_key(kms.get_public_key(KeyId=key_id)["PublicKey"])
    assert isinstance(public, rsa.RSAPublicKey)
    digest: hashes.HashAlgorithm = hashes.SHA1() if algorithm.endswith("_1") else hashes.SHA256()
    blob = public.encrypt(MESSAGE, padding.OAEP(padding.MGF1(digest), digest, None))
    opened = call(kms, "Decrypt", KeyId=key_id, CiphertextBlob=blob, EncryptionAlgorithm=algorithm)
    assert opened["Plaintext"] == MESSAGE


def test_rsa_plaintext_has_a_longest_length(kms: KMSClient) -> None:
    key_id = make_key(kms, "RSA_2048", KeyUsage="ENCRYPT_DECRYPT", Origin="AWS_KMS")
    with refused("ValidationException"):
        kms.encrypt(KeyId=key_id, Plaintext=b"x" * 191, EncryptionAlgorithm="RSAES_OAEP_SHA_256")


def test_two_sides_derive_the_same_secret(kms: KMSClient) -> None:
    sides = [make_key(kms, "ECC_NIST_P256", KeyUsage="KEY_AGREEMENT", Origin="AWS_KMS") for _ in range(2)]
    public = [kms.get_public_key(KeyId=side)["PublicKey"] for side in sides]
    secrets = {
        kms.derive_shared_secret(KeyId=side, KeyAgreementAlgorithm="ECDH", PublicKey=other)["SharedSecret"]
        for side, other in zip(sides, reversed(public), strict=True)
    }
    assert len(secrets) == 1


def test_agreement_needs_the_same_curve(kms: KMSClient) -> None:
    key_id = make_key(kms, "ECC_NIST_P256", KeyUsage="KEY_AGREEMENT", Origin="AWS_KMS")
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    with refused("ValidationException"):
        kms.derive_shared_secret(
            KeyId=key_id,
            KeyAgreementAlgorithm="ECDH",
            PublicKey=other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        )


def test_symmetric_keys_have_no_public_key(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    with refused("UnsupportedOperationException"):
        kms.get_public_key(KeyId=key_id)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("Encrypt", {"Plaintext": b"x"}),
        ("GenerateDataKey", {"KeySpec": "AES_256"}),
        ("Sign", {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}),
    ],
)
def test_a_key_is_used_for_its_usage_only(kms: KMSClient, operation: str, members: dict[str, object]) -> None:
    key_id, _ = imported_key(kms, "HMAC_256")
    with refused("InvalidKeyUsageException"):
        call(kms, operation, KeyId=key_id, **members)


def test_an_algorithm_of_another_spec_is_refused(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms, "ECC_NIST_P384")
    with refused("InvalidKeyUsageException"):
        kms.sign(KeyId=key_id, Message=MESSAGE, SigningAlgorithm="ECDSA_SHA_256")


def test_attestation_is_refused_rather_than_ignored(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    with refused("UnsupportedOperationException"):
        call(kms, "GenerateDataKey", KeyId=key_id, KeySpec="AES_256", Recipient={"AttestationDocument": b"x"})


@pytest.mark.parametrize("operation", ["Encrypt", "Decrypt", "GenerateDataKey"])
def test_a_dry_run_ends_before_the_effect(kms: KMSClient, operation: str) -> None:
    key_id, _ = imported_key(kms)
    members: dict[str, dict[str, object]] = {
        "Encrypt": {"KeyId": key_id, "Plaintext": MESSAGE},
        "Decrypt": {"CiphertextBlob": encrypted(kms, key_id)},
        "GenerateDataKey": {"KeyId": key_id, "KeySpec": "AES_256"},
    }
    with refused("DryRunOperationException"):
        call(kms, operation, DryRun=True, **members[operation])


def test_a_dry_run_grant_is_not_made(kms: KMSClient) -> None:
    key_id, _ = imported_key(kms)
    with refused("DryRunOperationException"):
        kms.create_grant(
            KeyId=key_id,
            GranteePrincipal="arn:aws:iam::111122223333:root",
            Operations=["Decrypt"],
            DryRun=True,
        )
    assert kms.list_grants(KeyId=key_id)["Grants"] == []


@pytest.mark.parametrize("spec", ["SYMMETRIC_DEFAULT", "HMAC_384", "ECC_NIST_P256"])
def test_keys_of_awss_own_material_are_born_enabled(kms: KMSClient, spec: str) -> None:
    key_id = make_key(kms, spec, Origin="AWS_KMS")
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled"


def test_material_is_not_shared_between_keys(kms: KMSClient) -> None:
    first, second = imported_key(kms), imported_key(kms)
    assert first[1] != second[1] != material_for("SYMMETRIC_DEFAULT")
