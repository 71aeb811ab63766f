"""Permission to call KMS: key policy, identity policies and grants together.

After the AWS KMS Developer Guide, "Key policies in AWS KMS" and "Grants in AWS KMS": an explicit Deny wins;
else the key policy may allow the caller by name, or hand the decision to identity policies by allowing the
account; else a grant may allow. Without a key, identity policies decide alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kctui.demo.box.directory import Directory
from kctui.demo.box.errors import AwsError
from kctui.demo.box.policy import Asked, Decision, decide, decide_resource, parse_cached, parse_lenient
from kctui.demo.box.principals import Principal
from kctui.demo.box.values import Params

from .state import Key, Store

# Condition keys of KMS that repeat a member of the request (AWS KMS Developer Guide, "Condition keys").
_FROM_MEMBERS: Mapping[str, str] = MappingProxyType(
    {
        "BypassPolicyLockoutSafetyCheck": "kms:bypasspolicylockoutsafetycheck",
        "EncryptionAlgorithm": "kms:encryptionalgorithm",
        "ExpirationModel": "kms:expirationmodel",
        "GranteePrincipal": "kms:granteeprincipal",
        "MacAlgorithm": "kms:macalgorithm",
        "MessageType": "kms:messagetype",
        "PendingWindowInDays": "kms:schedulekeydeletionpendingwindowindays",
        "RetiringPrincipal": "kms:retiringprincipal",
        "RotationPeriodInDays": "kms:rotationperiodindays",
        "SigningAlgorithm": "kms:signingalgorithm",
        "ValidTo": "kms:validto",
        "WrappingAlgorithm": "kms:wrappingalgorithm",
        "WrappingKeySpec": "kms:wrappingkeyspec",
    }
)
_CONTEXT_MEMBERS = ("EncryptionContext", "SourceEncryptionContext", "DestinationEncryptionContext")


@dataclass(frozen=True)
class Question:
    """Whether a principal may do something to a resource, given the request it is part of."""

    principal: Principal
    action: str
    resource: str
    params: Params
    store: Store
    key: Key | None = None

    def asked(self) -> Asked:
        """Return the request as policies see it."""
        return Asked(f"kms:{self.action}", self.resource, self._context())

    def _context(self) -> dict[str, tuple[str, ...]]:
        context = self.principal.context() | {
            "aws:requestedregion": (self.store.region,),
            "kms:calleraccount": (self.principal.account_id,),
        }
        context |= _request_context(self.params)
        if self.key is not None:
            context |= _key_context(self.key, self.store)
        elif self.action == "CreateKey":
            context |= {
                "kms:keyspec": (self.params.text_or("KeySpec", "SYMMETRIC_DEFAULT"),),
                "kms:keyusage": (self.params.text_or("KeyUsage", "ENCRYPT_DECRYPT"),),
                "kms:keyorigin": (self.params.text_or("Origin", "AWS_KMS"),),
                "kms:multiregion": ("false",),
            }
        return context


def _request_context(params: Params) -> dict[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {}
    for member, key in _FROM_MEMBERS.items():
        if member in params:
            context[key] = (params.shown(member),)
    pairs = {key: value for member in _CONTEXT_MEMBERS for key, value in params.mapping(member).items()}
    context |= {f"kms:encryptioncontext:{key}".lower(): (value,) for key, value in pairs.items()}
    if pairs:
        context["kms:encryptioncontextkeys"] = tuple(pairs)
    tags = {tag.text("TagKey"): tag.text("TagValue") for tag in params.records("Tags")}
    context |= {f"aws:requesttag/{key}".lower(): (value,) for key, value in tags.items()}
    if tag_keys := (*tags, *params.texts("TagKeys")):
        context["aws:tagkeys"] = tuple(tag_keys)
    if operations := params.texts("Operations"):
        context["kms:grantoperations"] = tuple(operations)
    name = params.maybe_text("KeyId") or ""
    if "alias/" in name:
        context["kms:requestalias"] = (name[name.index("alias/") :],)
    return context


def _key_context(key: Key, store: Store) -> dict[str, tuple[str, ...]]:
    context: dict[str, tuple[str, ...]] = {
        "kms:keyspec": (key.spec.name,),
        "kms:keyusage": (key.usage,),
        "kms:keyorigin": (key.origin,),
        "kms:multiregion": ("false",),
    }
    if aliases := store.aliases_of(key):
        context["kms:resourcealiases"] = tuple(aliases)
    return context | {f"aws:resourcetag/{name}".lower(): (value,) for name, value in key.tags.items()}


class Authorizer:
    """Decides questions by the policies of the box."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def require(self, question: Question) -> None:
        """Return when the caller may, and raise AccessDeniedException when not."""
        asked = question.asked()
        identity = self._identity_decision(question.principal, asked)
        if identity is Decision.DENIED:
            raise denied(question.principal, asked, "with an explicit deny in an identity-based policy")
        if question.key is None:
            if identity is not Decision.ALLOWED:
                raise denied(question.principal, asked, _because("identity-based", asked))
            return
        statements = parse_cached(question.key.policy)
        resource = decide_resource(statements, asked, question.principal.identity())
        if resource.decision is Decision.DENIED:
            raise denied(question.principal, asked, "with an explicit deny in a resource-based policy")
        if resource.decision is Decision.ALLOWED and _session_allows(question.principal, asked):
            return
        if resource.delegated and identity is Decision.ALLOWED:
            return
        if _granted(question):
            return
        # AWS names the kind of policy that could have allowed the call.
        kind = "identity-based" if resource.delegated else "resource-based"
        raise denied(question.principal, asked, _because(kind, asked))

    def may_put_policy(self, principal: Principal, store: Store, key_arn: str, policy: str) -> bool:
        """Tell whether a policy would still let this caller change it (the lockout safety check)."""
        asked = Question(principal, "PutKeyPolicy", key_arn, Params({}), store).asked()
        resource = decide_resource(parse_cached(policy), asked, principal.identity())
        if resource.decision is Decision.ALLOWED:
            return True
        identity = self._identity_decision(principal, asked)
        return resource.decision is Decision.SILENT and resource.delegated and identity is Decision.ALLOWED

    def _identity_decision(self, principal: Principal, asked: Asked) -> Decision:
        if principal.is_root:
            return Decision.ALLOWED
        statements = [each for text in self._directory.policies(principal) for each in parse_lenient(text)]
        decision = decide(statements, asked)
        if decision is Decision.ALLOWED and not _session_allows(principal, asked):
            return Decision.SILENT
        return decision


def _granted(question: Question) -> bool:
    """Tell whether a grant allows this; in the box grants work at once, so their tokens are not needed."""
    side = "Source" if question.action in ("Decrypt", "ReEncryptFrom") else "Destination"
    params, principal = question.params, question.principal
    context = params.mapping("EncryptionContext") or params.mapping(f"{side}EncryptionContext")
    return question.key is not None and any(
        grant.key_id == question.key.key_id
        and grant.grantee in (principal.arn, principal.owner_arn)
        and grant.permits(question.action, context)
        for grant in question.store.grants.values()
    )


def _session_allows(principal: Principal, asked: Asked) -> bool:
    """Tell whether the policy passed to AssumeRole, if any, lets the session do this."""
    if not principal.session_policy:
        return True
    return decide(parse_lenient(principal.session_policy), asked) is Decision.ALLOWED


def _because(kind: str, asked: Asked) -> str:
    return f"because no {kind} policy allows the {asked.action} action"


def denied(principal: Principal, asked: Asked, reason: str) -> AwsError:
    """Return AccessDeniedException in AWS's words."""
    return AwsError(
        "AccessDeniedException",
        f"User: {principal.arn} is not authorized to perform: {asked.action} on resource: {asked.resource} {reason}",
    )
