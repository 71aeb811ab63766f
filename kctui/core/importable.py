"""Which keys can be imported: the customer managed keys of account and region that no CloudKey holds.

A key that kctui made is recognised by the tags it was born with. Anybody who may tag a key can write those, so they
only say where to look: a key is linked to material of this vault on the vault's own word, or on KMS's (the id of its
key material, which depends on key and material alone).
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlmodel import Session, col, select

from kctui.core import validation
from kctui.core.aws.failures import AwsRefusedError, Refusal
from kctui.core.aws.identity import require_same_account
from kctui.core.aws.kms import Kms, KmsKey
from kctui.core.engine import Engine
from kctui.core.errors import InvalidInputError
from kctui.core.key_sets import find_key_set
from kctui.core.lists import managed_key_ids
from kctui.core.model import CloudKey, CspAccount, KeySet, KeyVersion, Operation
from kctui.core.observer import Observer, Silent
from kctui.core.operations.birth import CLOUD_KEY_TAG, OPERATION_TAG
from kctui.core.words import CloudStatus, KeySpec, KeyUsage, OperationKind, OperationState

Seen = TypeVar("Seen")
WORKERS = 16
_AHEAD = 4 * WORKERS
_CLOCKS_APART = timedelta(minutes=10)
_MAKES_KEYS = (OperationKind.CREATE, OperationKind.ROTATE_BY_NEW_KEY)


@dataclass(frozen=True)
class ImportableKey:
    """A key of AWS that no CloudKey holds, and what its CloudKey would be called. Its words are foreign.

    key: None where it may not be described. tags: None where they may not be read. made_as: the CloudKey that kctui
    made it as, by its tags. lost_id: the CloudKey of ours that lost this key, and whose material the vault holds.
    reason: why it cannot be imported. refused: AWS would not tell what it is.
    """

    key_id: str
    name: str
    alias: str | None = None
    aliases: tuple[str, ...] = ()
    key: KmsKey | None = None
    tags: Mapping[str, str] | None = None
    made_as: str | None = None
    lost_id: str | None = None
    reason: str | None = None
    refused: bool = False

    @property
    def status(self) -> CloudStatus:
        """Its Cloud Status."""
        return self.key.status if self.key else CloudStatus.UNKNOWN

    @property
    def told(self) -> str:
        """What there is to know before it is imported: the reason why not, or where it comes from."""
        if self.reason is not None:
            return self.reason
        if self.made_as is not None:
            held = "its material" if self.lost_id else "no copy of its material"
            return f"made by kctui as {self.made_as}; this vault holds {held}"
        if self.tags is None and self.key is not None:
            return "its tags may not be read: kctui cannot tell whether it made it"
        return ""


def importable_keys(engine: Engine, key_set: str, region: str, observer: Observer | None = None) -> list[ImportableKey]:
    """The keys that a Key Set could import from a region, by alias, those without one last.

    sts:GetCallerIdentity, kms:ListKeys, kms:ListAliases, and for each key kms:DescribeKey, kms:ListResourceTags: what
    of the last two is denied is said of the key. AWS managed keys are left out. The observer may cancel between keys.
    Raises NotFoundError, LockedError, InvalidInputError, AwsRefusedError, AwsUnreachableError or CancelledError.
    """
    observer = observer or Silent()
    survey = Survey(engine, key_set, region)
    key_ids = survey.unmanaged()
    found = []
    for done, one in enumerate(survey.looks(key_ids, survey.look)):
        observer.progress(done, len(key_ids), f"keys of {region}")
        if one is not None and not is_aws_managed(one):
            found.append(one)
    observer.progress(len(key_ids), len(key_ids), "")
    return sorted(found, key=lambda one: (one.alias is None, (one.alias or one.name).lower(), one.key_id))


def is_aws_managed(one: ImportableKey) -> bool:
    """Whether AWS made the key for one of its services."""
    return one.key is not None and one.key.manager != "CUSTOMER"


class Survey:
    """What is known before the keys are looked at one by one: the aliases, our own rows, and what is being made."""

    def __init__(self, engine: Engine, key_set: str, region: str) -> None:
        self.engine = engine
        self.region = region
        with engine.store.read() as session:
            self.key_set = find_key_set(session, key_set)
            self.account = session.get_one(CspAccount, self.key_set.csp_account_id)
        validation.check_region(region, self.account.partition)
        engine.keyring.group(self.key_set.group_id)
        aws = engine.clients.session(self.account)
        require_same_account(self.account, aws)
        self.kms: Kms = aws.kms(region)
        self.aliases: dict[str, list[str]] = {}
        for alias in self.kms.aliases():
            if alias.key_id is not None:
                self.aliases.setdefault(alias.key_id, []).append(alias.name)
        with engine.store.read() as session:
            self._read_rows(session)

    def unmanaged(self) -> list[str]:
        """The ids of the keys that no CloudKey holds. AWS managed ones are among them: only DescribeKey tells."""
        managed = self.managed()
        return [key_id for key_id in self.kms.key_ids() if key_id not in managed]

    def managed(self) -> set[str]:
        """The ids of the keys of AWS account and region that a CloudKey holds, of whichever Key Set."""
        return managed_key_ids(self.engine.store, self.account.aws_account_id, self.region)

    def looks(self, key_ids: Sequence[str], look: Callable[[str], Seen]) -> Generator[Seen, None, None]:
        """Look at many, in threads, in their order, and only so many ahead of whoever takes them."""
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="kctui-import") as pool:
            for start in range(0, len(key_ids), _AHEAD):
                yield from pool.map(look, key_ids[start : start + _AHEAD])

    def look(self, key_id: str) -> ImportableKey | None:
        """Look at one key; None where KMS does not have it. What AWS refuses of this key alone is its reason."""
        aliases = tuple(sorted(self.aliases.get(key_id, ())))
        try:
            key = self.kms.describe(key_id)
        except AwsRefusedError as error:
            if error.refusal is Refusal.NOT_FOUND:
                return None
            first = aliases[0] if aliases else None
            return ImportableKey(key_id, key_id, first, aliases, reason=_said(error), refused=True)
        try:
            tags: dict[str, str] | None = self.kms.tags(key_id)
        except AwsRefusedError as error:
            if error.refusal is Refusal.NOT_FOUND:
                return None
            if error.refusal is not Refusal.ACCESS:
                return ImportableKey(key_id, key_id, None, aliases, key, reason=_said(error), refused=True)
            tags = None
        with self.engine.store.read() as session:
            return self._judged(session, key, aliases, tags)

    def _read_rows(self, session: Session) -> None:
        ours = CloudKey.csp_account_id == self.account.id, CloudKey.region == self.region
        rows = session.exec(select(CloudKey.id, CloudKey.name, CloudKey.alias).where(*ours)).all()
        self._names = {name for _, name, _ in rows}
        self._taken = {alias: (row_id, name) for row_id, name, alias in rows if alias is not None}
        statement = (
            select(Operation.started_at)
            .join(CloudKey, col(CloudKey.id) == Operation.cloud_key_id)
            .where(Operation.state == OperationState.OPEN, col(Operation.kind).in_(_MAKES_KEYS), *ours)
        )
        self._making_since: datetime | None = min(session.exec(statement), default=None)

    def _judged(
        self, session: Session, key: KmsKey, aliases: tuple[str, ...], tags: dict[str, str] | None
    ) -> ImportableKey:
        made_as, operation = None, None
        if tags and (CLOUD_KEY_TAG in tags or OPERATION_TAG in tags):
            made_as = tags.get(CLOUD_KEY_TAG) or key.key_id
            operation = session.get(Operation, tags.get(OPERATION_TAG, ""))
        lost = self._lost(session, key, operation)
        alias, taken_by = self._alias(aliases, made_as, lost)
        reason = self._reason(session, key, tags, operation, lost)
        if reason is None and taken_by is not None:
            reason = f"{alias} is that of the CloudKey {taken_by}: refresh, then look again"
        name = lost.name if lost else self._name(key, alias, made_as)
        if lost is not None and made_as is None:
            made_as = lost.name
        lost_id = lost.id if lost else None
        return ImportableKey(key.key_id, name, alias, aliases, key, tags, made_as, lost_id, reason)

    def _reason(
        self,
        session: Session,
        key: KmsKey,
        tags: dict[str, str] | None,
        operation: Operation | None,
        lost: CloudKey | None,
    ) -> str | None:
        if key.manager != "CUSTOMER":
            return "it is an AWS managed key"
        if key.key_spec not in set(KeySpec) or key.key_usage not in set(KeyUsage):
            return f"kctui does not know this kind of key: {key.key_spec}, {key.key_usage}"
        if operation is not None and operation.state is OperationState.OPEN:
            return f"{operation.title} is not finished: wait for it, or recover it"
        if (
            tags is None
            and self._making_since
            and (key.created_at or self._making_since) > (self._making_since - _CLOCKS_APART)
        ):
            return "its tags may not be read, and an unfinished operation may have made it: recover first"
        if lost is not None and lost.key_set_id != self.key_set.id:
            other = session.get_one(KeySet, lost.key_set_id)
            return f"it is the CloudKey {lost.name} of the Key Set {other.name}: import it there"
        return None

    def _lost(self, session: Session, key: KmsKey, operation: Operation | None) -> CloudKey | None:
        """The CloudKey of ours that lost this key, where the vault holds material and something but a tag says so."""
        statement = select(KeyVersion.cloud_key_id).where(KeyVersion.kms_key_id == key.key_id)
        candidates = {*session.exec(statement)} | ({operation.cloud_key_id} if operation else set())
        for row_id in sorted(filter(None, candidates)):
            row = session.get(CloudKey, row_id)
            if row is None or row.kms_key_id is not None:
                continue
            if (row.csp_account_id, row.region) != (self.account.id, self.region):
                continue
            if any(is_of(version, key) for version in versions_held(session, row_id)):
                return row
        return None

    def _alias(
        self, aliases: tuple[str, ...], made_as: str | None, lost: CloudKey | None
    ) -> tuple[str | None, str | None]:
        """The alias that would be the CloudKey's, the first that can be; and which CloudKey holds it, if any does."""
        lost_id = lost.id if lost else None

        def holder(alias: str) -> str | None:
            row_id, name = self._taken.get(alias, (lost_id, None))
            return None if row_id == lost_id else name

        wanted = {f"alias/{name}" for name in (made_as, lost.name if lost else None) if name}
        ordered = sorted(
            aliases, key=lambda alias: (holder(alias) is not None, alias not in wanted, not _fits(alias), alias)
        )
        return (ordered[0], holder(ordered[0])) if ordered else (None, None)

    def _name(self, key: KmsKey, alias: str | None, made_as: str | None) -> str:
        """The alias without `alias/`, else what kctui called it, else the key id."""
        if alias is not None:
            return alias.removeprefix("alias/") if _fits(alias) else key.key_id
        if made_as is not None and made_as not in self._names and _fits(f"alias/{made_as}"):
            return made_as
        return key.key_id


def versions_held(session: Session, cloud_key_id: str) -> list[KeyVersion]:
    """The versions of a CloudKey whose material the vault holds, the first first."""
    statement = select(KeyVersion).where(
        KeyVersion.cloud_key_id == cloud_key_id, col(KeyVersion.sealed_material).is_not(None)
    )
    return list(session.exec(statement.order_by(col(KeyVersion.number))))


def is_of(version: KeyVersion, key: KmsKey) -> bool:
    """Whether a version is in this KMS key: the vault says so, or KMS does by the id of the key's material."""
    if version.kms_key_id is not None:
        return version.kms_key_id == key.key_id
    return version.key_material_id is not None and version.key_material_id == key.current_material_id


def _fits(alias: str) -> bool:
    """Whether an alias gives a CloudKey's name."""
    try:
        validation.check_cloud_key_name(alias.removeprefix("alias/"))
    except InvalidInputError:
        return False
    return True


def _said(error: AwsRefusedError) -> str:
    """The refusal of one key; that of the credential is everybody's."""
    if error.refusal is Refusal.CREDENTIALS:
        raise error
    return error.title
