"""CSP Accounts: added with credentials that work, tested, found."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from sqlmodel import Session, col, select

from kctui.core import validation
from kctui.core.audit import AuditEvent
from kctui.core.aws import credentials
from kctui.core.aws.clients import AwsSession, Credentials
from kctui.core.aws.credentials import AccessKey, AssumedRole, Credential, Profile, access_key_of, source_of
from kctui.core.aws.failures import AwsRefusedError
from kctui.core.aws.identity import Caller, caller_identity, long_names, regions
from kctui.core.aws.permissions import PermissionCheck, check_permissions
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, NotFoundError
from kctui.core.keyring import OpenGroup, check_name
from kctui.core.lists import RegionChoice
from kctui.core.model import CspAccount, RegionName, Schedule, new_id
from kctui.core.observer import Observer, Silent
from kctui.core.secret import Secret
from kctui.core.words import AuditCategory, AuditType, ScheduleKind, StepState


@dataclass(frozen=True)
class NewAccount:
    """What a CSP Account is made from. group: an Admin Group's name, None for the operator's only one.

    An access key, unless `other` is another kind of credential. rotation_days: when the access key becomes due to be
    rotated, and again so long after; None is Never. Nothing is rotated as the account is added.
    """

    name: str
    access_key_id: str
    secret_access_key: Secret
    region: str
    endpoint_url: str | None = None
    description: str = ""
    group: str | None = None
    rotation_days: int | None = None
    other: Credential | None = None

    @classmethod
    def of(
        cls,
        name: str,
        credential: Credential,
        region: str,
        endpoint_url: str | None = None,
        description: str = "",
        group: str | None = None,
        rotation_days: int | None = None,
    ) -> Self:
        """A CSP Account of any kind of credential."""
        rest = (region, endpoint_url, description, group, rotation_days)
        if isinstance(credential, AccessKey):
            return cls(name, credential.access_key_id, credential.secret_access_key, *rest)
        return cls(name, "", Secret(b""), *rest, credential)

    @property
    def credential(self) -> Credential:
        """How it signs in."""
        return self.other or AccessKey(self.access_key_id, self.secret_access_key)


@dataclass(frozen=True)
class AccountTest:
    """What a credential is and may do."""

    caller: Caller
    regions: list[RegionChoice]
    permissions: list[PermissionCheck]


def check_new_account(engine: Engine, new: NewAccount) -> NewAccount:
    """Everything that can be checked without AWS. Raises InvalidInputError or ConflictError."""
    check_name(new.name, "a CSP Account")
    validation.check_description(new.description)
    check_credential(new.credential)
    validation.check_region(new.region)
    validation.check_endpoint_url(new.endpoint_url)
    check_schedule(new.credential, new.rotation_days)
    with engine.store.read() as session:
        if session.exec(select(CspAccount.id).where(CspAccount.name == new.name)).first():
            raise ConflictError(f"There is a CSP Account {new.name} already", remedy="Choose another name.")
    choose_group(engine, new.group)
    return new


def check_credential(credential: Credential) -> None:
    """What can be said of a credential without AWS. Raises InvalidInputError, which names the field."""
    match source_of(credential):
        case AccessKey(access_key_id, secret):
            validation.check_access_key_id(access_key_id)
            if not len(secret):
                raise InvalidInputError("The secret access key is empty", field="secret_access_key")
        case Profile(name):
            validation.check_profile(name)
    if isinstance(credential, AssumedRole):
        validation.check_role_arn(credential.role_arn)
        validation.check_external_id(credential.external_id)


def check_schedule(credential: Credential, days: int | None) -> None:
    """Only an access key can be rotated. Raises InvalidInputError."""
    validation.check_rotation_days(days)
    if days is not None and access_key_of(credential) is None:
        raise InvalidInputError(
            "There is no access key to rotate on a schedule",
            detail="A profile and an instance role have their credentials from elsewhere.",
            remedy="Choose Never.",
            field="rotation_schedule",
        )


def add_account(engine: Engine, new: NewAccount, observer: Observer | None = None) -> CspAccount:
    """Add a CSP Account whose credentials AWS knows. sts:GetCallerIdentity, ec2:DescribeRegions, ssm:GetParameter.

    sts:AssumeRole where it assumes a role. Nothing is kept when AWS does not know them. The regions of the account
    are learnt on the way.
    """
    observer = observer or Silent()
    engine.require_writable("Create CSP Account")
    check_new_account(engine, new)
    group = choose_group(engine, new.group)
    endpoint_url = validation.check_endpoint_url(new.endpoint_url)
    with asking(engine, new.credential, new.region, endpoint_url) as aws:
        caller = who(aws, observer)
        validation.check_region(new.region, caller.partition)
        account = CspAccount(
            id=new_id(),
            name=new.name,
            description=new.description,
            group_id=group.id,
            sealed_secret_access_key=b"",
            region=new.region,
            endpoint_url=endpoint_url,
            partition=caller.partition,
            aws_account_id=caller.account,
            caller_arn=caller.arn,
            rotation_days=new.rotation_days,
            reached_at=now(),
        )
        seal_credential(engine, account, new.credential)
        found = _learn_regions(engine, aws, caller.partition, observer)
        objects = {"CSP Account": new.name, "AWS account": caller.account} | credential_objects(account)
        with engine.store.write() as session:
            session.add(account)
            session.flush()
            set_schedule(session, account, new.rotation_days)
            engine.audit.record(
                session,
                AuditEvent(
                    AuditType.INFORMATION,
                    AuditCategory.ACCOUNT,
                    f"Created CSP Account {new.name} for AWS account {caller.account} with {len(found)} regions",
                    objects,
                    group_id=group.id,
                ),
            )
    return account


@contextmanager
def asking(engine: Engine, credential: Credential, region: str, endpoint_url: str | None) -> Iterator[AwsSession]:
    """An AWS session of a credential that is not kept, with a copy of its secret."""
    key = access_key_of(credential)
    copy = credential
    if key is not None:
        own = AccessKey(key.access_key_id, Secret(key.secret_access_key.reveal()))
        copy = replace(credential, source=own) if isinstance(credential, AssumedRole) else own
    aws = AwsSession(Credentials(key.access_key_id if key else "", copy, region, endpoint_url), engine.clients.quotas)
    try:
        yield aws
    finally:
        aws.close()
        credentials.wipe(copy)


def seal_credential(engine: Engine, account: CspAccount, credential: Credential) -> None:
    """Write a credential into the row of a CSP Account, its secret sealed and bound to all the rest of it."""
    credentials.describe(account, credential)
    with credentials.sealed_text(credential) as text:
        place = credentials.secret_access_key_place(account)
        account.sealed_secret_access_key = engine.keyring.seal(account.group_id, place, text)


def credential_objects(account: CspAccount) -> dict[str, str]:
    """What the audit log says of a credential. Never its secret."""
    said = {
        "Credential": account.credential_kind.value,
        "Access key": account.access_key_id,
        "Profile": account.profile,
        "Role": account.role_arn,
    }
    return {name: text for name, text in said.items() if text}


def set_schedule(session: Session, account: CspAccount, days: int | None) -> None:
    """Make the account's access key due in so many days, and again so long after; None is Never."""
    row = session.exec(
        select(Schedule).where(Schedule.kind == ScheduleKind.ROTATE_CREDENTIAL, col(Schedule.target_id) == account.id)
    ).one_or_none()
    account.rotation_days = days
    if days is None:
        if row is not None:
            session.delete(row)
        return
    due = now() + timedelta(days=days)
    if row is None:
        kind = ScheduleKind.ROTATE_CREDENTIAL
        session.add(Schedule(kind=kind, target_id=account.id, every_days=days, due_at=due))
    else:
        row.every_days, row.due_at = days, due


def test_account(engine: Engine, name: str, observer: Observer | None = None) -> AccountTest:
    """Ask AWS who the credential is, which regions it has and what it may do. Changes nothing in AWS.

    sts:GetCallerIdentity, ec2:DescribeRegions, ssm:GetParameter, iam:SimulatePrincipalPolicy, and the reading ones.
    """
    observer = observer or Silent()
    with engine.store.read() as session:
        account = find_account(session, name)
    aws = engine.clients.session(account)
    try:
        caller = who(aws, observer)
    except KctuiError as error:
        note_reach(engine, account.id, error)
        raise
    found = _learn_regions(engine, aws, caller.partition, observer)
    observer.step("permissions", StepState.INTENDED)
    permissions = check_permissions(aws, caller.arn, _key_owner(engine, account, caller))
    observer.step("permissions", StepState.DONE)
    note_reach(engine, account.id, None)
    return AccountTest(caller, found, permissions)


def _key_owner(engine: Engine, account: CspAccount, caller: Caller) -> tuple[AwsSession, str] | None:
    """The session and ARN of the user who has the account's access key, where it has one."""
    if not account.access_key_id:
        return None
    own = engine.clients.own_session(account)
    return own, caller.arn if account.role_arn is None else caller_identity(own).arn


def find_account(session: Session, name: str) -> CspAccount:
    """The CSP Account of this name. Raises NotFoundError."""
    account = session.exec(select(CspAccount).where(CspAccount.name == name)).one_or_none()
    if account is None:
        raise NotFoundError(f"There is no CSP Account {name}", remedy="`kctui account list` shows what there is.")
    return account


def note_reach(engine: Engine, account_id: str, error: KctuiError | None) -> None:
    """Keep when an account was last reached, or since when and why it is not."""
    if engine.read_only:
        return
    with engine.store.write() as session:
        account = session.get_one(CspAccount, account_id)
        if error is None:
            account.reached_at, account.unreachable_since, account.unreachable_reason = now(), None, None
        else:
            account.unreachable_since = account.unreachable_since or now()
            account.unreachable_reason = error.title


def choose_group(engine: Engine, name: str | None) -> OpenGroup:
    """The open Admin Group of this name, or the only one. Raises InvalidInputError or LockedError."""
    groups = list(engine.keyring.groups.values())
    fitting = [group for group in groups if name is None or group.name == name]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(group.name for group in groups) or "none"
    raise InvalidInputError(
        f"You are not in an Admin Group {name}" if name else "Say which Admin Group this belongs to",
        detail=f"Your groups: {names}.",
        remedy="Name one of them.",
        field="group",
    )


def who(aws: AwsSession, observer: Observer) -> Caller:
    """Ask AWS whose credential it is, as a step. sts:GetCallerIdentity."""
    observer.step("GetCallerIdentity", StepState.INTENDED)
    try:
        caller = caller_identity(aws)
    except KctuiError as error:
        observer.step("GetCallerIdentity", StepState.FAILED, error.title)
        raise
    observer.step("GetCallerIdentity", StepState.DONE, caller.arn)
    return caller


def _learn_regions(engine: Engine, aws: AwsSession, partition: str, observer: Observer) -> list[RegionChoice]:
    """Ask for regions and long names and keep them. Without ec2:DescribeRegions, the account's own region serves."""
    observer.step("DescribeRegions", StepState.INTENDED)
    try:
        names = regions(aws)
    except AwsRefusedError as error:
        observer.step("DescribeRegions", StepState.FAILED, error.title)
        names = [aws.credentials.region]
    else:
        observer.step("DescribeRegions", StepState.DONE, f"{len(names)} regions")
    with engine.store.read() as session:
        known = {
            row.region: row.long_name
            for row in session.exec(select(RegionName).where(RegionName.partition == partition))
            if row.long_name
        }
    unknown = [name for name in names if name not in known]
    if unknown:
        observer.step("GetParameter", StepState.INTENDED)
        known.update(long_names(aws, unknown))
        observer.step("GetParameter", StepState.DONE, f"{len(known)} long names")
    if not engine.read_only:
        with engine.store.write() as session:
            there = set(session.exec(select(RegionName.region).where(col(RegionName.partition) == partition)))
            for name in names:
                if name not in there:
                    session.add(RegionName(partition=partition, region=name, long_name=known.get(name, "")))
                elif name in unknown and name in known:
                    session.get_one(RegionName, (partition, name)).long_name = known[name]
    return [RegionChoice(name, known.get(name)) for name in names]
