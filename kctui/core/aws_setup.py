"""The guide's 2.2 to 2.4 in one go: policy, user, attachment and access key in IAM, and the CSP Account made from it.

Each thing that is there already, and is as wanted, is left alone: the set-up may be run again at any point. The new
secret access key goes from AWS's answer into the vault, and is never shown.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from sqlmodel import select

from kctui.core.accounts import NewAccount, add_account, asking, check_new_account
from kctui.core.aws.access_keys import MOST_KEYS, MadeKey, UserKey
from kctui.core.aws.clients import AwsSession
from kctui.core.aws.credentials import AccessKey
from kctui.core.aws.failures import AwsRefusedError, Refusal, effect_unknown
from kctui.core.aws.iam_setup import MOST_VERSIONS, IamAdmin, ManagedPolicy, administering
from kctui.core.aws.identity import Caller, caller_identity
from kctui.core.aws.policy_difference import difference, same_policy
from kctui.core.aws.policy_documents import GUIDE_POLICY_NAME, GUIDE_USER_NAME, LONGEST_POLICY, Document, of_user
from kctui.core.engine import Engine
from kctui.core.errors import ConflictError, InvalidInputError, KctuiError, RefusedError
from kctui.core.model import CspAccount
from kctui.core.observer import Observer, Silent
from kctui.core.secret import Secret
from kctui.core.setup_keys import KeyMaker
from kctui.core.setup_notes import LeftBehind, Notes, held_keys, left_behind
from kctui.core.validation import check_iam_tags
from kctui.core.words import AuditType, StepState

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
    """What there is before. known: the CSP Account, where it is there and uses a key of the user.

    document: the policy wanted, for this user. left: access keys of runs that ended half-way.
    """

    caller: Caller
    policy_arn: str
    policy: ManagedPolicy | None
    user_arn: str | None
    attached: bool
    keys: tuple[UserKey, ...]
    known: CspAccount | None
    document: Document
    left: LeftBehind

    @property
    def policy_is_wanted(self) -> bool:
        """Whether the policy is there, and says what it should."""
        return self.policy is not None and same_document(self.policy.document, self.document)


class ItemState(Enum):
    """What a run would do about a thing. DOUBTFUL: name it, and leave it."""

    THERE = "there"
    MAKE = "to be made"
    DELETE = "to be deleted"
    DOUBTFUL = "look at it"


@dataclass(frozen=True)
class Item:
    """One thing of the set-up, and the calls that make or delete it."""

    what: str
    state: ItemState
    calls: tuple[str, ...] = ()

    @property
    def there(self) -> bool:
        """Whether nothing is to be done about it."""
        return self.state in {ItemState.THERE, ItemState.DOUBTFUL}


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
    check_iam_tags(setup.tags)
    _check_length(setup.document)
    return setup


def _check_length(document: Document) -> None:
    if len(policy_text(document)) > LONGEST_POLICY:
        raise InvalidInputError(f"The policy is longer than the {LONGEST_POLICY} characters that AWS takes")


def policy_text(document: Document) -> str:
    """The policy as it is sent: without white space, which counts."""
    return json.dumps(document, separators=(",", ":"))


def same_document(one: Document, other: Document) -> bool:
    """Whether two policies say the same, in whatever order and spelling."""
    return same_policy(json.dumps(one), json.dumps(other))


def look(engine: Engine, admin: AwsSession, setup: Setup) -> Found:
    """What is there already. Changes nothing.

    sts:GetCallerIdentity, iam:GetPolicy, GetPolicyVersion, ListPolicyVersions, GetUser, ListAttachedUserPolicies,
    ListAccessKeys, GetAccessKeyLastUsed. Raises ConflictError where something else has the name.
    """
    with administering("sts:GetCallerIdentity"):
        caller = caller_identity(admin)
    iam, name = IamAdmin(admin), setup.user_name
    arn = f"arn:{caller.partition}:iam::{caller.account}:policy/{setup.policy_name}"
    policy, user_arn = iam.policy(arn), iam.user(name)
    document = setup.document if user_arn is None else of_user(setup.document, user_arn)
    _check_length(document)
    attached = user_arn is not None and arn in iam.attached(name)
    keys = tuple(iam.access_keys(name)) if user_arn else ()
    left = left_behind(engine, iam, caller, name, keys)
    return Found(caller, arn, policy, user_arn, attached, keys, _known(engine, setup, caller, keys), document, left)


def plan(setup: Setup, found: Found) -> list[Item]:
    """What would be left, and what made by which calls. Raises ConflictError or RefusedError where it cannot be."""
    if found.policy is not None and not found.policy_is_wanted:
        _require_update(setup, found.policy, found.document)
    keys = _keys_left(setup, found)
    if found.known is None and len(keys) >= MOST_KEYS:
        doubtful = "".join(
            f"\n{key.id} was never used, and made while a run was stopped: perhaps its secret is lost."
            for key in found.left.doubtful
        )
        raise RefusedError(
            f"The user {setup.user_name} has {len(keys)} access keys: AWS allows {MOST_KEYS}",
            detail=", ".join(f"{key.id} ({'Active' if key.active else 'Inactive'})" for key in keys) + doubtful,
            remedy="Use one of them with `kctui account add`, or name one that was never used: --delete-unused ID.",
        )
    policy_call = "iam:CreatePolicyVersion" if found.policy else "iam:CreatePolicy"
    unused = _still_to_delete(setup, found)
    deleted = (f"iam:DeleteAccessKey {unused}",) if unused else ()
    key_calls = (*deleted, f"iam:CreateAccessKey {setup.user_name}", "sts:GetCallerIdentity with the new key")
    attach_call = f"iam:AttachUserPolicy {setup.user_name} {found.policy_arn}"
    return [
        *(Item(f"access key {key.id}, whose secret is lost", ItemState.DELETE, (f"iam:DeleteAccessKey {key.id}",))
          for key in found.left.lost),
        *(Item(f"access key {key.id}, never used: perhaps its secret is lost", ItemState.DOUBTFUL)
          for key in found.left.doubtful if key.id != setup.delete_unused),
        _item(f"policy {setup.policy_name}", found.policy_is_wanted, f"{policy_call} {setup.policy_name}"),
        _item(f"user {setup.user_name}", found.user_arn is not None, f"iam:CreateUser {setup.user_name}"),
        _item("attachment", found.attached, attach_call),
        _item(f"access key and CSP Account {setup.account}", found.known is not None, *key_calls),
    ]  # fmt: skip


def _item(what: str, there: bool, *calls: str) -> Item:
    return Item(what, ItemState.THERE if there else ItemState.MAKE, calls)


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
    run.access_keys_left_behind()
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
        self._notes = Notes(engine, setup.account, setup.user_name, found.caller.account)
        self._keys = KeyMaker(engine, iam, self._notes, setup.user_name, found.caller.ahead, observer)

    def policy_user_attachment(self) -> None:
        """The guide's 2.2, 2.3 and 2.4, without the access key."""
        setup, found, iam = self._setup, self._found, self._iam
        text = policy_text(found.document)
        if found.policy is None:
            self._do(
                "CreatePolicy", setup.policy_name,
                lambda: iam.create_policy(setup.policy_name, text, DESCRIPTION, setup.tags), self._policy_is_there,
            )  # fmt: skip
        elif not found.policy_is_wanted:
            self._do(
                "CreatePolicyVersion", setup.policy_name, lambda: iam.update_policy(found.policy_arn, text),
                self._policy_is_there,
            )  # fmt: skip
        else:
            self._there("CreatePolicy", f"{setup.policy_name} is there")
        if found.user_arn is None:
            self._do(
                "CreateUser", setup.user_name, lambda: iam.create_user(setup.user_name, setup.tags),
                lambda: iam.user(setup.user_name) is not None,
            )  # fmt: skip
        else:
            self._there("CreateUser", f"{setup.user_name} is there")
        if not found.attached:
            self._do("AttachUserPolicy", setup.policy_name, lambda: iam.attach(setup.user_name, found.policy_arn))
        else:
            self._there("AttachUserPolicy", "it is attached")

    def _policy_is_there(self) -> bool:
        policy = self._iam.policy(self._found.policy_arn)
        return policy is not None and same_document(policy.document, self._found.document)

    def access_keys_left_behind(self) -> None:
        """Delete those whose secret an earlier run lost, and name those that may be such."""
        for key in self._found.left.lost:
            self._keys.delete(key.id, "a run that was stopped left it, without its secret")
        for key in self._found.left.doubtful:
            if key.id != self._setup.delete_unused:
                self._keys.name_doubtful(key)

    def access_key_and_account(self) -> CspAccount:
        """The access key, and the CSP Account; where that cannot be added, the key is deleted again."""
        setup = self._setup
        unused = _still_to_delete(setup, self._found)
        if unused is not None:
            self._delete_unused(unused)

        def use(made: MadeKey, observer: Observer) -> CspAccount:
            self._await_known(made, observer)
            return add_account(self._engine, _new_account(setup, made.id, made.secret), observer)

        return self._keys.make_and_use(use)

    def _await_known(self, made: MadeKey, observer: Observer) -> None:
        """A new access key takes seconds to be known everywhere (IAM User Guide, eventual consistency)."""
        setup, engine = self._setup, self._engine
        for pause in (*engine.timing.pauses(), None):
            with asking(engine, AccessKey(made.id, made.secret), setup.region, setup.endpoint_url) as aws:
                try:
                    caller = caller_identity(aws)
                except AwsRefusedError as error:
                    if error.refusal is not Refusal.CREDENTIALS or pause is None:
                        observer.step("Await access key", StepState.FAILED, error.title)
                        self._notes.effect(f"Await access key failed: {error.title}", weight=AuditType.ERROR)
                        raise
                    time.sleep(pause)
                    continue
            observer.step("Await access key", StepState.DONE, caller.arn)
            return

    def _delete_unused(self, key_id: str) -> None:
        """Only a key of this user that nobody ever used, and that no CSP Account has."""
        user = self._setup.user_name
        if key_id not in {key.id for key in self._iam.access_keys(user)}:
            raise InvalidInputError(
                f"{user} has no access key {key_id}", remedy="Look at the ids again.", field="delete_unused"
            )
        if key_id in held_keys(self._engine):
            raise RefusedError(
                f"A CSP Account signs in with the access key {key_id}", remedy="`kctui account list` shows which."
            )
        used = self._iam.last_used(key_id)
        if used is not None:
            raise RefusedError(
                f"The access key {key_id} was used on {used:%Y-%m-%d}",
                remedy="Only one that was never used is deleted here. Delete it in IAM, if nothing needs it.",
            )
        self._keys.delete(key_id, "it was never used")

    def _do(
        self, name: str, what: str, call: Callable[[], str | None], is_there: Callable[[], bool] | None = None
    ) -> None:
        """is_there: asked where the answer may have been lost after the effect, or somebody was quicker."""
        self._observer.step(name, StepState.INTENDED)
        request_id = None
        try:
            request_id = call()
        except KctuiError as error:
            if is_there is None or not _may_be_there(error) or not is_there():
                self._observer.step(name, StepState.FAILED, error.title)
                self._notes.effect(f"{name} failed: {error.title}", weight=AuditType.ERROR)
                raise
            what = f"{what} is there"
        self._observer.step(name, StepState.DONE, what, request_id)
        self._notes.effect(f"{name} {what}", request_id)

    def _there(self, name: str, told: str) -> None:
        self._observer.step(name, StepState.INTENDED)
        self._observer.step(name, StepState.DONE, told)


def _may_be_there(error: KctuiError) -> bool:
    return effect_unknown(error) or (isinstance(error, AwsRefusedError) and error.refusal is Refusal.ALREADY_EXISTS)


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


def _require_update(setup: Setup, policy: ManagedPolicy, wanted: Document) -> None:
    """Another document is replaced only knowingly, and while there is room for a version."""
    if not setup.update_policy:
        raise ConflictError(
            f"There is a policy {setup.policy_name} already, and it says something else",
            detail=f"{policy.arn}, version {policy.default_version}:\n"
            + difference(json.dumps(policy.document), json.dumps(wanted), "there", "wanted"),
            remedy="Name another with --policy-name, or let it be replaced with --update-policy.",
        )
    if policy.versions >= MOST_VERSIONS:
        raise RefusedError(
            f"The policy {setup.policy_name} has {policy.versions} versions: AWS keeps no more",
            remedy="Delete a version in IAM that is not needed any more.",
        )


def _keys_left(setup: Setup, found: Found) -> list[UserKey]:
    return [key for key in found.keys if key.id != setup.delete_unused and key not in found.left.lost]


def _still_to_delete(setup: Setup, found: Found) -> str | None:
    """The access key to delete by name, unless it goes for a better reason, or none is made."""
    gone = found.known is not None or setup.delete_unused in {key.id for key in found.left.lost}
    return None if gone else setup.delete_unused
