"""Permission to call IAM, STS, EC2 and SSM: identity policies, and the trust policy of a role."""

from collections.abc import Mapping
from types import MappingProxyType

from .auth import Caller
from .directory import Directory
from .errors import AwsError
from .policy import Asked, Decision, decide, decide_resource, parse_lenient
from .principals import Principal
from .values import parse_json
from .wire import Request

Form = Mapping[str, str]

# The member that names an IAM resource, and the resource's kind in ARNs; the first one present counts.
_IAM_RESOURCES = (
    ("UserName", "user"),
    ("RoleName", "role"),
    ("GroupName", "group"),
    ("InstanceProfileName", "instance-profile"),
    ("PolicyName", "policy"),
)
_IMPLICIT_USER = frozenset({"GetUser", "ListAccessKeys", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"})
"""The actions that are about the caller when they name no user."""
_ALWAYS_ALLOWED = frozenset({"sts:GetCallerIdentity"})
_DENIED: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "iam": ("AccessDenied", 403),
        "sts": ("AccessDenied", 403),
        "ec2": ("UnauthorizedOperation", 403),
        "ssm": ("AccessDeniedException", 400),
    }
)


def about_caller(operation: str, form: Form) -> bool:
    """Tell whether an IAM action is about the caller itself, because it names no user."""
    return operation in _IMPLICIT_USER and not form.get("UserName")


class Permissions:
    """Decides whether a caller may do something outside KMS."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def require(self, caller: Caller, service: str, operation: str, request: Request) -> None:
        """Return when identity policies allow the request, and raise the service's refusal when not."""
        action = f"{service}:{operation}"
        if caller.principal.is_root or action in _ALWAYS_ALLOWED or action == "sts:AssumeRole":
            # AssumeRole depends on the role's trust policy too, and is decided with it.
            return
        asked = Asked(action, self._resource(caller, service, operation, request), self._context(caller))
        decision = self.decision(caller.principal, asked)
        if decision is not Decision.ALLOWED:
            raise self._refusal(caller.principal, service, asked, decision)

    def decision(self, principal: Principal, asked: Asked) -> Decision:
        """Return what the caller's identity policies say, within its session policy if it has one."""
        documents = self._directory.policies(principal)
        decision = decide([each for text in documents for each in parse_lenient(text)], asked)
        if decision is Decision.ALLOWED and principal.session_policy:
            session = decide(parse_lenient(principal.session_policy), asked)
            return decision if session is Decision.ALLOWED else Decision.SILENT
        return decision

    def require_assume_role(self, caller: Caller, form: Form) -> None:
        """Decide AssumeRole: the trust policy must allow the caller, by name or by its account.

        By name suffices within one account; else the caller's own policies must allow it as well
        (IAM User Guide, "Policy evaluation for requests within a single account").
        """
        principal, arn = caller.principal, form.get("RoleArn", "")
        context = dict(self._context(caller))
        if external_id := form.get("ExternalId"):
            context["sts:externalid"] = (external_id,)
        context["sts:rolesessionname"] = (form.get("RoleSessionName", ""),)
        asked = Asked("sts:AssumeRole", arn, context)
        refusal = self._refusal(principal, "sts", asked, Decision.SILENT)
        if principal.is_root:
            raise AwsError("AccessDenied", "Roles may not be assumed by root accounts.", 403)
        role = self._directory.role(arn)
        own = self.decision(principal, asked)
        if role is None or own is Decision.DENIED:
            raise refusal
        trust = decide_resource(parse_lenient(role.trust_policy), asked, principal.identity())
        same_account = role.account_id == principal.account_id
        by_name = trust.decision is Decision.ALLOWED and same_account
        by_policy = own is Decision.ALLOWED and (trust.delegated or trust.decision is Decision.ALLOWED)
        if trust.decision is Decision.DENIED or not (by_name or by_policy):
            raise refusal
        if int(form.get("DurationSeconds") or 0) > role.longest_session:
            raise AwsError(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            )

    def _context(self, caller: Caller) -> dict[str, tuple[str, ...]]:
        return caller.principal.context() | {"aws:requestedregion": (caller.region,)}

    def _resource(self, caller: Caller, service: str, operation: str, request: Request) -> str:
        principal = caller.principal
        if service == "ssm":
            return _parameter_arn(caller, request)
        form = request.form()
        if service != "iam":
            return "*"
        if named := form.get("PolicySourceArn"):
            return named
        if about_caller(operation, form):
            return principal.owner_arn
        prefix = f"arn:{principal.partition}:iam::{principal.account_id}"
        for member, kind in _IAM_RESOURCES:
            name = form.get(member)
            if not name:
                continue
            if kind == "user" and operation != "CreateUser":
                return self._directory.user_arn(principal.account_id, principal.partition, name)
            return f"{prefix}:{kind}{form.get('Path', '/')}{name}"
        return form.get("PolicyArn", "*")

    def _refusal(self, principal: Principal, service: str, asked: Asked, decision: Decision) -> AwsError:
        code, status = _DENIED[service]
        reason = (
            "with an explicit deny in an identity-based policy"
            if decision is Decision.DENIED
            else f"because no identity-based policy allows the {asked.action} action"
        )
        # EC2 does not name the resource of an action that has none.
        place = "" if service == "ec2" else f"on resource: {asked.resource} "
        message = f"User: {principal.arn} is not authorized to perform: {asked.action} {place}{reason}"
        if service == "ec2":
            message = f"You are not authorized to perform this operation. {message}"
        return AwsError(code, message, status)


def _parameter_arn(caller: Caller, request: Request) -> str:
    """Return the ARN of the one parameter an SSM request names; AWS's public ones have no account."""
    try:
        body = parse_json(request.body or b"{}")
    except ValueError:
        return "*"
    name = body.get("Name") if isinstance(body, dict) else None
    if isinstance(body, dict) and not isinstance(name, str):
        names = body.get("Names")
        name = names[0] if isinstance(names, list) and names else body.get("Path")
    if not isinstance(name, str):
        return "*"
    principal = caller.principal
    account = "" if name.startswith("/aws/") else principal.account_id
    return f"arn:{principal.partition}:ssm:{caller.region}:{account}:parameter/{name.removeprefix('/')}"
