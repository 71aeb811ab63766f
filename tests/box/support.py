"""What the tests of the box share: clients, keys, wrapping as a customer does it, expected refusals."""

import json
import os
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError

import boto3
import pytest
from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)
from types_boto3_ec2 import EC2Client
from types_boto3_iam import IAMClient
from types_boto3_kms import KMSClient
from types_boto3_ssm import SSMClient
from types_boto3_sts import STSClient

from kctui.demo.box import Box

REGION = "us-east-1"
STAYS = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
CURVES: Mapping[str, ec.EllipticCurve] = {
    "ECC_NIST_P256": ec.SECP256R1(),
    "ECC_NIST_P384": ec.SECP384R1(),
    "ECC_NIST_P521": ec.SECP521R1(),
    "ECC_SECG_P256K1": ec.SECP256K1(),
}
LENGTHS = {"SYMMETRIC_DEFAULT": 32, "HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
USAGES = {"S": "ENCRYPT_DECRYPT", "H": "GENERATE_VERIFY_MAC", "R": "SIGN_VERIFY", "E": "SIGN_VERIFY"}


@dataclass(frozen=True)
class Who:
    """Credentials that sign; the session token is for temporary ones."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


@dataclass(frozen=True)
class Clients:
    """Clients of one caller in one region, without retries."""

    box: Box
    who: Who
    region: str = REGION

    def _config(self) -> Config:
        return Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30, parameter_validation=False)

    def _options(self) -> dict[str, Any]:
        return {
            "endpoint_url": self.box.endpoint,
            "region_name": self.region,
            "aws_access_key_id": self.who.access_key_id,
            "aws_secret_access_key": self.who.secret_access_key,
            "aws_session_token": self.who.session_token,
            "config": self._config(),
        }

    @property
    def kms(self) -> KMSClient:
        return boto3.client("kms", **self._options())

    @property
    def iam(self) -> IAMClient:
        return boto3.client("iam", **self._options())

    @property
    def sts(self) -> STSClient:
        return boto3.client("sts", **self._options())

    @property
    def ec2(self) -> EC2Client:
        return boto3.client("ec2", **self._options())

    @property
    def ssm(self) -> SSMClient:
        return boto3.client("ssm", **self._options())

    def elsewhere(self, region: str) -> "Clients":
        return Clients(self.box, self.who, region)


def root(box: Box) -> Clients:
    return Clients(box, Who(box.root.access_key_id, box.root.secret_access_key))


def new_user(clients: Clients, name: str, *statements: Mapping[str, object]) -> Clients:
    """Make an IAM user with these policy statements and return clients of that user."""
    iam = clients.iam
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Clients(clients.box, Who(key["AccessKeyId"], key["SecretAccessKey"]), clients.region)


def policy(*statements: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, resource: str = "*", **more: object) -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource, **more}


def deny(*actions: str, resource: str = "*", **more: object) -> dict[str, object]:
    return {"Effect": "Deny", "Action": list(actions), "Resource": resource, **more}


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[ClientError]]:
    """Expect an error answer with this code."""
    with pytest.raises(ClientError) as caught:
        yield caught
    assert caught.value.response["Error"]["Code"] == code, str(caught.value)


def call(client: KMSClient, operation: str, **members: object) -> dict[str, Any]:
    """Call an operation by its name, unhindered by the types that say what AWS would refuse."""
    answer: dict[str, Any] = getattr(client, xform_name(operation))(**members)
    return answer


def send(box: Box, operation: str, body: bytes, service: str = "kms") -> tuple[int, dict[str, Any]]:
    """Send a body that boto3 would not, signed; return the status and the answer."""
    request = AWSRequest(
        "POST",
        f"{box.endpoint}/",
        data=body,
        headers={"X-Amz-Target": f"TrentService.{operation}", "Content-Type": "application/x-amz-json-1.1"},
    )
    credentials = Credentials(box.root.access_key_id, box.root.secret_access_key)
    SigV4Auth(credentials, service, REGION).add_auth(request)
    prepared = request.prepare()
    sent = urllib.request.Request(prepared.url, data=body, headers=dict(prepared.headers))
    try:
        with urllib.request.urlopen(sent) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def usage_of(spec: str) -> str:
    return USAGES[spec[0]]


def make_key(kms: KMSClient, spec: str = "SYMMETRIC_DEFAULT", **more: object) -> str:
    """Create a key, of EXTERNAL origin unless told otherwise, and return its id."""
    members = {"KeySpec": spec, "KeyUsage": usage_of(spec), "Origin": "EXTERNAL", **more}
    return str(call(kms, "CreateKey", **members)["KeyMetadata"]["KeyId"])


def material_for(spec: str) -> bytes:
    """Return key material as a customer brings it: raw, or a private key in PKCS#8 DER."""
    if spec in LENGTHS:
        return os.urandom(LENGTHS[spec])
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if spec in CURVES:
        key = ec.generate_private_key(CURVES[spec])
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=int(spec[4:]))
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def default_algorithm(spec: str) -> str:
    return "RSA_AES_KEY_WRAP_SHA_256" if spec.startswith(("RSA", "ECC")) else "RSAES_OAEP_SHA_256"


def wrap(public_key: bytes, algorithm: str, material: bytes) -> bytes:
    """Wrap key material to AWS's public key, as the guide's "Encrypt the key material" says."""
    public = load_der_public_key(public_key)
    assert isinstance(public, rsa.RSAPublicKey)
    digest: hashes.HashAlgorithm = hashes.SHA256() if algorithm.endswith("SHA_256") else hashes.SHA1()
    oaep = padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=None)
    if algorithm.startswith("RSAES"):
        return public.encrypt(material, oaep)
    ephemeral = os.urandom(32)
    return public.encrypt(ephemeral, oaep) + keywrap.aes_key_wrap_with_padding(ephemeral, material)


def parameters(
    kms: KMSClient, key_id: str, algorithm: str = "RSAES_OAEP_SHA_256", wrapping_spec: str = "RSA_2048"
) -> dict[str, Any]:
    return call(
        kms,
        "GetParametersForImport",
        KeyId=key_id,
        WrappingAlgorithm=algorithm,
        WrappingKeySpec=wrapping_spec,
    )


def import_material(
    kms: KMSClient, key_id: str, material: bytes, algorithm: str = "RSAES_OAEP_SHA_256", **more: object
) -> dict[str, Any]:
    """Import key material that does not expire, unless told otherwise."""
    found = parameters(kms, key_id, algorithm)
    members: dict[str, object] = {
        "KeyId": key_id,
        "ImportToken": found["ImportToken"],
        "EncryptedKeyMaterial": wrap(found["PublicKey"], algorithm, material),
        **(more if "ValidTo" in more or "ExpirationModel" in more else {**STAYS, **more}),
    }
    return call(kms, "ImportKeyMaterial", **members)


def imported_key(kms: KMSClient, spec: str = "SYMMETRIC_DEFAULT", **more: object) -> tuple[str, bytes]:
    """Create an EXTERNAL key with material in it; return its id and the material."""
    key_id, material = make_key(kms, spec, **more), material_for(spec)
    import_material(kms, key_id, material, default_algorithm(spec))
    return key_id, material


def state(kms: KMSClient, key_id: str) -> str:
    return str(kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"])
