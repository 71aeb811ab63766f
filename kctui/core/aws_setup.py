"""The guide's 2.2 to 2.4 in one go: policy, user, attachment and access key in IAM, and the CSP Account made from it.

Each thing that is there already, and is as wanted, is left alone: the set-up may be run again at any point. The new
secret access key goes from AWS's answer into the vault, and is never shown.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlmodel import select

from kctui.core.accounts import NewAccount, add_account, asking, check_new_account
from kctui.core.audit import AuditEvent
from kctui.core.aws.access_keys import MOST_KEYS, MadeKey, UserKey
from kctui.core.aws.clients import AwsSession
from kctui.core.aws.credentials import AccessKey
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError, Refusal, effect_unknown
from kctui.core.aws.iam_setup import MOST_VERSIONS, IamAdmin, ManagedPolicy
from kctui.core.aws.identity import Caller, caller_identity
from kctui.core.aws.policy_documents import GUIDE_POLICY_NAME, GUIDE_USER_NAME, LONGEST_POLICY, Document
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, RefusedError
from kctui.core.model import CspAccount
from kctui.core.observer import Observer, Silent
from kctui.core.secret import Secret
from kctui.core.words import AuditCategory, AuditType, StepState

DESCRIPTION = "AWS BYOK with kctui policy"
# IAM API Reference, CreatePolicy and CreateUser.
_POLICY_NAME, _USER_NAME = re.compile(r"[\w+=,.@-]{1,128}"), re.compile(r"[\w+=,.@-]{1,64}")


@dataclass(frozen=True)
class Setup:
    """What is to be there. account: the CSP Account's name. update_policy: whether another document may be replaced.

    delete_unused: an access key of the user to delete first, which was never used.
    """

    account: str
    region: str
    document: Document
    endpoint_url: str | None = None
    policy_name: str = GUIDE_POLICY_NAME
    user_name: str = GUIDE_USER_NAME
    description: str = ""
    group: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    update_policy: bool = False
    delete_unused: str | None = None


@dataclass(frozen=True)
class Found:
    """What there is before. known: the CSP Account, where it is there and uses a key of the user."""

    caller: Caller
    policy_arn: str
    policy: ManagedPolicy | None
    user_arn: str | None
    attached: bool
    keys: tuple[UserKey, ...]
    known: CspAccount | None


@dataclass(frozen=True)
class Item:
    """One thing of the set-up. there: it is there as wanted; else the calls that make it."""

    what: str
    there: bool
    calls: tuple[str, ...] = ()


def check_setup(setup: Setup) -> Setup:
    """What can be said without AWS. Raises InvalidInputError."""
    if not _POLICY_NAME.fullmatch(setup.policy_name):
        raise InvalidInputError(
            f"{setup.policy_name!r} cannot be the name of a policy", remedy="Use letters, digits and +=,.@_-, at most "
            "128.", field="policy_name",
        )  # fmt: skip
    if not _USER_NAME.fullmatch(setup.user_name):
        raise InvalidInputError(
            f"{setup.user_name!r} cannot be the name of an IAM user", remedy="Use letters, digits and +=,.@_-, at "
            "most 64.", field="user_name",
        )  # fmt: skip
    if len(policy_text(setup.document)) > LONGEST_POLICY:
        raise InvalidInputError(f"The policy is longer than the {LONGEST_POLICY} characters that AWS takes")
    return setup


def policy_text(document: Document) -> str:
    """The policy as it is sent: without white space, which counts."""
    return json.dumps(document, separators=(",", ":"))


def look(engine: Engine, admin: AwsSession, setup: Setup) -> Found:
    """What is there already. Changes nothing.

    sts:GetCallerIdentity, iam:GetPolicy, GetPolicyVersion, ListPolicyVersions, GetUser, ListAttachedUserPolicies,
    ListAccessKeys. Raises ConflictError where something else has the name.
    """
    caller = caller_identity(admin)
    iam = IamAdmin(admin)
    arn = f"arn:{caller.partition}:iam::{caller.account}:policy/{setup.policy_name}"
    policy, user_arn = iam.policy(arn), iam.user(setup.user_name)
    attached = user_arn is not None and arn in iam.attached(setup.user_name)
    keys = tuple(iam.access_keys(setup.user_name)) if user_arn else ()
    return Found(caller, arn, policy, user_arn, attached, keys, _known(engine, setup, caller, keys))


def plan(setup: Setup, found: Found) -> list[Item]:
    """What would be left, and what made by which calls. Raises ConflictError or RefusedError where it cannot be."""
    same = found.policy is not None and found.policy.document == setup.document
    if found.policy is not None and not same:
        _require_update(setup, found.policy)
    policy_call = "iam:CreatePolicyVersion" if found.policy else "iam:CreatePolicy"
    keys = _keys_left(setup, found)
    calls = (f"iam:DeleteAccessKey {setup.delete_unused}",) if setup.delete_unused and not found.known else ()
    key_calls = (*calls, f"iam:CreateAccessKey {setup.user_name}", "sts:GetCallerIdentity with the new key")
    if found.known is None and len(keys) >= MOST_KEYS:
        raise RefusedError(
            f"The user {setup.user_name} has {len(keys)} access keys: AWS allows {MOST_KEYS}",
            detail=", ".join(f"{key.id} ({'Active' if key.active else 'Inactive'})" for key in keys),
            remedy="Use one of them with `kctui account add`, or name one that was never used: --delete-unused ID.",
        )
    return [
        Item(f"policy {setup.policy_name}", same, () if same else (f"{policy_call} {setup.policy_name}",)),
        Item(f"user {setup.user_name}", found.user_arn is not None, (f"iam:CreateUser {setup.user_name}",)),
        Item("attachment", found.attached, (f"iam:AttachUserPolicy {setup.user_name} {found.policy_arn}",)),
        Item(f"access key and CSP Account {setup.account}", found.known is not None, key_calls),
    ]


def set_up(engine: Engine, admin: AwsSession, setup: Setup, observer: Observer | None = None) -> CspAccount:
    """Make what is not there, and give the CSP Account.

    iam:CreatePolicy or CreatePolicyVersion, CreateUser, AttachUserPolicy, CreateAccessKey, and to take an access key
    back DeleteAccessKey; for tags iam:TagPolicy, TagUser; and what `look` asks. Raises InvalidInputError,
    ConflictError, RefusedError, AwsRefusedError (which names the permission) or AwsUnreachableError; what was made
    stays, and the next run goes on from there.
    """
    observer = observer or Silent()
    engine.require_writable("Set up AWS")
    check_setup(setup)
    observer.step("Look", StepState.INTENDED)
    found = look(engine, admin, setup)
    plan(setup, found)
    observer.step("Look", StepState.DONE, f"AWS account {found.caller.account}")
    run = _Run(engine, IamAdmin(admin), setup, found, observer)
    if found.known is not None:
        run.policy_user_attachment()
        return found.known
    # Refused before AWS is changed, where it can be.
    check_new_account(engine, _new_account(setup, "AKIA" + "A" * 16, Secret(b"?")))
    run.policy_user_attachment()
    return run.access_key_and_account()


class _Run:
    """One run: each effect is told to the observer and to the audit log, with AWS's request id."""

    def __init__(self, engine: Engine, iam: IamAdmin, setup: Setup, found: Found, observer: Observer) -> None:
        self._engine = engine
        self._iam = iam
        self._setup = setup
        self._found = found
        self._observer = observer

    def policy_user_attachment(self) -> None:
        """The guide's 2.2, 2.3 and 2.4, without the access key."""
        setup, found, iam = self._setup, self._found, self._iam
        text = policy_text(setup.document)
        if found.policy is None:
            self._do(
                "CreatePolicy", setup.policy_name,
                lambda: iam.create_policy(setup.policy_name, text, DESCRIPTION, setup.tags),
            )  # fmt: skip
        elif found.policy.document != setup.document:
            self._do("CreatePolicyVersion", setup.policy_name, lambda: iam.update_policy(found.policy_arn, text))
        else:
            self._there("CreatePolicy", f"{setup.policy_name} is there")
        if found.user_arn is None:
            self._do("CreateUser", setup.user_name, lambda: iam.create_user(setup.user_name, setup.tags))
        else:
            self._there("CreateUser", f"{setup.user_name} is there")
        if not found.attached:
            self._do("AttachUserPolicy", setup.policy_name, lambda: iam.attach(setup.user_name, found.policy_arn))
        else:
            self._there("AttachUserPolicy", "it is attached")

    def access_key_and_account(self) -> CspAccount:
        """The access key, and the CSP Account; where that cannot be added, the key is deleted again."""
        setup = self._setup
        if setup.delete_unused is not None:
            self._delete_unused(setup.delete_unused)
        made = self._create()
        try:
            with made.secret:
                self._await_known(made)
                return add_account(self._engine, _new_account(setup, made.id, made.secret), self._observer)
        except BaseException:
            self._take_back(made)
            raise

    def _create(self) -> MadeKey:
        """CreateAccessKey. A key whose answer was lost is of no use to anybody: it is found, and deleted."""
        user = self._setup.user_name
        before = {key.id for key in self._iam.access_keys(user)}
        self._note(f"An access key of {user} is about to be made", {})
        self._observer.step("CreateAccessKey", StepState.INTENDED)
        try:
            made = self._iam.create_access_key(user)
        except (AwsRefusedError, AwsUnreachableError) as error:
            if not effect_unknown(error):
                self._failed("CreateAccessKey", error)
                raise
            self._delete_lost(before)
            made = self._iam.create_access_key(user)
        self._observer.step("CreateAccessKey", StepState.DONE, made.id, made.request_id)
        self._note(f"Made the access key {made.id} of {user}", {"Access key": made.id}, (made.request_id,))
        return made

    def _delete_lost(self, before: set[str]) -> None:
        user = self._setup.user_name
        for key in self._iam.access_keys(user):
            if key.id not in before and self._iam.last_used(key.id) is None:
                request_id = self._iam.delete_access_key(user, key.id)
                self._note(
                    f"Deleted the access key {key.id} of {user}: its secret was lost on the way",
                    {"Access key": key.id},
                    (request_id,) if request_id else (),
                    AuditType.WARNING,
                )

    def _await_known(self, made: MadeKey) -> None:
        """A new access key takes seconds to be known everywhere (IAM User Guide, eventual consistency)."""
        self._observer.step("Await access key", StepState.INTENDED)
        setup, engine = self._setup, self._engine
        for pause in (*engine.timing.pauses(), None):
            with asking(engine, AccessKey(made.id, made.secret), setup.region, setup.endpoint_url) as aws:
                try:
                    caller = caller_identity(aws)
                except AwsRefusedError as error:
                    if error.refusal is not Refusal.CREDENTIALS or pause is None:
                        self._failed("Await access key", error)
                        raise
                    time.sleep(pause)
                    continue
            self._observer.step("Await access key", StepState.DONE, caller.arn)
            return

    def _take_back(self, made: MadeKey) -> None:
        user = self._setup.user_name
        self._do("Undo: DeleteAccessKey", made.id, lambda: self._iam.delete_access_key(user, made.id))

    def _delete_unused(self, key_id: str) -> None:
        """Only a key of this user that nobody ever used."""
        user = self._setup.user_name
        if key_id not in {key.id for key in self._iam.access_keys(user)}:
            raise InvalidInputError(
                f"{user} has no access key {key_id}", remedy="Look at the ids again.", field="delete_unused"
            )
        used = self._iam.last_used(key_id)
        if used is not None:
            raise RefusedError(
                f"The access key {key_id} was used on {used:%Y-%m-%d}",
                remedy="Only one that was never used is deleted here. Delete it in IAM, if nothing needs it.",
            )
        self._do("DeleteAccessKey", key_id, lambda: self._iam.delete_access_key(user, key_id))

    def _do(self, name: str, what: str, call: Callable[[], str | None]) -> None:
        self._observer.step(name, StepState.INTENDED)
        try:
            request_id = call()
        except KctuiError as error:
            self._failed(name, error)
            raise
        self._observer.step(name, StepState.DONE, what, request_id)
        self._note(f"{name} {what}", {}, (request_id,) if request_id else ())

    def _there(self, name: str, told: str) -> None:
        self._observer.step(name, StepState.INTENDED)
        self._observer.step(name, StepState.DONE, told)

    def _failed(self, name: str, error: KctuiError) -> None:
        self._observer.step(name, StepState.FAILED, error.title)
        self._note(f"{name} failed: {error.title}", {}, weight=AuditType.ERROR)

    def _note(
        self,
        message: str,
        objects: dict[str, str],
        request_ids: tuple[str, ...] = (),
        weight: AuditType = AuditType.INFORMATION,
    ) -> None:
        setup = self._setup
        named = {"CSP Account": setup.account, "IAM user": setup.user_name, "AWS account": self._found.caller.account}
        message = f"Set up AWS for {setup.account}: {message}"
        self._engine.audit.note(AuditEvent(weight, AuditCategory.ACCOUNT, message, named | objects, request_ids))


def _new_account(setup: Setup, access_key_id: str, secret: Secret) -> NewAccount:
    return NewAccount(
        setup.account, access_key_id, secret, setup.region, setup.endpoint_url, setup.description, setup.group
    )


def _known(engine: Engine, setup: Setup, caller: Caller, keys: tuple[UserKey, ...]) -> CspAccount | None:
    """The CSP Account of the name, where it signs in with a key of the user."""
    with engine.store.read() as session:
        account = session.exec(select(CspAccount).where(CspAccount.name == setup.account)).one_or_none()
    if account is None:
        return None
    if account.aws_account_id != caller.account or account.access_key_id not in {key.id for key in keys}:
        raise ConflictError(
            f"There is a CSP Account {setup.account} already, with another credential",
            detail=f"It signs in as {account.caller_arn}.",
            remedy="Choose another name, or edit that CSP Account.",
        )
    return account


def _require_update(setup: Setup, policy: ManagedPolicy) -> None:
    """Another document is replaced only knowingly, and while there is room for a version."""
    if not setup.update_policy:
        raise ConflictError(
            f"There is a policy {setup.policy_name} already, and it says something else",
            detail=f"{policy.arn}, version {policy.default_version}.",
            remedy="Name another with --policy-name, or let it be replaced with --update-policy.",
        )
    if policy.versions >= MOST_VERSIONS:
        raise RefusedError(
            f"The policy {setup.policy_name} has {policy.versions} versions: AWS keeps no more",
            remedy="Delete a version in IAM that is not needed any more.",
        )


def _keys_left(setup: Setup, found: Found) -> list[UserKey]:
    return [key for key in found.keys if key.id != setup.delete_unused]
