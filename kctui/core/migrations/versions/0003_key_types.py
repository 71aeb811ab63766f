"""The public keys of RSA and ECC key material."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("key_version", schema=None) as table:
        table.add_column(sa.Column("public_key", sa.LargeBinary(), nullable=True))
