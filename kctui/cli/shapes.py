"""What --json gives for each kind of thing. The names are contract: they do not follow renamed fields."""

from base64 import b64encode
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kctui.core.clock import rfc3339

if TYPE_CHECKING:
    from kctui.core.accounts import AccountTest
    from kctui.core.adopting import ImportReport
    from kctui.core.audit_export import Exported
    from kctui.core.details import CloudKeyDetails
    from kctui.core.importable import ImportableKey
    from kctui.core.lists import CloudKeyRow, CspAccountRow, HsmRow, KeySetRow
    from kctui.core.model import AuditEntry
    from kctui.core.operations import EditPlan, PolicyState
    from kctui.core.status import StatusRow

Json = dict[str, Any]


def moment(when: datetime | None) -> str | None:
    """A date as JSON shows it: RFC 3339, UTC."""
    return None if when is None else rfc3339(when)


def _base64(data: bytes | None) -> str | None:
    """Bytes as JSON shows them: base64, as the AWS command line does."""
    return None if data is None else b64encode(data).decode()


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
        "profile": row.profile,
        "role_arn": row.role_arn,
        "external_id": row.external_id,
        "rotation_days": row.rotation_days,
        "rotates_at": moment(row.rotates_at),
        "credential_rotated_at": moment(row.credential_rotated_at),
        "region": row.region,
        "endpoint_url": row.endpoint_url,
        "partition": row.partition,
        "key_sets": row.key_sets,
        "reached_at": moment(row.reached_at),
        "unreachable_since": moment(row.unreachable_since),
        "unreachable_reason": row.unreachable_reason,
        "busy": row.busy.value if row.busy else None,
        "revision": row.revision,
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
        "hsm": row.hsm,
        "rotation_days": row.rotation_days,
        "rotation_method": row.rotation_method.value,
        "cloud_keys": row.cloud_keys,
        "revision": row.revision,
        "created_at": moment(row.created_at),
    }


def hsm(row: "HsmRow") -> Json:
    """An HSM. Its PIN is never shown."""
    return {
        "name": row.name,
        "admin_group": row.group,
        "module": row.module,
        "init_args": row.init_args,
        "token_label": row.token_label,
        "token_serial": row.token_serial,
        "slot": row.slot,
        "manufacturer": row.manufacturer,
        "model": row.token_model,
        "key_encryption_key_id": row.kek_id,
        "sha1_allowed": row.sha1_allowed,
        "export_allowed": row.export_allowed,
        "key_sets": row.key_sets,
        "key_materials": row.versions,
        "probed_at": moment(row.probed_at),
        "pin_refused_at": moment(row.pin_refused_at),
        "reached_at": moment(row.reached_at),
        "unreachable_since": moment(row.unreachable_since),
        "unreachable_reason": row.unreachable_reason,
        "revision": row.revision,
        "created_at": moment(row.created_at),
    }


def importable_key(one: "ImportableKey") -> Json:
    """A key of AWS that no CloudKey holds. reason: why it cannot be imported. tags: None where they are hidden."""
    key = one.key
    return {
        "kms_key_id": one.key_id,
        "name": one.name,
        "aliases": list(one.aliases),
        "key_arn": key.arn if key else None,
        "description": key.description if key else None,
        "key_spec": key.key_spec if key else None,
        "key_usage": key.key_usage if key else None,
        "origin": key.origin if key else None,
        "cloud_status": one.status.value,
        "deletion_date": moment(key.deletion_date) if key else None,
        "expires_at": moment(key.valid_to) if key else None,
        "created_at": moment(key.created_at) if key else None,
        "tags": None if one.tags is None else dict(one.tags),
        "made_by_kctui_as": one.made_as,
        "material_held": one.lost_id is not None,
        "reason": one.reason,
    }


def import_report(report: "ImportReport") -> Json:
    """What an import came to. became: imported, linked again, skipped or failed."""
    return {
        "asked": report.asked,
        "imported": len(report.imported),
        "cancelled": report.cancelled,
        "error": report.error.title if report.error else None,
        "keys": [
            {
                "kms_key_id": one.key_id,
                "name": one.name,
                "became": one.became.value,
                "told": one.told,
                "cloud_key_id": one.cloud_key_id,
            }
            for one in report.outcomes
        ],
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
        "hsm": details.hsm,
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
                "public_key": _base64(version.public_key),
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


def audit_export(file: str, form: str, made: "Exported") -> Json:
    """A file with entries of the audit log: the first and last of them, and the last one's hash."""
    return {
        "file": file,
        "format": form,
        "entries": made.entries,
        "first": made.first,
        "last": made.last,
        "head": made.head or None,
    }
