"""SimulatePrincipalPolicy, which moto lacks (AWS IAM API Reference, SimulatePrincipalPolicy)."""

from collections.abc import Mapping

from .auth import Caller
from .directory import Directory
from .errors import AwsError
from .policy import Asked, Decision, Statement, decide, parse_lenient
from .wire import Response, element, query_response

_ARN_PARTS = 6
DEFAULT_PAGE = 100


def simulate(form: Mapping[str, str], caller: Caller, directory: Directory, request_id: str) -> Response:
    """Answer each action on each resource: allowed, implicitDeny or explicitDeny."""
    statements = _statements(form, caller, directory)
    context = {
        entry["ContextKeyName"].lower(): tuple(_members(entry, "ContextKeyValues"))
        for entry in _structures(form, "ContextEntries")
    }
    actions, resources = _members(form, "ActionNames"), _members(form, "ResourceArns") or ["*"]
    if not actions:
        raise AwsError("ValidationError", "1 validation error detected: Value null at 'actionNames'")
    results = [
        (action, resource, decide(statements, Asked(action, resource, context)))
        for action in actions
        for resource in resources
    ]
    start, size = int(form.get("Marker") or 0), int(form.get("MaxItems") or DEFAULT_PAGE)
    end = start + size
    more = end < len(results)
    members = "".join(_result(*result) for result in results[start:end])
    marker = element("Marker", str(end)) if more else ""
    answer = element("IsTruncated", str(more).lower()) + marker + f"<EvaluationResults>{members}</EvaluationResults>"
    return query_response("iam", "SimulatePrincipalPolicy", answer, request_id)


def _result(action: str, resource: str, decision: Decision) -> str:
    return (
        "<member><MatchedStatements/><MissingContextValues/>"
        + element("EvalResourceName", resource)
        + element("EvalDecision", decision.value)
        + element("EvalActionName", action)
        + "</member>"
    )


def _statements(form: Mapping[str, str], caller: Caller, directory: Directory) -> list[Statement]:
    arn = form.get("PolicySourceArn", "")
    parts = arn.split(":", _ARN_PARTS - 1)
    if len(parts) != _ARN_PARTS or parts[5].partition("/")[0] not in ("user", "role", "group"):
        raise AwsError("InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    documents = None
    if parts[4] == caller.principal.account_id:
        documents = directory.policies_of(parts[4], parts[1], arn)
    if documents is None:
        raise AwsError("NoSuchEntity", f"The entity with ARN {arn} cannot be found.", 404)
    documents = [*documents, *_members(form, "PolicyInputList")]
    return [statement for document in documents for statement in parse_lenient(document)]


def _members(form: Mapping[str, str], name: str) -> list[str]:
    """Return a list of the query protocol: Name.member.1, Name.member.2 and so on."""
    members: list[str] = []
    while (member := form.get(f"{name}.member.{len(members) + 1}")) is not None:
        members.append(member)
    return members


def _structures(form: Mapping[str, str], name: str) -> list[dict[str, str]]:
    """Return a list of structures of the query protocol."""
    structures: list[dict[str, str]] = []
    while True:
        prefix = f"{name}.member.{len(structures) + 1}."
        fields = {key.removeprefix(prefix): value for key, value in form.items() if key.startswith(prefix)}
        if not fields:
            return structures
        structures.append(fields)
