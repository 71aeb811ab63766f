"""The IAM users and roles of an account, to choose administrators and users of a key from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kctui.core.aws.clients import AwsSession
from kctui.core.aws.failures import AwsRefusedError, Refusal, explained

_SERVICE_LINKED = "/aws-service-role/"
_A_PAGE = 1000


class PrincipalKind(StrEnum):
    """What an IAM principal is."""

    USER = "user"
    ROLE = "role"


@dataclass(frozen=True)
class Principal:
    """An IAM user or role."""

    kind: PrincipalKind
    name: str
    path: str
    arn: str


@dataclass(frozen=True)
class Principals:
    """Users, then roles, by name. denied: the permissions that the credential lacks to list the rest."""

    found: tuple[Principal, ...]
    denied: tuple[str, ...]


def list_principals(session: AwsSession) -> Principals:
    """Every user, and every role but those that belong to a service of AWS. iam:ListUsers, iam:ListRoles.

    Without one of the permissions the other still serves. Raises AwsRefusedError for another refusal, and
    AwsUnreachableError.
    """
    found: list[Principal] = []
    denied: list[str] = []
    for action, read in (("iam:ListUsers", _users), ("iam:ListRoles", _roles)):
        try:
            with explained(action):
                found += sorted(read(session), key=lambda principal: principal.name.lower())
        except AwsRefusedError as error:
            if error.refusal is not Refusal.ACCESS:
                raise
            denied.append(action)
    return Principals(tuple(found), tuple(denied))


def matching(principals: Sequence[Principal], text: str) -> list[Principal]:
    """Those with all the words of a text in kind, name, path or ARN, in any case."""
    words = text.lower().split()
    return [each for each in principals if all(word in f"{each.kind} {each.arn}".lower() for word in words)]


def _users(session: AwsSession) -> Iterator[Principal]:
    for page in session.iam().get_paginator("list_users").paginate(PaginationConfig={"PageSize": _A_PAGE}):
        for user in page["Users"]:
            yield Principal(PrincipalKind.USER, user["UserName"], user["Path"], user["Arn"])


def _roles(session: AwsSession) -> Iterator[Principal]:
    for page in session.iam().get_paginator("list_roles").paginate(PaginationConfig={"PageSize": _A_PAGE}):
        for role in page["Roles"]:
            if not role["Path"].startswith(_SERVICE_LINKED):
                yield Principal(PrincipalKind.ROLE, role["RoleName"], role["Path"], role["Arn"])
