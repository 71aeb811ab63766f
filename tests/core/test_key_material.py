"""Key types: the tables agree with AWS's, material is as AWS imports it, and wrapping gives it back to the byte."""

import os
import traceback
from itertools import product

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from kctui.core.errors import InvalidInputError, KctuiError, RefusedError
from kctui.core.material.aws_wrapping import (
    WrappingAlgorithm,
    WrappingFamily,
    WrappingHash,
    allowed,
    require_allowed,
)
from kctui.core.material.software import generate, public_key_of
from kctui.core.material.wrapping import wrap, wrapping_algorithm
from kctui.core.secret import Secret
from kctui.core.words import MADE_SPECS, KeyFamily, KeySpec, KeyUsage, key_spec_words
from kctui.demo.box.errors import AwsError
from kctui.demo.box.kms.materials import CURVES, check_imported
from kctui.demo.box.kms.specs import SPECS
from kctui.demo.box.kms.wrapping import Opened, check_combination, unwrap

UNMADE = [spec for spec in KeySpec if spec not in MADE_SPECS]
PAIRS = [spec for spec in MADE_SPECS if spec.family in {KeyFamily.RSA, KeyFamily.ECC}]


@pytest.fixture(scope="module")
def wrapping_key() -> rsa.RSAPrivateKey:
    """AWS's half of the wrapping."""
    return rsa.generate_private_key(public_exponent=65537, key_size=4096)


def public(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def enumeration(name: str) -> set[str]:
    """The words of AWS's service model."""
    shape = boto3.Session().client("kms", region_name="us-east-1").meta.service_model.shape_for(name)
    return set(getattr(shape, "enum", ()))


def test_the_words_are_those_of_the_service_model() -> None:
    assert set(KeySpec) <= enumeration("KeySpec")
    assert set(KeyUsage) <= enumeration("KeyUsageType")
    assert set(WrappingAlgorithm) <= enumeration("AlgorithmSpec")


def test_the_box_knows_the_same_specs_and_usages() -> None:
    assert {spec.value for spec in MADE_SPECS} == set(SPECS)
    for spec in MADE_SPECS:
        assert set(spec.usages) == set(SPECS[spec.value].usages)
        assert str(spec.family).upper() == SPECS[spec.value].family.value


@pytest.mark.parametrize("spec", UNMADE)
def test_what_aws_does_not_import_is_refused_by_name(spec: KeySpec) -> None:
    assert (spec.family, spec.usages, allowed(spec)) == (None, (), ())
    with pytest.raises(InvalidInputError, match=spec.value) as refused:
        generate(spec)
    assert refused.value.field == "key_spec"


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
@pytest.mark.parametrize("spec", MADE_SPECS)
def test_the_wrapping_table_is_the_boxs(spec: KeySpec, bits: int) -> None:
    taken = []
    for algorithm in WrappingAlgorithm:
        try:
            check_combination(SPECS[spec.value], algorithm.value, f"RSA_{bits}")
        except AwsError:
            continue
        taken.append(algorithm)
    assert set(allowed(spec, bits)) == set(taken)
    assert allowed(spec, bits)[0].hash is WrappingHash.SHA_256


def test_a_wrapping_that_aws_does_not_take_is_refused_with_those_it_takes() -> None:
    with pytest.raises(RefusedError, match="RSA_2048") as refused:
        require_allowed(KeySpec.RSA_2048, WrappingAlgorithm.RSAES_OAEP_SHA_256)
    assert "RSA_AES_KEY_WRAP_SHA_256" in refused.value.detail
    with pytest.raises(RefusedError, match="ECC_NIST_P521"):
        require_allowed(KeySpec.ECC_NIST_P521, WrappingAlgorithm.RSAES_OAEP_SHA_256, 2048)
    require_allowed(KeySpec.ECC_NIST_P521, WrappingAlgorithm.RSAES_OAEP_SHA_256, 3072)


@pytest.mark.parametrize("spec", MADE_SPECS)
def test_the_china_regions_have_no_rsa_aes_key_wrap(spec: KeySpec) -> None:
    if spec.family is KeyFamily.RSA:
        with pytest.raises(RefusedError, match="China"):
            wrapping_algorithm(spec, "aws-cn")
    else:
        assert wrapping_algorithm(spec, "aws-cn") is WrappingAlgorithm.RSAES_OAEP_SHA_256


@pytest.mark.parametrize("spec", MADE_SPECS)
def test_material_is_what_aws_imports_for_its_spec(spec: KeySpec) -> None:
    with generate(spec) as material, generate(spec) as other:
        assert check_imported(SPECS[spec.value], material.reveal()) == material.reveal()
        assert material != other


@pytest.mark.parametrize("spec", PAIRS)
def test_a_key_pairs_public_key_belongs_to_its_material(spec: KeySpec) -> None:
    with generate(spec) as material:
        private = load_der_private_key(material.reveal(), None)
        given_out = public_key_of(spec, material)
    assert given_out == private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if isinstance(private, rsa.RSAPrivateKey):
        assert (private.public_key().public_numbers().e, f"RSA_{private.key_size}") == (65537, spec.value)
    else:
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        assert private.curve.name == CURVES[spec.value].name


@pytest.mark.parametrize("spec", [KeySpec.SYMMETRIC_DEFAULT, KeySpec.HMAC_384])
def test_a_secret_key_has_no_public_one(spec: KeySpec) -> None:
    with generate(spec) as material:
        assert public_key_of(spec, material) is None


@pytest.mark.parametrize("spec", [KeySpec.RSA_2048, KeySpec.ECC_NIST_P384])
def test_material_that_is_no_such_key_is_refused_without_a_trace_of_it(spec: KeySpec) -> None:
    with generate(KeySpec.ECC_NIST_P256) as wrong:
        for material in (wrong, Secret(b"MARKER" * 20)):
            with pytest.raises(KctuiError, match=spec.value) as refused:
                public_key_of(spec, material)
            assert refused.value.__context__ is None
            assert "MARKER" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("spec", "algorithm"), [(spec, one) for spec, one in product(MADE_SPECS, WrappingAlgorithm) if one in allowed(spec)]
)
def test_what_is_wrapped_unwraps_to_the_byte(
    wrapping_key: rsa.RSAPrivateKey, spec: KeySpec, algorithm: WrappingAlgorithm
) -> None:
    with generate(spec) as material:
        wrapped = wrap(spec, material, public(wrapping_key), algorithm)
        assert unwrap(Opened(wrapping_key, algorithm.value), wrapped) == material.reveal()


@settings(max_examples=40, deadline=None)
@given(length=st.integers(1, 400), algorithm=st.sampled_from(allowed(KeySpec.ECC_NIST_P521)))
def test_material_of_any_length_unwraps_to_the_byte(
    wrapping_key: rsa.RSAPrivateKey, length: int, algorithm: WrappingAlgorithm
) -> None:
    """AES-KWP pads to eight bytes: no length may gain or lose one."""
    plain = os.urandom(length)
    with Secret(plain) as material:
        wrapped = wrap(KeySpec.ECC_NIST_P521, material, public(wrapping_key), algorithm)
    assert unwrap(Opened(wrapping_key, algorithm.value), wrapped) == plain
    longer = algorithm.family is WrappingFamily.RSA_AES_KEY_WRAP
    assert len(wrapped) == 512 + ((length + 7) // 8 * 8 + 8 if longer else 0)


def test_each_wrapping_has_an_aes_key_of_its_own(wrapping_key: rsa.RSAPrivateKey) -> None:
    algorithm = WrappingAlgorithm.RSA_AES_KEY_WRAP_SHA_256
    with generate(KeySpec.ECC_NIST_P256) as material:
        ours = [wrap(KeySpec.ECC_NIST_P256, material, public(wrapping_key), algorithm)[512:] for _ in range(2)]
    assert ours[0] != ours[1]


def test_nothing_is_wrapped_as_aws_would_not_take_it(wrapping_key: rsa.RSAPrivateKey) -> None:
    with generate(KeySpec.RSA_2048) as material, pytest.raises(RefusedError):
        wrap(KeySpec.RSA_2048, material, public(wrapping_key), WrappingAlgorithm.RSAES_OAEP_SHA_256)
    short = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with generate(KeySpec.HMAC_256) as material, pytest.raises(KctuiError, match="4096 bits"):
        wrap(KeySpec.HMAC_256, material, public(short), WrappingAlgorithm.RSAES_OAEP_SHA_256)


def test_a_key_is_told_with_what_it_can_do() -> None:
    assert key_spec_words(KeySpec.RSA_3072, KeyUsage.SIGN_VERIFY) == "RSA_3072 · sign and verify"
