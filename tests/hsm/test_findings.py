"""What is chosen by what a probe found: always something that was found, never SHA-1 without consent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.material.aws_wrapping import WrappingAlgorithm, WrappingHash, allowed
from kctui.core.pkcs11.errors import HsmRefusedError
from kctui.core.pkcs11.findings import Choice, Conformance, SpecFindings
from kctui.core.pkcs11.shapes import SHAPES, Kind
from kctui.core.pkcs11.ways import KEEP_MECHANISMS, KWP_MECHANISMS, ORDER, Way
from kctui.core.words import MADE_SPECS, KeySpec

specs = st.sampled_from(MADE_SPECS)


@st.composite
def found(draw: st.DrawFn, spec: KeySpec) -> SpecFindings:
    """What a probe may find of a spec: some of the ways, in their order."""
    ways = [way for way in ORDER[SHAPES[spec].kind] if draw(st.booleans())]
    kwp = draw(st.sampled_from(KWP_MECHANISMS)) if any(way.in_two_steps for way in ways) else None
    keeps_by = draw(st.none() | st.sampled_from(KEEP_MECHANISMS))
    refused = draw(st.dictionaries(st.sampled_from([way.value for way in Way]), st.text(min_size=1), max_size=3))
    return SpecFindings(ways, kwp, keeps_by, refused)


@st.composite
def conformances(draw: st.DrawFn) -> Conformance:
    """What a probe may find of a token."""
    chosen = draw(st.lists(specs, unique=True))
    return Conformance({spec: draw(found(spec)) for spec in chosen}, draw(st.booleans()))


def chosen(
    conformance: Conformance, spec: KeySpec, *, sha1: bool, taken: set[WrappingAlgorithm] | None
) -> Choice | None:
    """The choice, or None where it is refused, as `why_not` says."""
    refusal = conformance.why_not(spec, sha1=sha1, taken=taken)
    if refusal is None:
        return conformance.choose(spec, sha1=sha1, taken=taken)
    with pytest.raises(HsmRefusedError, match=f"^The HSM cannot make {spec.value} key material for AWS$") as refused:
        conformance.choose(spec, sha1=sha1, taken=taken)
    assert (refused.value.detail, refused.value.remedy) == (refusal.detail, refusal.remedy)
    assert refusal.remedy
    return None


taken_by_aws = st.none() | st.sets(st.sampled_from([way.algorithm for way in Way]))


@given(conformances())
def test_what_is_kept_is_what_was_found(conformance: Conformance) -> None:
    assert Conformance.from_json(conformance.to_json()) == conformance


@given(conformances(), specs, st.booleans(), taken_by_aws)
def test_what_is_chosen_was_found_is_taken_and_consented_to(
    conformance: Conformance, spec: KeySpec, sha1: bool, taken: set[WrappingAlgorithm] | None
) -> None:
    choice = chosen(conformance, spec, sha1=sha1, taken=taken)
    if choice is None:
        return
    findings = conformance.specs[spec]
    assert choice.way in findings.ways
    assert choice.keeps_by == findings.keeps_by
    assert (choice.kwp is not None) is choice.way.in_two_steps
    assert taken is None or choice.way.algorithm in taken
    assert sha1 or choice.way.hash is WrappingHash.SHA_256


@given(conformances(), specs, taken_by_aws)
def test_nothing_is_refused_that_could_be_done(
    conformance: Conformance, spec: KeySpec, taken: set[WrappingAlgorithm] | None
) -> None:
    findings = conformance.specs.get(spec, SpecFindings())
    fitting = [way for way in findings.ways if taken is None or way.algorithm in taken]
    could = bool(fitting) and findings.keeps_by is not None
    assert (chosen(conformance, spec, sha1=True, taken=taken) is not None) is could


@given(conformances(), specs, taken_by_aws)
def test_sha256_goes_before_sha1_whatever_the_consent(
    conformance: Conformance, spec: KeySpec, taken: set[WrappingAlgorithm] | None
) -> None:
    without = chosen(conformance, spec, sha1=False, taken=taken)
    if without is not None:
        assert chosen(conformance, spec, sha1=True, taken=taken) == without


def test_the_order_of_preference() -> None:
    everything = {
        spec: SpecFindings(list(ORDER[shape.kind]), KWP_MECHANISMS[0], KWP_MECHANISMS[0])
        for spec, shape in SHAPES.items()
    }
    conformance = Conformance(everything, exports=False)
    best = {Kind.AES: Way.OAEP_SHA_256, Kind.HMAC: Way.OAEP_SHA_256}
    for spec, shape in SHAPES.items():
        order = ORDER[shape.kind]
        assert conformance.choose(spec, sha1=False).way is best.get(shape.kind, Way.NATIVE_SHA_256)
        hashes = [way.hash for way in order]
        assert hashes == sorted(hashes, key=[WrappingHash.SHA_256, WrappingHash.SHA_1].index)


def test_every_way_is_one_that_aws_takes_for_the_spec() -> None:
    for spec, shape in SHAPES.items():
        assert {way.algorithm for way in ORDER[shape.kind]} == set(allowed(spec))


def test_in_china_an_elliptic_curve_goes_by_oaep_alone() -> None:
    taken = set(allowed(KeySpec.ECC_NIST_P256, partition="aws-cn"))
    findings = SpecFindings(list(ORDER[Kind.EC]), KWP_MECHANISMS[0], KWP_MECHANISMS[0])
    conformance = Conformance({KeySpec.ECC_NIST_P256: findings}, exports=False)
    assert conformance.choose(KeySpec.ECC_NIST_P256, sha1=False, taken=taken).way is Way.OAEP_SHA_256
    findings.ways = [Way.TWO_STEPS_SHA_256]
    refusal = conformance.why_not(KeySpec.ECC_NIST_P256, sha1=False, taken=taken)
    assert refusal is not None
    assert "AWS does not take RSA_AES_KEY_WRAP_SHA_256, in two steps in that region" in refusal.detail


def test_sha1_alone_is_refused_with_where_to_consent() -> None:
    findings = SpecFindings([Way.OAEP_SHA_1], None, KEEP_MECHANISMS[-1])
    conformance = Conformance({KeySpec.SYMMETRIC_DEFAULT: findings}, exports=False)
    refusal = conformance.why_not(KeySpec.SYMMETRIC_DEFAULT, sha1=False)
    assert refusal is not None
    assert refusal.detail == "The token wraps it with SHA-1 only (RSAES_OAEP_SHA_1), to which there is no consent."
    assert "--allow-sha1" in refusal.remedy
    assert conformance.sha1_only == [KeySpec.SYMMETRIC_DEFAULT]
