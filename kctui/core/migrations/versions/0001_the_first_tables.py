"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "admin_group",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sealed_audit_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_audit_anchor", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "audit_entry",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=True),
        sa.Column("unix_user", sa.String(), nullable=False),
        sa.Column("ssh_client", sa.String(), nullable=True),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("objects", sa.JSON(), nullable=False),
        sa.Column("request_ids", sa.JSON(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("mac_group_id", sa.String(), nullable=True),
        sa.Column("mac", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_entry_time"), ["time"], unique=False)
        batch_op.create_index("ix_audit_entry_type", ["type", "seq"], unique=False)

    op.create_table(
        "operator",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("kdf_salt", sa.LargeBinary(), nullable=False),
        sa.Column("kdf_memory_kib", sa.Integer(), nullable=False),
        sa.Column("kdf_passes", sa.Integer(), nullable=False),
        sa.Column("kdf_lanes", sa.Integer(), nullable=False),
        sa.Column("failed_unlocks", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "region_name",
        sa.Column("partition", sa.String(length=16), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("long_name", sa.String(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partition", "region"),
    )
    op.create_table(
        "schedule",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("target_id", sa.String(), nullable=False),
        sa.Column("every_days", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "target_id", name="uq_schedule_target"),
    )
    with op.batch_alter_table("schedule", schema=None) as batch_op:
        batch_op.create_index("ix_schedule_due", ["due_at"], unique=False)

    op.create_table(
        "csp_account",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("credential_kind", sa.String(length=40), nullable=False),
        sa.Column("access_key_id", sa.String(length=128), nullable=False),
        sa.Column("sealed_secret_access_key", sa.LargeBinary(), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("endpoint_url", sa.String(), nullable=True),
        sa.Column("partition", sa.String(length=16), nullable=False),
        sa.Column("aws_account_id", sa.String(length=12), nullable=False),
        sa.Column("caller_arn", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unreachable_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unreachable_reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["admin_group.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    with op.batch_alter_table("csp_account", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_csp_account_aws_account_id"), ["aws_account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_csp_account_group_id"), ["group_id"], unique=False)

    op.create_table(
        "membership",
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("operator_id", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("sealed_group_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["admin_group.id"],
        ),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operator.id"],
        ),
        sa.PrimaryKeyConstraint("group_id", "operator_id", "generation"),
    )
    op.create_table(
        "operation",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("cloud_key_id", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("operator", sa.String(length=64), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("undoing", sa.Boolean(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("owner_host", sa.String(), nullable=True),
        sa.Column("owner_process", sa.String(), nullable=True),
        sa.Column("owner_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["admin_group.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("subject", name="uq_operation_subject"),
    )
    with op.batch_alter_table("operation", schema=None) as batch_op:
        batch_op.create_index("ix_operation_cloud_key", ["cloud_key_id", "started_at"], unique=False)
        batch_op.create_index("ix_operation_state", ["state", "started_at"], unique=False)

    op.create_table(
        "key_set",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("csp_account_id", sa.String(), nullable=False),
        sa.Column("group_id", sa.String(), nullable=False),
        sa.Column("rotation_days", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["csp_account_id"],
            ["csp_account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["admin_group.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    with op.batch_alter_table("key_set", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_key_set_csp_account_id"), ["csp_account_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_key_set_group_id"), ["group_id"], unique=False)

    op.create_table(
        "operation_step",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("operation_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["operation_id"],
            ["operation.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("operation_id", "number", name="uq_operation_step_number"),
    )
    op.create_table(
        "cloud_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key_set_id", sa.String(), nullable=False),
        sa.Column("csp_account_id", sa.String(), nullable=False),
        sa.Column("region", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("alias", sa.String(length=256), nullable=True),
        sa.Column("description", sa.String(length=8192), nullable=False),
        sa.Column("kms_key_id", sa.String(length=64), nullable=True),
        sa.Column("key_arn", sa.String(), nullable=True),
        sa.Column("key_spec", sa.String(length=40), nullable=False),
        sa.Column("key_usage", sa.String(length=40), nullable=False),
        sa.Column("key_source", sa.String(length=40), nullable=False),
        sa.Column("cloud_status", sa.String(length=40), nullable=False),
        sa.Column("status_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deletion_date", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rotation_days", sa.Integer(), nullable=True),
        sa.Column("administrators", sa.JSON(), nullable=False),
        sa.Column("users", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["csp_account_id"],
            ["csp_account.id"],
        ),
        sa.ForeignKeyConstraint(
            ["key_set_id"],
            ["key_set.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("csp_account_id", "region", "alias", name="uq_cloud_key_alias"),
        sa.UniqueConstraint("csp_account_id", "region", "kms_key_id", name="uq_cloud_key_kms_key_id"),
    )
    with op.batch_alter_table("cloud_key", schema=None) as batch_op:
        batch_op.create_index("ix_cloud_key_all_names", ["name", "id"], unique=False)
        batch_op.create_index("ix_cloud_key_expires", ["key_set_id", "region", "expires_at", "id"], unique=False)
        batch_op.create_index("ix_cloud_key_name", ["key_set_id", "region", "name", "id"], unique=False)
        batch_op.create_index("ix_cloud_key_seen", ["key_set_id", "region", "status_seen_at", "id"], unique=False)
        batch_op.create_index("ix_cloud_key_set_name", ["key_set_id", "name", "id"], unique=False)
        batch_op.create_index("ix_cloud_key_status", ["key_set_id", "region", "cloud_status", "id"], unique=False)

    op.create_table(
        "key_version",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("cloud_key_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kms_key_id", sa.String(length=64), nullable=True),
        sa.Column("key_material_id", sa.String(length=64), nullable=True),
        sa.Column("material_state", sa.String(length=40), nullable=False),
        sa.Column("import_state", sa.String(length=40), nullable=False),
        sa.Column("sealed_material", sa.LargeBinary(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["cloud_key_id"],
            ["cloud_key.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("cloud_key_id", "number", name="uq_key_version_number"),
    )
