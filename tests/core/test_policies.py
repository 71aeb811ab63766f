"""Key policies as the AWS console writes them, read back, and compared as AWS means them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.aws.policies import (
    Access,
    PolicyKind,
    deleted_principals,
    key_policy,
    read_access,
    with_access,
)
from kctui.core.aws.policy_difference import canonical, difference, pretty, same_policy
from kctui.core.text import safe_lines
from kctui.core.words import KeySpec, KeyUsage

KIND = PolicyKind("aws", "111122223333")
ALICE, BOB = "arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:role/bob"
ROOT = "arn:aws:iam::111122223333:root"
ARNS = st.lists(
    st.from_regex(r"arn:aws:iam::[0-9]{12}:(user|role)/[a-z]{1,8}", fullmatch=True), unique=True, max_size=6
)
KINDS = st.builds(
    PolicyKind,
    st.sampled_from(["aws", "aws-cn", "aws-us-gov"]),
    st.from_regex(r"[0-9]{12}", fullmatch=True),
    st.sampled_from(KeySpec),
    st.sampled_from(KeyUsage),
    st.booleans(),
)


def document(policy: str) -> Any:
    return json.loads(policy)


def actions(policy: str, sid: str) -> list[str]:
    [statement] = [each for each in document(policy)["Statement"] if each["Sid"] == sid]
    found: list[str] = statement["Action"]
    return found


def test_the_policy_of_a_symmetric_key_is_the_consoles_to_the_letter() -> None:
    assert document(key_policy(KIND, [ALICE], [ALICE, BOB])) == {
        "Id": "key-consolepolicy-3",
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": ROOT},
                "Action": "kms:*",
                "Resource": "*",
            },
            {
                "Sid": "Allow access for Key Administrators",
                "Effect": "Allow",
                "Principal": {"AWS": ALICE},
                "Action": [
                    "kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*",
                    "kms:Revoke*", "kms:Disable*", "kms:Get*", "kms:Delete*", "kms:ImportKeyMaterial",
                    "kms:TagResource", "kms:UntagResource", "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion",
                    "kms:RotateKeyOnDemand",
                ],
                "Resource": "*",
            },
            {
                "Sid": "Allow use of the key",
                "Effect": "Allow",
                "Principal": {"AWS": [ALICE, BOB]},
                "Action": [
                    "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey",
                ],
                "Resource": "*",
            },
            {
                "Sid": "Allow attachment of persistent resources",
                "Effect": "Allow",
                "Principal": {"AWS": [ALICE, BOB]},
                "Action": ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
                "Resource": "*",
                "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
            },
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "usage", "expected"),
    [
        (KeySpec.RSA_4096, KeyUsage.ENCRYPT_DECRYPT, {"Encrypt", "Decrypt", "ReEncrypt*", "GetPublicKey"}),
        (KeySpec.RSA_4096, KeyUsage.SIGN_VERIFY, {"Sign", "Verify", "GetPublicKey"}),
        (KeySpec.HMAC_256, KeyUsage.GENERATE_VERIFY_MAC, {"GenerateMac", "VerifyMac"}),
        (KeySpec.ECC_NIST_P256, KeyUsage.KEY_AGREEMENT, {"DeriveSharedSecret", "GetPublicKey"}),
    ],
)
def test_users_may_do_what_the_key_is_for(spec: KeySpec, usage: KeyUsage, expected: set[str]) -> None:
    policy = key_policy(PolicyKind("aws", "111122223333", spec, usage), [], [ALICE])
    assert set(actions(policy, "Allow use of the key")) == {f"kms:{name}" for name in expected | {"DescribeKey"}}
    for_services = "Allow attachment of persistent resources" in policy
    assert for_services is (usage is not KeyUsage.GENERATE_VERIFY_MAC)


def test_administrators_import_material_only_where_it_comes_from_outside() -> None:
    made_by_aws = PolicyKind("aws", "111122223333", imported=False)
    assert "kms:ImportKeyMaterial" not in actions(
        key_policy(made_by_aws, [ALICE], []), "Allow access for Key Administrators"
    )


@given(KINDS, ARNS, ARNS)
def test_what_is_written_reads_back(kind: PolicyKind, administrators: list[str], users: list[str]) -> None:
    assert read_access(key_policy(kind, administrators, users)) == Access(tuple(administrators), tuple(users))


@given(KINDS, ARNS, ARNS, ARNS, ARNS)
def test_changing_who_is_let_in_is_the_same_as_writing_it_anew(
    kind: PolicyKind, before: list[str], users_before: list[str], after: list[str], users_after: list[str]
) -> None:
    access = Access(tuple(after), tuple(users_after))
    changed = with_access(key_policy(kind, before, users_before), kind, access)
    assert same_policy(changed, key_policy(kind, after, users_after))
    assert read_access(changed) == access


def test_changing_who_is_let_in_leaves_the_actions_of_an_older_console() -> None:
    policy = document(key_policy(KIND, [ALICE], [ALICE]))
    older = ["kms:Describe*", "kms:Put*"]
    policy["Statement"][1]["Action"] = older
    changed = with_access(json.dumps(policy), KIND, Access((ALICE, BOB), ()))
    assert actions(changed, "Allow access for Key Administrators") == older
    assert read_access(changed) == Access((ALICE, BOB), ())


def test_the_policy_that_aws_gives_a_key_without_one_names_nobody() -> None:
    statement = document(key_policy(KIND, [], []))["Statement"][0]
    default = {"Version": "2012-10-17", "Id": "key-default-1", "Statement": statement}
    assert read_access(json.dumps(default)) == Access((), ())
    assert same_policy(json.dumps(default), key_policy(KIND, [], []))


CUSTOM = [
    lambda p: p["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}),
    lambda p: p["Statement"].pop(0),
    lambda p: p["Statement"].append(p["Statement"][1] | {"Principal": {"AWS": BOB}}),
    lambda p: p["Statement"][1].update(Effect="Deny"),
    lambda p: p["Statement"][1].update(Condition={"Bool": {"aws:SecureTransport": "true"}}),
    lambda p: p["Statement"][1].update(Action=["kms:Decrypt"]),
    lambda p: p["Statement"][1].update(Principal={"Service": "s3.amazonaws.com"}),
    lambda p: p["Statement"][1].update(Principal="*"),
    lambda p: p["Statement"][2].update(Principal={"AWS": BOB}),
    lambda p: p["Statement"][3].pop("Condition"),
    lambda p: p["Statement"][0].update(Principal={"AWS": ["*"]}),
    lambda p: p.update(Statement="nothing"),
    lambda p: p.update(Extra=1),
]


@pytest.mark.parametrize("change", CUSTOM)
def test_a_policy_of_another_shape_is_custom(change: Any) -> None:
    policy = document(key_policy(KIND, [ALICE], [ALICE]))
    change(policy)
    assert read_access(json.dumps(policy)) is None
    assert not same_policy(json.dumps(policy), key_policy(KIND, [ALICE], [ALICE]))
    with pytest.raises(ValueError, match="custom"):
        with_access(json.dumps(policy), KIND, Access((), ()))


HOSTILE = [
    "",
    "null",
    "[]",
    "{",
    "[" * 100_000,
    '{"Statement": 7}',
    '{"Statement": [null, 1, "x"]}',
    "\x1b]0;owned\x07",
]


@pytest.mark.parametrize("policy", HOSTILE)
def test_what_is_no_policy_is_custom_and_stands_for_itself(policy: str) -> None:
    assert read_access(policy) is None
    assert deleted_principals(policy) == []
    assert same_policy(policy, policy)
    assert not same_policy(policy, key_policy(KIND, [], []))
    assert difference(policy, key_policy(KIND, [], []), "a", "b")
    assert pretty(policy) is not None


def shuffled(value: object, draw: st.DrawFn, *, place: str = "") -> object:
    """The same policy, spelt otherwise: lists in another order, lists of one as that one, names in another order."""
    if isinstance(value, dict):
        names = draw(st.permutations(list(value)))
        return {name: shuffled(value[name], draw, place=name) for name in names}
    if isinstance(value, list):
        parts = [shuffled(each, draw, place=f"{place} of a list") for each in draw(st.permutations(value))]
        return parts[0] if len(parts) == 1 and draw(st.booleans()) else parts
    if place.startswith("Action") and isinstance(value, str):
        value = draw(st.sampled_from([value, value.lower()]))
    if isinstance(value, str) and value.endswith(":root"):
        value = draw(st.sampled_from([value, value.split(":")[4]]))
    if isinstance(value, str) and draw(st.booleans()) and place in {"Action", "AWS", "kms:GrantIsForAWSResource"}:
        return [value]
    return value


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    policy = key_policy(draw(KINDS), draw(ARNS), draw(ARNS))
    other = shuffled(document(policy), draw)
    assert isinstance(other, dict)
    return policy, json.dumps(other | {"Id": draw(st.text(max_size=5))})


@given(spellings())
def test_another_spelling_of_a_policy_says_the_same(pair: tuple[str, str]) -> None:
    policy, other = pair
    assert canonical(policy) == canonical(other)
    assert difference(policy, other, "a", "b") == ""


@given(KINDS, ARNS, ARNS)
def test_another_principal_is_another_policy(kind: PolicyKind, administrators: list[str], users: list[str]) -> None:
    added = "arn:aws:iam::111122223333:user/Mallory"
    before, after = key_policy(kind, administrators, users), key_policy(kind, administrators, [*users, added])
    assert not same_policy(before, after)
    assert any(line.startswith("+") and added in line for line in difference(before, after, "a", "b").split("\n"))


def test_a_deleted_user_is_a_difference_and_is_named() -> None:
    before = key_policy(KIND, [ALICE], [])
    after = before.replace(ALICE, "AIDACKCEVSQ6C2EXAMPLE")
    assert not same_policy(before, after)
    assert deleted_principals(after) == ["AIDACKCEVSQ6C2EXAMPLE"]
    assert read_access(after) == Access(("AIDACKCEVSQ6C2EXAMPLE",), ())


def test_a_difference_shows_only_what_differs() -> None:
    lines = difference(key_policy(KIND, [ALICE], []), key_policy(KIND, [BOB], []), "ours", "theirs").split("\n")
    assert lines[:2] == ["--- ours", "+++ theirs"]
    assert [line.strip('-+ ",') for line in lines[2:] if line[0] in "-+"] == [ALICE, BOB]


def test_hostile_text_in_a_policy_can_be_shown() -> None:
    hostile = json.dumps({"Statement": [{"Sid": "a\x1b]52;c;aGk=\x07\n\u202e\u2028b"}]})
    shown = safe_lines(difference(key_policy(KIND, [], []), hostile, "ours", "theirs"))
    assert not {"\x1b", "\x07", "\u202e", "\u2028"} & set(shown)
