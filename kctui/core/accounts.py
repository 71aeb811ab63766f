"""CSP Accounts: added with credentials that work, tested, found."""

from dataclasses import dataclass

from sqlmodel import Session, col, select

from kctui.core import validation
from kctui.core.audit import AuditEvent
from kctui.core.aws.clients import AwsSession, Credentials, secret_access_key_place
from kctui.core.aws.failures import AwsRefusedError
from kctui.core.aws.identity import Caller, caller_identity, long_names, regions
from kctui.core.aws.permissions import PermissionCheck, check_permissions
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, NotFoundError
from kctui.core.keyring import OpenGroup, check_name
from kctui.core.lists import RegionChoice
from kctui.core.model import CspAccount, RegionName, new_id
from kctui.core.observer import Observer, Silent
from kctui.core.secret import Secret
from kctui.core.words import AuditCategory, AuditType, StepState


@dataclass(frozen=True)
class NewAccount:
    """What a CSP Account is made from. group: an Admin Group's name, None for the operator's only one."""

    name: str
    access_key_id: str
    secret_access_key: Secret
    region: str
    endpoint_url: str | None = None
    description: str = ""
    group: str | None = None


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
    validation.check_access_key_id(new.access_key_id)
    validation.check_region(new.region)
    validation.check_endpoint_url(new.endpoint_url)
    if not len(new.secret_access_key):
        raise InvalidInputError("The secret access key is empty", field="secret_access_key")
    with engine.store.read() as session:
        if session.exec(select(CspAccount.id).where(CspAccount.name == new.name)).first():
            raise ConflictError(f"There is a CSP Account {new.name} already", remedy="Choose another name.")
    choose_group(engine, new.group)
    return new


def add_account(engine: Engine, new: NewAccount, observer: Observer | None = None) -> CspAccount:
    """Add a CSP Account whose credentials AWS knows. sts:GetCallerIdentity, ec2:DescribeRegions, ssm:GetParameter.

    Nothing is kept when AWS does not know them. The regions of the account are learnt on the way.
    """
    observer = observer or Silent()
    engine.require_writable("Create CSP Account")
    check_new_account(engine, new)
    group = choose_group(engine, new.group)
    with Secret(new.secret_access_key.reveal()) as secret:
        credentials = Credentials(new.access_key_id, new.access_key_id, secret, new.region, new.endpoint_url)
        aws = AwsSession(credentials, engine.clients.quotas)
        try:
            caller = _who(aws, observer)
            validation.check_region(new.region, caller.partition)
            account = CspAccount(
                id=new_id(),
                name=new.name,
                description=new.description,
                group_id=group.id,
                access_key_id=new.access_key_id,
                sealed_secret_access_key=b"",
                region=new.region,
                endpoint_url=validation.check_endpoint_url(new.endpoint_url),
                partition=caller.partition,
                aws_account_id=caller.account,
                caller_arn=caller.arn,
                reached_at=now(),
            )
            place = secret_access_key_place(account)
            account.sealed_secret_access_key = engine.keyring.seal(group.id, place, secret)
            found = _learn_regions(engine, aws, caller.partition, observer)
            with engine.store.write() as session:
                session.add(account)
                session.flush()
                engine.audit.record(
                    session,
                    AuditEvent(
                        AuditType.INFORMATION,
                        AuditCategory.ACCOUNT,
                        f"Created CSP Account {new.name} for AWS account {caller.account} with {len(found)} regions",
                        {"CSP Account": new.name, "AWS account": caller.account, "Access key": new.access_key_id},
                        group_id=group.id,
                    ),
                )
        finally:
            aws.close()
    return account


def test_account(engine: Engine, name: str, observer: Observer | None = None) -> AccountTest:
    """Ask AWS who the credential is, which regions it has and what it may do. Changes nothing in AWS."""
    observer = observer or Silent()
    with engine.store.read() as session:
        account = find_account(session, name)
    aws = engine.clients.session(account)
    try:
        caller = _who(aws, observer)
    except KctuiError as error:
        note_reach(engine, account.id, error)
        raise
    found = _learn_regions(engine, aws, caller.partition, observer)
    observer.step("permissions", StepState.INTENDED)
    permissions = check_permissions(aws, caller.arn)
    observer.step("permissions", StepState.DONE)
    note_reach(engine, account.id, None)
    return AccountTest(caller, found, permissions)


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


def _who(aws: AwsSession, observer: Observer) -> Caller:
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
