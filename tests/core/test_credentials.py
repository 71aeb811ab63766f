"""The kinds of credentials of a CSP Account, each signing in to AWS in a box."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.credentials import RefreshableCredentials
from sqlmodel import select

from kctui.core import accounts
from kctui.core.accounts import NewAccount, add_account
from kctui.core.aws import credentials
from kctui.core.aws.credentials import AssumedRole, Credential, InstanceRole, Profile
from kctui.core.aws.failures import AwsRefusedError
from kctui.core.aws.permissions import PERMISSIONS, Finding
from kctui.core.engine import Engine
from kctui.core.errors import InvalidInputError, TamperedError, UnreachableError
from kctui.core.key_sets import NewKeySet, create_key_set
from kctui.core.lists import CspAccountList, CspAccountRow
from kctui.core.model import CspAccount
from kctui.core.operations import create_cloud_key
from kctui.core.secret import Secret
from kctui.core.sync import sync
from kctui.core.words import CredentialKind
from kctui.demo.box import AccessKey, Box, FaultKind
from tests.core.iam import ROLE, USER, add_role, add_user, iam_of, statement
from tests.core.metadata import instance_metadata
from tests.core.operations import REGION, know_regions, make_quick, new_key

ALL = [permission.action for permission in PERMISSIONS]
DEAD_PORT = "http://127.0.0.1:1"


@pytest.fixture
def root(engine: Engine, aws_account: AccessKey) -> AccessKey:
    make_quick(engine)
    know_regions(engine)
    return aws_account


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the AWS configuration, empty; nothing of this machine's is found."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", DEAD_PORT)
    return tmp_path


def write_profile(config: Path, name: str, key: AccessKey, more: str = "") -> None:
    (config / "credentials").write_text(
        f"[{name}]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret_access_key}\n{more}"
    )


def session_of(box: Box, key: AccessKey, role_arn: str) -> dict[str, str]:
    """Temporary credentials of a role, as an instance has them."""
    sts = boto3.client(
        "sts", region_name=REGION, endpoint_url=box.endpoint,
        aws_access_key_id=key.access_key_id, aws_secret_access_key=key.secret_access_key,
    )  # fmt: skip
    answer = sts.assume_role(RoleArn=role_arn, RoleSessionName="i-0123456789")["Credentials"]
    sts.close()
    return {name: str(answer[name]) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")}


@pytest.fixture
def instance(box: Box, root: AccessKey, config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine is an EC2 instance with a role."""
    user = add_user(box, root, ["sts:AssumeRole"])
    role = add_role(box, root, ALL)
    with instance_metadata(ROLE, session_of(box, user, role)) as endpoint:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
        yield


def add(engine: Engine, box: Box, credential: Credential) -> CspAccountRow:
    add_account(engine, NewAccount.of("bank", credential, REGION, box.endpoint))
    return account_row(engine)


def account_row(engine: Engine) -> CspAccountRow:
    [row] = CspAccountList(engine.store).page().rows
    return row


def access_key(key: AccessKey) -> credentials.AccessKey:
    return credentials.AccessKey(key.access_key_id, Secret(key.secret_access_key))


def test_a_profile_signs_in_and_creates_keys(engine: Engine, box: Box, root: AccessKey, config: Path) -> None:
    # KMS lets nobody create a key whose policy they could not change.
    write_profile(config, "byok", add_user(box, root, [*ALL, "kms:PutKeyPolicy"]))
    row = add(engine, box, Profile("byok"))
    assert (row.credential_kind, row.profile, row.access_key_id) == (CredentialKind.PROFILE, "byok", "")
    assert row.caller_arn.endswith(f":user/{USER}")
    create_key_set(engine, NewKeySet("payroll", "bank"))
    create_cloud_key(engine, new_key())
    assert sync(engine).accounts[0].keys == 1


def test_the_shells_profile_keys_and_endpoint_are_not_the_accounts(
    engine: Engine, box: Box, root: AccessKey, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = add_user(box, root, ALL)
    write_profile(config, "byok", user)
    (config / "config").write_text(f"[profile byok]\nendpoint_url = {DEAD_PORT}\nregion = us-west-1\n")
    for name, value in {
        "AWS_PROFILE": "nobody",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "the shell's",
        "AWS_ENDPOINT_URL": DEAD_PORT,
        "AWS_ENDPOINT_URL_KMS": DEAD_PORT,
    }.items():
        monkeypatch.setenv(name, value)
    assert add(engine, box, Profile("byok")).caller_arn.endswith(f":user/{USER}")
    assert sync(engine).failed is False


@pytest.mark.parametrize(
    ("written", "named", "said"),
    [
        ("byok", "other", "no AWS profile other"),
        (None, "byok", "no AWS profile byok"),
        ("byok", "by]ok", "cannot be the name"),
        ("byok", "", "cannot be the name"),
    ],
)
def test_a_profile_that_is_not_there_is_told_by_name(
    engine: Engine, box: Box, root: AccessKey, config: Path, written: str | None, named: str, said: str
) -> None:
    if written:
        write_profile(config, written, root)
    with pytest.raises(InvalidInputError, match=said) as refused:
        add(engine, box, Profile(named))
    assert refused.value.field == "profile"
    assert CspAccountList(engine.store).page().rows == ()


def test_a_profile_without_credentials_does_not_fall_back_on_the_instance(
    engine: Engine, box: Box, instance: None, config: Path
) -> None:
    (config / "config").write_text("[profile empty]\nregion = us-east-1\n")
    with pytest.raises(InvalidInputError, match="holds no credentials"):
        add(engine, box, Profile("empty"))


def test_the_instance_role_signs_in(engine: Engine, box: Box, instance: None) -> None:
    row = add(engine, box, InstanceRole())
    assert row.credential_kind is CredentialKind.INSTANCE_ROLE
    assert f":assumed-role/{ROLE}/i-0123456789" in row.caller_arn
    assert sync(engine).failed is False


def test_without_an_instance_there_is_no_instance_role(engine: Engine, box: Box, root: AccessKey, config: Path) -> None:
    with pytest.raises(UnreachableError, match="no instance role"):
        add(engine, box, InstanceRole())


def test_an_instance_without_a_role_is_told(
    engine: Engine, box: Box, root: AccessKey, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with instance_metadata(ROLE, None) as endpoint:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
        with pytest.raises(UnreachableError, match="no instance role"):
            add(engine, box, InstanceRole())


@pytest.mark.parametrize("external_id", [None, "7c1f"])
def test_an_access_key_assumes_a_role(engine: Engine, box: Box, root: AccessKey, external_id: str | None) -> None:
    user = add_user(box, root, ["sts:AssumeRole"])
    role = add_role(box, root, ALL, external_id)
    row = add(engine, box, AssumedRole(role, external_id, access_key(user)))
    assert (row.credential_kind, row.role_arn, row.external_id) == (CredentialKind.ASSUME_ROLE, role, external_id)
    assert row.access_key_id == user.access_key_id
    assert f":assumed-role/{ROLE}/kctui" in row.caller_arn
    engine.clients.forget()
    assert sync(engine).failed is False


@pytest.mark.parametrize("given", [None, "wrong"])
def test_a_role_that_demands_another_external_id_is_not_assumed(
    engine: Engine, box: Box, root: AccessKey, given: str | None
) -> None:
    role = add_role(box, root, ALL, "7c1f")
    user = add_user(box, root, ["sts:AssumeRole"])
    with pytest.raises(AwsRefusedError, match="sts:AssumeRole"):
        add(engine, box, AssumedRole(role, given, access_key(user)))


def test_a_profile_assumes_a_role(engine: Engine, box: Box, root: AccessKey, config: Path) -> None:
    write_profile(config, "byok", add_user(box, root, ["sts:AssumeRole"]))
    assert ":assumed-role/" in add(engine, box, AssumedRole(add_role(box, root, ALL), None, Profile("byok"))).caller_arn


def test_an_instance_role_assumes_a_role(engine: Engine, box: Box, instance: None, root: AccessKey) -> None:
    with iam_of(box, root) as iam:
        iam.put_role_policy(RoleName=ROLE, PolicyName="more", PolicyDocument=statement(["sts:AssumeRole"]))
    role = f"arn:aws:iam::{root.account_id}:role/{ROLE}"
    row = add(engine, box, AssumedRole(role, None, InstanceRole()))
    assert row.caller_arn.endswith("/kctui")
    assert (row.role_arn, row.profile, row.access_key_id) == (role, None, "")


@pytest.mark.parametrize(
    ("role", "external_id", "field"),
    [
        ("arn:aws:iam::111122223333:user/alice", None, "role_arn"),
        ("kctui", None, "role_arn"),
        ("", None, "role_arn"),
        ("arn:aws:iam::111122223333:role/kctui", "x", "external_id"),
        ("arn:aws:iam::111122223333:role/kctui", "7 c", "external_id"),
    ],
)
def test_what_is_no_role_or_external_id_is_refused_at_its_field(
    engine: Engine, box: Box, root: AccessKey, role: str, external_id: str | None, field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        add(engine, box, AssumedRole(role, external_id, access_key(root)))
    assert refused.value.field == field


def test_a_session_outlives_its_temporary_credentials(engine: Engine, box: Box, root: AccessKey) -> None:
    user = add_user(box, root, ["sts:AssumeRole"])
    add(engine, box, AssumedRole(add_role(box, root, ALL), None, access_key(user)))
    with engine.store.read() as session:
        aws = engine.clients.session(session.exec(select(CspAccount)).one())
    aws.kms(REGION).client.list_keys()
    assert aws._session is not None
    temporary = aws._session.get_credentials()
    assert isinstance(temporary, RefreshableCredentials)
    before = temporary.access_key
    vars(temporary)["_expiry_time"] = datetime.now(UTC) + timedelta(seconds=1)
    aws.kms(REGION).client.list_keys()
    assert temporary.access_key != before


def test_a_role_that_may_no_longer_be_assumed_is_named_whatever_was_asked(
    engine: Engine, box: Box, root: AccessKey
) -> None:
    user = add_user(box, root, ["sts:AssumeRole"])
    add(engine, box, AssumedRole(add_role(box, root, ALL), None, access_key(user)))
    box.faults.add("AssumeRole", FaultKind.ACCESS_DENIED)
    engine.clients.forget()
    [account] = sync(engine).accounts
    assert account.error is not None
    assert account.error.title == "AWS does not allow sts:AssumeRole"


def test_a_test_asks_the_user_about_the_access_key_that_assumes_a_role(
    engine: Engine, box: Box, root: AccessKey
) -> None:
    user = add_user(box, root, ["sts:AssumeRole", "iam:*AccessKey*", "iam:GetUser", "iam:SimulatePrincipalPolicy"])
    add(engine, box, AssumedRole(add_role(box, root, ["kms:*", "iam:SimulatePrincipalPolicy"]), None, access_key(user)))
    found = {check.permission.action: check.finding for check in accounts.test_account(engine, "bank").permissions}
    assert found["kms:CreateKey"] is Finding.ALLOWED
    assert found["ec2:DescribeRegions"] is Finding.DENIED
    assert {found[name] for name in ALL if "AccessKey" in name} == {Finding.ALLOWED}


def test_a_test_of_a_credential_without_an_access_key_asks_nothing_about_access_keys(
    engine: Engine, box: Box, instance: None
) -> None:
    add(engine, box, InstanceRole())
    asked = [check.permission.action for check in accounts.test_account(engine, "bank").permissions]
    assert "iam:CreateAccessKey" not in asked
    assert "kms:CreateKey" in asked


def test_only_an_access_key_has_a_schedule(engine: Engine, box: Box, root: AccessKey, config: Path) -> None:
    with pytest.raises(InvalidInputError) as refused:
        add_account(engine, NewAccount.of("bank", Profile("byok"), REGION, box.endpoint, rotation_days=90))
    assert refused.value.field == "rotation_schedule"


def test_a_schedule_makes_the_access_key_due_and_rotates_nothing(engine: Engine, box: Box, root: AccessKey) -> None:
    add_account(engine, NewAccount.of("bank", access_key(root), REGION, box.endpoint, rotation_days=90))
    row = account_row(engine)
    assert row.rotation_days == 90
    assert row.rotates_at is not None
    assert timedelta(days=89) < row.rotates_at - datetime.now(UTC) <= timedelta(days=90)
    assert (row.access_key_id, row.credential_rotated_at) == (root.access_key_id, None)


def test_a_profile_put_in_by_who_can_write_the_database_is_not_used(
    engine: Engine, box: Box, root: AccessKey, config: Path
) -> None:
    write_profile(config, "byok", root)
    add(engine, box, Profile("byok"))
    engine.clients.forget()
    with engine.store.write() as session:
        session.exec(select(CspAccount)).one().profile = "attacker"
    box.calls.clear()
    [account] = sync(engine).accounts
    assert isinstance(account.error, TamperedError)
    assert list(box.calls) == []
