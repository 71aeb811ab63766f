"""Who makes a request: a root user, an IAM user, or a session of a role."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .policy import Identity


class PrincipalKind(StrEnum):
    """The kinds of principal, in the words of the condition key aws:PrincipalType."""

    ROOT = "Account"
    USER = "User"
    ROLE = "AssumedRole"


@dataclass(frozen=True)
class Principal:
    """An authenticated caller.

    `name` is the user's or the role's; `owner_arn` is the ARN of the IAM entity behind the caller, which for
    a session is its role.
    """

    kind: PrincipalKind
    account_id: str
    partition: str
    arn: str
    user_id: str
    name: str
    owner_arn: str
    access_key_id: str
    session_policy: str = ""

    @property
    def is_root(self) -> bool:
        """Tell whether this is an account's root user."""
        return self.kind is PrincipalKind.ROOT

    def identity(self) -> Identity:
        """Return how a resource policy sees the caller."""
        return Identity((self.arn, self.owner_arn), self.account_id, self.partition)

    def context(self) -> dict[str, tuple[str, ...]]:
        """Return the condition keys that describe the caller (IAM User Guide, "Global condition keys")."""
        keys: dict[str, tuple[str, ...]] = {
            "aws:principalarn": (self.owner_arn,),
            "aws:principalaccount": (self.account_id,),
            "aws:principaltype": (str(self.kind),),
            "aws:userid": (self.user_id,),
        }
        if self.kind is PrincipalKind.USER:
            keys["aws:username"] = (self.name,)
        return keys


@dataclass(frozen=True)
class Credential:
    """What an access key id stands for: the secret that signs, the token if temporary, and the caller."""

    secret_access_key: str
    session_token: str | None
    active: bool
    expired: bool
    created: datetime
    principal: Principal


def partition_of(region: str) -> str:
    """Return the partition a region belongs to."""
    if region.startswith("cn-"):
        return "aws-cn"
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws"
