"""The conformance probe: what a token and AWS really have in common, found out with throwaway keys.

C_GetMechanismList is not to be trusted: modules list what they refuse, and do something else than they are asked.
So a throwaway key of each kind is made on the token, kept as a blob, restored, and wrapped in every way to an RSA
key of this host, which stands for AWS's; here each is opened, and must be the very bytes. Whatever the throwaway keys
were, nothing is ever under them.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from pkcs11 import Attribute, Key, KeyType, Mechanism, MechanismFlag, SecretKey
from pkcs11 import exceptions as p11

from kctui.core.errors import KctuiError
from kctui.core.material.aws_wrapping import WrappingHash
from kctui.core.pkcs11 import key_encryption, objects, to_aws
from kctui.core.pkcs11.connection import Opened
from kctui.core.pkcs11.errors import HsmRefusedError, TokenGoneError, is_lost, reason
from kctui.core.pkcs11.findings import KEEP, MAKE, Conformance, SpecFindings
from kctui.core.pkcs11.key_encryption import KEK_BITS
from kctui.core.pkcs11.objects import Made
from kctui.core.pkcs11.shapes import SHAPES, Kind, Shape
from kctui.core.pkcs11.ways import KEEP_MECHANISMS, KWP_MECHANISMS, ORDER, PLAIN_KEY_WRAP, Way
from kctui.core.words import KeySpec

_AWS_KEY_BITS = 4096
_ID_BYTES = 16
_NO_MECHANISM = reason(p11.MechanismInvalid())
_HASHES = {WrappingHash.SHA_256: hashes.SHA256, WrappingHash.SHA_1: hashes.SHA1}
# A key of this length is no multiple of eight: a key wrap that pads with zeros gives more bytes than it got.
_ODD = SHAPES[KeySpec.HMAC_224]


class _NotExactError(Exception):
    """What came out is not the key."""


@dataclass
class _Host:
    """This host's stand-in for AWS."""

    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, _AWS_KEY_BITS))

    @property
    def public_key(self) -> bytes:
        """SPKI, DER."""
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def open(self, wrapped: bytes, way: Way) -> bytes:
        """What AWS would find in it. Raises _NotExactError."""
        algorithm = _HASHES[way.hash]()
        oaep = padding.OAEP(padding.MGF1(algorithm), algorithm, None)
        first, second = wrapped[: _AWS_KEY_BITS // 8], wrapped[_AWS_KEY_BITS // 8 :]
        try:
            inner = self.key.decrypt(first, oaep)
        except ValueError:
            raise _NotExactError(f"its OAEP is not with {way.hash.value}") from None
        if way.direct:
            return inner
        try:
            return aes_key_unwrap_with_padding(inner, second)
        except (InvalidUnwrap, ValueError):
            raise _NotExactError("its key wrap is not RFC 5649") from None


def probe(opened: Opened, kek: SecretKey) -> Conformance:
    """Find out what the token can do. 0.5 to 3 s on a soft token; keys are made and destroyed on it."""
    prober = _Prober(opened, kek)
    found = {shape.spec: prober.of(shape) for shape in SHAPES.values() if shape.kind is not Kind.RSA}
    # One size of RSA stands for all: larger ones take a device seconds to make, and are wrapped alike.
    rsa_2048 = prober.of(SHAPES[KeySpec.RSA_2048])
    for spec in (KeySpec.RSA_2048, KeySpec.RSA_3072, KeySpec.RSA_4096):
        found[spec] = rsa_2048 if prober.makes_rsa(SHAPES[spec].bits) else SpecFindings(refused={MAKE: _TOO_LARGE})
    return Conformance({spec: found[spec] for spec in SHAPES}, prober.exports())


def probe_new(opened: Opened) -> Conformance:
    """As `probe`, on a token that has no key-encryption key yet: with one of the session, which nothing keeps."""
    try:
        kek = key_encryption.make_kek(opened, os.urandom(_ID_BYTES), "kctui probe", store=False)
    except p11.PKCS11Error as error:
        if is_lost(error):
            raise
        raise HsmRefusedError(
            f"The token {opened.info.label} makes no key-encryption key",
            detail=f"Asked for an AES key of {KEK_BITS} bits that can only wrap and unwrap, it said: {reason(error)}.",
            remedy="Use an HSM that makes AES keys and offers AES key wrap and RSA-OAEP (docs/hsm.md). Nothing was "
            "kept.",
        ) from error
    try:
        return probe(opened, kek)
    finally:
        objects.destroy(kek)


_TOO_LARGE = "the token makes no RSA keys of that size"


class _Prober:
    """One probe of one token. kwp: the key wraps that are RFC 5649 for any length."""

    def __init__(self, opened: Opened, kek: SecretKey) -> None:
        self.opened = opened
        self.kek = kek
        self.host = _Host()
        self.kwp, self.kwp_refused = self._key_wraps()

    def of(self, shape: Shape) -> SpecFindings:
        """What the token can do with one key spec."""
        findings = SpecFindings()
        try:
            with objects.made(self.opened, shape) as made:
                self._ways(shape, made, findings)
                self._keeping(shape, made, findings)
        except TokenGoneError:
            raise
        except (p11.PKCS11Error, KctuiError) as error:
            findings.refused[MAKE] = self._said(error)
        return findings

    def makes_rsa(self, bits: int) -> bool:
        """Whether the token says that it makes RSA keys of a size."""
        try:
            info = self.opened.session.token.slot.get_mechanism_info(Mechanism.RSA_PKCS_KEY_PAIR_GEN)
        except p11.PKCS11Error:
            return True
        return not info.max_key_length or bits <= info.max_key_length

    def exports(self) -> bool:
        """Whether the token wraps a key that it was told never to let out."""
        try:
            key = self.opened.session.generate_key(
                KeyType.AES,
                KEK_BITS,
                store=False,
                capabilities=MechanismFlag.ENCRYPT,
                template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )
        except p11.PKCS11Error as error:
            self._said(error)
            return False
        try:
            ways: list[Callable[[], object]] = [
                lambda: to_aws.wrap_for_aws(self.opened, key, self.host.public_key, Way.OAEP_SHA_256, None),
                lambda: to_aws.wrap_for_aws(self.opened, key, self.host.public_key, Way.OAEP_SHA_1, None),
                *(
                    lambda mechanism=mechanism: objects.keep(self.opened, self.kek, key, mechanism)
                    for mechanism in KEEP_MECHANISMS
                ),
            ]
            return any(not self._refusal(way) for way in ways)
        finally:
            objects.destroy(key)

    def _ways(self, shape: Shape, made: Made, findings: SpecFindings) -> None:
        for way in ORDER[shape.kind]:
            refusal = ""
            for kwp in self._key_wraps_for(shape) if way.in_two_steps else (None,):
                refusal = self._refusal(lambda way=way, kwp=kwp: self._exact(shape, made, made.key, way, kwp))  # type: ignore[misc]
                if not refusal:
                    findings.ways.append(way)
                    findings.kwp = kwp or findings.kwp
                    break
            else:
                findings.refused[way.value] = refusal or self.kwp_refused
                continue

    def _keeping(self, shape: Shape, made: Made, findings: SpecFindings) -> None:
        """Find the blob's mechanism: what it restores must be the key, and go to AWS as the key did."""
        expected = objects.fingerprint(made.key, shape, made.public_key)
        # What is exact for any length first: its meaning does not hang on a length that happened to fit.
        for mechanism in (*self.kwp, PLAIN_KEY_WRAP, *(m for m in KWP_MECHANISMS if m not in self.kwp)):

            def keeps(mechanism: int = mechanism) -> None:
                blob = objects.keep(self.opened, self.kek, made.key, mechanism)
                with objects.restored(self.opened, self.kek, shape, blob, mechanism, made.public_key) as again:
                    if objects.fingerprint(again, shape, made.public_key) != expected:
                        raise _NotExactError("it restores another key")
                    for way in findings.ways[:1]:
                        self._exact(shape, made, again, way, findings.kwp)

            refusal = self._refusal(keeps)
            if not refusal:
                findings.keeps_by = mechanism
                return
            findings.refused[f"{KEEP} {mechanism:#x}"] = refusal

    def _exact(self, shape: Shape, made: Made, key: Key, way: Way, kwp: int | None) -> None:
        """Wrap the key, open it on the host, and demand that it is the key, to the byte."""
        plain = self.host.open(to_aws.wrap_for_aws(self.opened, key, self.host.public_key, way, kwp), way)
        if shape.private:
            _require_private(plain, made.public_key)
        elif len(plain) * 8 != shape.bits:
            raise _NotExactError(f"{len(plain)} bytes come out, not {shape.bits // 8}")
        elif objects.shown_by_value(plain, shape) != objects.shown(key, shape):
            raise _NotExactError("another key comes out")

    def _key_wraps(self) -> tuple[tuple[int, ...], str]:
        """The key wraps that are RFC 5649 to the byte for a length that needs padding; and why others are not.

        Each is tried as in the two steps to AWS: under an ephemeral key that is wrapped to the host.
        """
        exact: list[int] = []
        refused = ""

        def look() -> None:
            nonlocal refused
            with objects.made(self.opened, _ODD) as made:
                for mechanism in KWP_MECHANISMS:
                    refusals = [
                        self._refusal(lambda w=way, m=mechanism: self._exact(_ODD, made, made.key, w, m))  # type: ignore[misc]
                        for way in (Way.TWO_STEPS_SHA_256, Way.TWO_STEPS_SHA_1)
                    ]
                    if not all(refusals):
                        exact.append(mechanism)
                    elif not all(refusal == _NO_MECHANISM for refusal in refusals):
                        told = f"its key wrap {mechanism:#x} is not RFC 5649 for every length: {refusals[-1]}"
                        refused = refused or told

        if unmade := self._refusal(look):
            return (), f"whether its key wrap is RFC 5649 for every length cannot be tried: {unmade}"
        return tuple(exact), refused or "it has no AES key wrap with padding (RFC 5649)"

    def _key_wraps_for(self, shape: Shape) -> tuple[int, ...]:
        """Which key wraps are worth trying: the PKCS#8 of a curve is always as long, an RSA key's is not."""
        return self.kwp if shape.kind is Kind.RSA else (*self.kwp, *(m for m in KWP_MECHANISMS if m not in self.kwp))

    def _refusal(self, attempt: Callable[[], object]) -> str:
        """Why an attempt fails; "" where it does not."""
        try:
            attempt()
        except _NotExactError as error:
            return str(error)
        except TokenGoneError:
            raise
        except (p11.PKCS11Error, KctuiError) as error:
            return self._said(error)
        return ""

    def _said(self, error: p11.PKCS11Error | KctuiError) -> str:
        """What the token said, where it is still there. Raises what tells that it is not."""
        if isinstance(error, KctuiError):
            return ": ".join(part for part in (error.title, error.detail) if part)
        if is_lost(error):
            raise error
        if isinstance(error, p11.GeneralError | p11.FunctionFailed):
            self.opened.require_present()
        return reason(error)


def _require_private(plain: bytes, public_key: bytes | None) -> None:
    try:
        private = load_der_private_key(plain, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _NotExactError(f"{len(plain)} bytes come out that are no PKCS#8 to the byte") from None
    if private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) != public_key:
        raise _NotExactError("another private key comes out")
