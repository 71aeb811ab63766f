"""One call of KMS on its way through a handler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from botocore.model import OperationModel

from kctui.demo.box.directory import Directory
from kctui.demo.box.errors import AwsError
from kctui.demo.box.principals import Principal
from kctui.demo.box.values import Params

from .authorization import Authorizer, Question
from .naming import Finder
from .registry import Operation
from .state import Key, KeyState, Store
from .wrapping import WrappingKeys

_STATE_WORDS: Mapping[KeyState, str] = MappingProxyType(
    {
        KeyState.ENABLED: "is not pending deletion.",
        KeyState.DISABLED: "is not pending deletion.",
        KeyState.PENDING_DELETION: "is pending deletion.",
        KeyState.PENDING_IMPORT: "is pending import.",
    }
)


@dataclass
class KmsCall:
    """What a handler is given: the request, the caller, the store, and the means to ask for more."""

    operation: Operation
    model: OperationModel
    params: Params
    principal: Principal
    store: Store
    now: datetime
    request_id: str
    authorizer: Authorizer
    directory: Directory
    wrapping: WrappingKeys
    consistency: float = 0.0
    named: Key | None = None
    used: list[Key] = field(default_factory=list)
    """The keys this call was admitted to, in order; after success they were last used now."""

    @property
    def key(self) -> Key:
        """Return the key that the request names."""
        if self.named is None:
            raise TypeError(f"{self.operation.name} names no key")
        return self.named

    def find(self, name: str, *, aliases: bool | None = None) -> Key:
        """Return the key of this name, as the operation may name keys."""
        visible = {key.key_id: key for key in self.store.visible(self.now, self.consistency)}
        allowed = self.operation.aliases if aliases is None else aliases
        return Finder(self.store, visible, allowed, self.knows("InvalidArnException")).find(name)

    def knows(self, error: str) -> bool:
        """Tell whether the service model lists an error for this operation."""
        return any(shape.name == error for shape in self.model.error_shapes)

    def admit(self, key: Key, action: str | None = None) -> Key:
        """Let the caller use a key: first the permission, then the key's state."""
        self.authorize(key, action)
        self.check_state(key)
        self.used.append(key)
        return key

    def authorize(self, key: Key, action: str | None = None) -> None:
        """Raise AccessDeniedException unless the caller may do this with the key."""
        question = Question(self.principal, action or self.operation.name, key.arn, self.params, self.store, key)
        self.authorizer.require(question)

    def authorize_resource(self, resource: str = "*", action: str | None = None) -> None:
        """Raise AccessDeniedException unless identity policies allow this on a resource that is no key."""
        question = Question(self.principal, action or self.operation.name, resource, self.params, self.store)
        self.authorizer.require(question)

    def check_state(self, key: Key) -> None:
        """Raise what the key state table says when the operation does not work in the key's state."""
        state = key.state
        if state in self.operation.allowed:
            return
        if state is KeyState.DISABLED and self.knows("DisabledException"):
            raise AwsError("DisabledException", f"{key.arn} is disabled.")
        raise AwsError("KMSInvalidStateException", f"{key.arn} {_STATE_WORDS[state]}")

    def check_grant_tokens(self) -> None:
        """Refuse grant tokens that no grant has; a good one changes nothing, as grants work at once here."""
        known = {grant.token for grant in self.store.grants.values()}
        if not set(self.params.texts("GrantTokens")) <= known:
            raise AwsError("InvalidGrantTokenException", "The grant token is not valid.")

    def stop_if_dry_run(self) -> None:
        """End a dry run: everything that could refuse the call has been asked by now."""
        if self.params.flag("DryRun"):
            raise AwsError(
                "DryRunOperationException",
                "The request would have succeeded, but the DryRun option is set.",
            )

    def unsupported(self, *members: str) -> None:
        """Refuse members whose effect the box does not have, rather than ignore them."""
        for member in members:
            if member in self.params:
                raise AwsError("UnsupportedOperationException", f"{member} is not supported by this endpoint.")
