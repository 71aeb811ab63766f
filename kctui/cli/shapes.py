"""What --json gives for each kind of thing. The names are contract: they do not follow renamed fields."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from kctui.core.clock import rfc3339

if TYPE_CHECKING:
    from kctui.core.accounts import AccountTest
    from kctui.core.details import CloudKeyDetails
    from kctui.core.lists import CloudKeyRow, CspAccountRow, KeySetRow
    from kctui.core.model import AuditEntry
    from kctui.core.operations import EditPlan, PolicyState
    from kctui.core.status import StatusRow

Json = dict[str, Any]


def moment(when: datetime | None) -> str | None:
    """A date as JSON shows it: RFC 3339, UTC."""
    return None if when is None else rfc3339(when)


def csp_account(row: "CspAccountRow") -> Json:
    """A CSP Account. Never its secret."""
    return {
        "name": row.name,
        "description": row.description,
        "admin_group": row.group,
        "aws_account_id": row.aws_account_id,
        "caller_arn": row.caller_arn,
        "credential_kind": row.credential_kind.value,
        "access_key_id": row.access_key_id,
        "region": row.region,
        "endpoint_url": row.endpoint_url,
        "partition": row.partition,
        "key_sets": row.key_sets,
        "reached_at": moment(row.reached_at),
        "unreachable_since": moment(row.unreachable_since),
        "unreachable_reason": row.unreachable_reason,
        "created_at": moment(row.created_at),
    }


def account_test(name: str, test: "AccountTest") -> Json:
    """What a credential is and may do."""
    return {
        "csp_account": name,
        "aws_account_id": test.caller.account,
        "caller_arn": test.caller.arn,
        "partition": test.caller.partition,
        "regions": [{"region": choice.region, "long_name": choice.long_name} for choice in test.regions],
        "permissions": [
            {
                "action": check.permission.action,
                "reason": check.permission.reason,
                "optional": check.permission.optional,
                "finding": check.finding.name,
                "how": check.how,
            }
            for check in test.permissions
        ],
    }


def key_set(row: "KeySetRow") -> Json:
    """A Key Set."""
    return {
        "name": row.name,
        "description": row.description,
        "admin_group": row.group,
        "csp_account": row.account,
        "rotation_days": row.rotation_days,
        "cloud_keys": row.cloud_keys,
        "created_at": moment(row.created_at),
    }


def cloud_key(row: "CloudKeyRow") -> Json:
    """A CloudKey as lists give it."""
    return {
        "id": row.id,
        "name": row.name,
        "key_set": row.key_set,
        "csp_account": row.account,
        "region": row.region,
        "description": row.description,
        "kms_key_id": row.kms_key_id,
        "key_arn": row.key_arn,
        "alias": row.alias,
        "key_spec": row.key_spec.value,
        "key_usage": row.key_usage.value,
        "key_source": row.key_source.value,
        "cloud_status": row.cloud_status.value,
        "status_seen_at": moment(row.status_seen_at),
        "deletion_date": moment(row.deletion_date),
        "expires_at": moment(row.expires_at),
        "rotates_at": moment(row.rotates_at),
        "rotation_days": row.rotation_days,
        "busy": row.busy.value if row.busy else None,
        "needs_recovery": row.needs_recovery,
        "revision": row.revision,
        "created_at": moment(row.created_at),
    }


def cloud_key_details(details: "CloudKeyDetails") -> Json:
    """A CloudKey, whole."""
    return cloud_key(details.row) | {
        "region_long_name": details.region_long_name,
        "administrators": list(details.administrators),
        "users": list(details.users),
        "tags": dict(details.tags),
        "policy": details.policy,
        "rotation_method": details.rotation_method.value,
        "rotations_left": details.rotations_left,
        "versions": [
            {
                "number": version.number,
                "kms_key_id": version.kms_key_id,
                "key_arn": version.key_arn,
                "cloud_status": version.cloud_status.value if version.cloud_status else None,
                "deletion_date": moment(version.deletion_date),
                "key_material_id": version.key_material_id,
                "material_state": version.material_state.value,
                "import_state": version.import_state.value,
                "fingerprint": version.fingerprint,
                "proven_at": moment(version.proven_at),
                "imported_at": moment(version.imported_at),
                "rotated_at": moment(version.rotated_at),
                "expires_at": moment(version.expires_at),
                "created_at": moment(version.created_at),
            }
            for version in details.versions
        ],
        "operations": [
            {
                "id": operation.id,
                "kind": operation.kind.value,
                "state": operation.state.value,
                "operator": operation.operator,
                "started_at": moment(operation.started_at),
                "ended_at": moment(operation.ended_at),
                "error": operation.error,
                "steps": [
                    {
                        "name": step.name,
                        "state": step.state.value,
                        "request_id": step.request_id,
                        "error": step.error,
                        "started_at": moment(step.started_at),
                        "ended_at": moment(step.ended_at),
                    }
                    for step in operation.steps
                ],
            }
            for operation in details.operations
        ],
    }


def policy_state(state: "PolicyState") -> Json:
    """The key policy that KMS has, beside the one that kctui knows. access: null for a custom policy."""
    access = state.access
    lists = {"administrators": list(access.administrators), "users": list(access.users)} if access else None
    return {
        "standing": state.standing.name,
        "difference": state.difference,
        "access": lists,
        "deleted_principals": list(state.deleted),
        "policy": state.text,
    }


def edit_plan(plan: "EditPlan", state: "PolicyState | None") -> Json:
    """What an edit would change. state: of the key policy, where KMS was asked for it."""
    return {
        "changes": [
            {"what": change.what, "before": list(change.before), "after": list(change.after)} for change in plan.changes
        ],
        "policy_difference": plan.policy,
        "calls": list(plan.calls),
        "key_policy": policy_state(state) if state else None,
    }


def status(row: "StatusRow") -> Json:
    """The last known status of a CloudKey."""
    return {
        "name": row.name,
        "key_set": row.key_set,
        "csp_account": row.account,
        "region": row.region,
        "cloud_status": row.cloud_status.value,
        "status_seen_at": moment(row.status_seen_at),
        "expires_at": moment(row.expires_at),
        "deletion_date": moment(row.deletion_date),
        "key_source": row.key_source.value,
        "unreachable_since": moment(row.unreachable_since),
    }


def audit_entry(entry: "AuditEntry") -> Json:
    """An entry of the audit log, with what its hash covers."""
    return {
        "seq": entry.seq,
        "time": moment(entry.time),
        "type": entry.type.value,
        "category": entry.category.value,
        "operator": entry.operator,
        "unix_user": entry.unix_user,
        "ssh_client": entry.ssh_client,
        "host": entry.host,
        "message": entry.message,
        "objects": dict(entry.objects),
        "request_ids": list(entry.request_ids),
        "hash": entry.hash,
    }
