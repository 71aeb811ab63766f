"""What removal, deletion, rotation, import, editing and the kinds of credential need to know."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("csp_account", schema=None) as table:
        table.add_column(sa.Column("profile", sa.String(length=128), nullable=True))
        table.add_column(sa.Column("role_arn", sa.String(), nullable=True))
        table.add_column(sa.Column("external_id", sa.String(), nullable=True))
        table.add_column(sa.Column("pending_access_key_id", sa.String(length=128), nullable=True))
        table.add_column(sa.Column("sealed_pending_secret", sa.LargeBinary(), nullable=True))
        table.add_column(sa.Column("rotation_days", sa.Integer(), nullable=True))
        table.add_column(sa.Column("credential_rotated_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(_new("revision", sa.Integer(), "1"))
    with op.batch_alter_table("key_set", schema=None) as table:
        table.add_column(_new("rotation_method", sa.String(length=40), "IN PLACE"))
        table.add_column(_new("revision", sa.Integer(), "1"))
    with op.batch_alter_table("cloud_key", schema=None) as table:
        table.add_column(_new("origin", sa.String(length=40), "EXTERNAL"))
        table.add_column(_new("rotations_used", sa.Integer(), "0"))
        table.add_column(sa.Column("policy", sa.String(), nullable=True))
    with op.batch_alter_table("key_version", schema=None) as table:
        table.add_column(sa.Column("key_arn", sa.String(), nullable=True))
        table.add_column(sa.Column("cloud_status", sa.String(length=40), nullable=True))
        table.add_column(sa.Column("status_seen_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("deletion_date", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True))
        table.create_index("ix_key_version_kms_key_id", ["kms_key_id"], unique=False)
    with op.batch_alter_table("operation", schema=None) as table:
        table.add_column(sa.Column("csp_account_id", sa.String(), nullable=True))


def _new(name: str, kind: "sa.types.TypeEngine[int] | sa.types.TypeEngine[str]", default: str) -> "sa.Column[object]":
    """A column that must have a value, with what the rows there are get.

    The default stays: to take it away, SQLite would have to make a table anew that others refer to.
    """
    return sa.Column(name, kind, nullable=False, server_default=default)
