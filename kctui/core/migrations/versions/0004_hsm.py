"""HSMs, and key material that is kept as blobs under their key-encryption keys."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "hsm",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("module", sa.String(), nullable=False),
        sa.Column("init_args", sa.String(), nullable=True),
        sa.Column("token_label", sa.String(length=64), nullable=False),
        sa.Column("token_serial", sa.String(length=64), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=True),
        sa.Column("manufacturer", sa.String(), nullable=False),
        sa.Column("token_model", sa.String(), nullable=False),
        sa.Column("sealed_pin", sa.LargeBinary(), nullable=False),
        sa.Column("pin_refused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kek_id", sa.String(length=64), nullable=False),
        sa.Column("sha1_allowed", sa.Boolean(), nullable=False),
        sa.Column("export_allowed", sa.Boolean(), nullable=False),
        sa.Column("conformance", sa.String(), nullable=False),
        sa.Column("probed_for", sa.String(), nullable=False),
        sa.Column("probed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unreachable_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unreachable_reason", sa.String(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["admin_group.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("ix_hsm_group_id", "hsm", ["group_id"], unique=False)
    # As SQL, which both databases take: SQLite would make a table anew for a foreign key, and others refer to these.
    for table in ("key_set", "key_version"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN hsm_id VARCHAR REFERENCES hsm (id)")
        op.create_index(f"ix_{table}_hsm_id", table, ["hsm_id"], unique=False)
    op.add_column("key_version", sa.Column("kek_id", sa.String(length=64), nullable=True))
    op.add_column("key_version", sa.Column("kept_by", sa.BigInteger(), nullable=True))
