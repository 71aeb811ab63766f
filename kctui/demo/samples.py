"""Sample data for the demonstration: several accounts and Key Sets, and CloudKeys in every Cloud Status.

Everything is made the way a user makes it, against AWS in a box; what other people do to keys in AWS is done by
other hands, through boto3. Only what cannot happen in a minute is written into the store directly, and says so.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypedDict

import boto3

from kctui.core.accounts import NewAccount, add_account
from kctui.core.adopting import import_keys
from kctui.core.aws.quotas import Quotas
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import KctuiError
from kctui.core.key_sets import NewKeySet, create_key_set, find_key_set
from kctui.core.lists import cloud_key_row
from kctui.core.model import CloudKey
from kctui.core.operations import NewCloudKey, create_cloud_key, disable
from kctui.core.secret import Secret
from kctui.core.sync import sync
from kctui.core.timing import Timing
from kctui.core.words import CloudStatus
from kctui.demo.box import AccessKey, Box, FaultKind
from kctui.demo.planting import plant

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient
    from types_boto3_kms.literals import KeySpecType, KeyUsageTypeType

_PLENTY = 1000.0
_WORKERS = 4


class _Signed(TypedDict):
    endpoint_url: str
    aws_access_key_id: str
    aws_secret_access_key: str


@dataclass(frozen=True)
class _Account:
    name: str
    description: str
    region: str
    aws_account_id: str


@dataclass(frozen=True)
class _Set:
    name: str
    account: str
    description: str
    region: str
    rotation_days: int | None
    keys: tuple[tuple[str, str], ...]


ACCOUNTS = (
    _Account("awsbyokkeycontrol", "Production, bank", "us-east-1", "111122223333"),
    _Account("payments-eu", "Payments, European Union", "eu-central-1", "444455556666"),
    _Account("disaster-recovery", "Second site, read by nobody yet", "us-west-2", "777788889999"),
)
SETS = (
    _Set("awsbyokkeyset", "awsbyokkeycontrol", "Key Set for the aws byok with keycontrol", "us-east-1", None, (
        ("AWSCloudKey", "The guide's own example"), ("payroll-db", "Aurora, payroll"),
        ("payroll-exports", "S3 exports to the bank"), ("payroll-legacy", "replaced in spring"),
        ("customer-files", "S3, customer documents"), ("data-lake", "S3, analytics"),
        ("backup-vault", "AWS Backup, nightly"), ("secrets-manager", "application secrets"),
        ("ebs-default", "EBS volumes of the web tier"), ("audit-trail", "CloudTrail log files"),
    )),
    _Set("web-platform", "awsbyokkeycontrol", "Web platform, second region", "us-west-2", 180, (
        ("web-sessions", "DynamoDB, sessions"), ("web-uploads", "S3, uploads"), ("web-cache", "ElastiCache at rest"),
        ("web-logs", "CloudWatch log groups"), ("web-queue", "SQS, orders"), ("web-old-search", "OpenSearch, retired"),
    )),
    _Set("cards", "payments-eu", "Card data, PCI DSS", "eu-central-1", 365, (
        ("cards-vault", "card numbers"), ("cards-tokens", "token service"), ("cards-settlement", "settlement files"),
        ("cards-disputes", "dispute documents"), ("cards-archive", "kept seven years"), ("cards-pilot", "pilot, over"),
    )),
    _Set("ledger", "payments-eu", "General ledger", "eu-west-1", 30, (
        ("ledger-db", "RDS, ledger"), ("ledger-snapshots", "RDS snapshots"), ("ledger-reports", "monthly reports"),
        ("ledger-feed", "Kinesis feed"), ("ledger-import", "bank statements"),
    )),
    _Set("standby", "disaster-recovery", "Keys of the second site", "us-west-2", None, (
        ("standby-db", "replica of payroll-db"), ("standby-files", "replica of customer-files"),
        ("standby-secrets", "replica of secrets-manager"),
    )),
)  # fmt: skip
DISABLED = ("cards-pilot", "web-cache", "ledger-import")
LOST = ("payroll-exports", "web-uploads", "cards-disputes")
DOOMED = ("payroll-legacy", "ledger-feed")
GONE = ("web-old-search",)
EXPIRING = {"payroll-db": 41, "cards-vault": 9, "ledger-db": 120, "cards-tokens": 300}
INTERRUPTED = "cards-new-issuer"
MADE_BY_AWS = "AWSKMSCloudKey"
FORGOTTEN = "old-intranet"
# Alias, description, key spec and key usage of what the console of AWS made, and Import CloudKey can take.
UNMANAGED: "tuple[tuple[str, str, KeySpecType, KeyUsageTypeType], ...]" = (
    ("analytics-warehouse", "Redshift, made in the AWS console", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
    ("code-signing", "release artefacts", "RSA_4096", "SIGN_VERIFY"),
    ("partner-tokens", "tokens of the partner API", "HMAC_256", "GENERATE_VERIFY_MAC"),
    (FORGOTTEN, "nobody knows any more", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"),
)


class Samples:
    """Fills an unlocked engine from a box. say: told what is being made."""

    def __init__(self, engine: Engine, box: Box, say: Callable[[str], None]) -> None:
        self._engine = engine
        self._box = box
        self._say = say
        self._keys: dict[str, str] = {}
        self._roots: dict[str, AccessKey] = {}

    def make(self, extra: int = 0) -> None:
        """Make them all, and `extra` more CloudKeys."""
        engine = self._engine
        # The box has no quotas unless asked: keeping to AWS's would make the demonstration take a minute to start.
        quotas, timing = engine.clients.quotas, engine.timing
        engine.clients.quotas, engine.timing = Quotas(_PLENTY), Timing(patience=0.3, first_pause=0.02)
        try:
            self._say("CSP Accounts and Key Sets")
            for account in ACCOUNTS:
                self._add_account(account)
            for one in SETS:
                create_key_set(engine, NewKeySet(one.name, one.account, one.description, one.rotation_days))
            self._say("CloudKeys")
            self._create(list(_wanted()))
            self._happen()
            self._interrupt()
            self._made_by_aws()
            sync(engine)
            if extra:
                self._say(f"{extra:,} more CloudKeys")
                plant(engine, self._box, "web-platform", "us-west-2", extra)
            self._never_seen()
            self._cut_off()
        finally:
            engine.clients.forget()
            engine.clients.quotas, engine.timing = quotas, timing

    def _add_account(self, account: _Account) -> None:
        box = self._box
        root = box.root if account.aws_account_id == box.account_id else box.add_account(account.aws_account_id)
        self._roots[account.name] = root
        secret = Secret(root.secret_access_key)
        add_account(
            self._engine,
            NewAccount(account.name, root.access_key_id, secret, account.region, box.endpoint, account.description),
        )

    def _create(self, wanted: list[NewCloudKey]) -> None:
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="kctui-samples") as pool:
            made = pool.map(lambda new: create_cloud_key(self._engine, new), wanted)
            self._keys.update(zip((new.name for new in wanted), made, strict=True))

    def _happen(self) -> None:
        """What became of some of them since: disabled, lost, waiting for deletion, deleted."""
        for name in DISABLED:
            disable(self._engine, self._keys[name])
        for name in LOST:
            self._by_other_hands(name, lambda kms, key: kms.delete_imported_key_material(KeyId=key))
        for name in GONE:
            self._by_other_hands(name, lambda kms, key: kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7))
        # Only a key that was seen to wait for its deletion is DELETED once KMS knows it no more.
        sync(self._engine)
        self._box.clock.advance(timedelta(days=8).total_seconds())
        sync(self._engine)
        self._box.clock.reset()
        for name in DOOMED:
            self._by_other_hands(name, lambda kms, key: kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=14))

    def _by_other_hands(self, name: str, act: "Callable[[KMSClient, str], object]") -> None:
        row = cloud_key_row(self._engine.store, self._keys[name])
        with closing(boto3.client("kms", row.region, **self._as(self._roots[row.account]))) as client:
            act(client, row.kms_key_id or "")

    def _as(self, root: AccessKey) -> _Signed:
        return {
            "endpoint_url": self._box.endpoint,
            "aws_access_key_id": root.access_key_id,
            "aws_secret_access_key": root.secret_access_key,
        }

    def _interrupt(self) -> None:
        """A creation whose answer was lost while the key could not be seen yet: Recover finds it by its tag."""
        self._box.faults.consistency_seconds = 60
        self._box.faults.add("CreateKey", FaultKind.LOST_REPLY)
        try:
            create_cloud_key(self._engine, NewCloudKey(INTERRUPTED, "cards", "eu-central-1", "for the new issuer"))
        except KctuiError as error:
            self._engine.log.info("sample interrupted on purpose", error=error.title)
        self._box.faults.clear()

    def _never_seen(self) -> None:
        """A key of the second site that no Refresh has reached yet."""
        engine = self._engine
        with engine.store.write() as session:
            standby = find_key_set(session, "standby")
            session.add(
                CloudKey(
                    key_set_id=standby.id,
                    csp_account_id=standby.csp_account_id,
                    region="us-west-2",
                    name="standby-ledger",
                    alias="alias/standby-ledger",
                    description="not seen since it was restored",
                    kms_key_id="0b7c1d2e-3f40-4a61-8a66-c6ce2a39fa61",
                    cloud_status=CloudStatus.UNKNOWN,
                )
            )

    def _made_by_aws(self) -> None:
        """Keys that were made in AWS's own console: one is imported, the others wait for that."""
        with closing(boto3.client("kms", "us-east-1", **self._as(self._box.root))) as client:
            made = client.create_key(Description="made in the AWS console")["KeyMetadata"]
            client.create_alias(AliasName=f"alias/{MADE_BY_AWS}", TargetKeyId=made["KeyId"])
            import_keys(self._engine, "awsbyokkeyset", "us-east-1", [made["KeyId"]])
            for name, description, spec, usage in UNMANAGED:
                key_id = client.create_key(Description=description, KeySpec=spec, KeyUsage=usage)["KeyMetadata"][
                    "KeyId"
                ]
                client.create_alias(AliasName=f"alias/{name}", TargetKeyId=key_id)
                if name == FORGOTTEN:
                    client.disable_key(KeyId=key_id)

    def _cut_off(self) -> None:
        """The second site's access key is switched off: its keys keep their last known status, with its age."""
        root = self._roots["disaster-recovery"]
        with closing(boto3.client("iam", "us-east-1", **self._as(root))) as iam:
            iam.update_access_key(AccessKeyId=root.access_key_id, Status="Inactive")
        sync(self._engine, account="disaster-recovery")


def _wanted() -> Iterator[NewCloudKey]:
    for one in SETS:
        for name, description in one.keys:
            expires = now() + timedelta(days=EXPIRING[name]) if name in EXPIRING else None
            yield NewCloudKey(
                name, one.name, one.region, description, rotation_days=one.rotation_days, expires_at=expires
            )
