"""Which KMS keys are ours: those of the CloudKeys, and the earlier ones that a rotation left."""

import sqlalchemy as sa
from sqlmodel import col

from kctui.core.model import CloudKey, CspAccount, KeyVersion
from kctui.core.store import Store


def managed_key_ids(store: Store, aws_account_id: str, region: str) -> set[str]:
    """The ids of the KMS keys of an AWS account and region that CloudKeys hold, of whichever CSP Account.

    A key that versions name, but whose CloudKey has no KMS key at all, was lost: it is nobody's.
    """
    held = (
        sa.select(col(CloudKey.id), col(CloudKey.kms_key_id))
        .join(CspAccount, col(CspAccount.id) == CloudKey.csp_account_id)
        .where(
            col(CspAccount.aws_account_id) == aws_account_id,
            col(CloudKey.region) == region,
            col(CloudKey.kms_key_id).is_not(None),
        )
        .subquery()
    )
    versions = sa.select(col(KeyVersion.kms_key_id)).where(
        col(KeyVersion.kms_key_id).is_not(None), col(KeyVersion.cloud_key_id).in_(sa.select(held.c.id))
    )
    with store.read() as session:
        return set(session.execute(sa.union(sa.select(held.c.kms_key_id), versions)).scalars())
