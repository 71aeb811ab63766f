"""The options that say how a CSP Account signs in to AWS, and what they come to."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

from kctui.cli import moments, secrets
from kctui.core.errors import InvalidInputError

if TYPE_CHECKING:
    from kctui.core.aws.credentials import Credential
    from kctui.core.lists import CspAccountRow

Decorated = TypeVar("Decorated", bound=Callable[..., object])


@dataclass(frozen=True)
class CredentialOptions:
    """What was given of a credential."""

    access_key_id: str | None
    secret_access_key_file: str | None
    profile: str | None
    instance_role: bool
    role_arn: str | None
    external_id: str | None

    @property
    def given(self) -> bool:
        """Whether anything of a credential was given."""
        return any(getattr(self, name) for name in self.__dataclass_fields__)

    def credential(self) -> "Credential":
        """The credential; a secret access key without a file is asked for. Raises InvalidInputError."""
        from kctui.core.aws.credentials import AccessKey, AssumedRole, InstanceRole, Profile, Source

        self.check()
        source: Source
        if self.access_key_id:
            file = self.secret_access_key_file
            secret = secrets.read_secret_access_key(file) if file else secrets.ask_secret_access_key()
            source = AccessKey(self.access_key_id, secret)
        else:
            source = Profile(self.profile) if self.profile else InstanceRole()
        return AssumedRole(self.role_arn, self.external_id or None, source) if self.role_arn else source

    def check(self) -> None:
        """Refuse what does not say one credential, before anything is asked for."""
        sources = [bool(self.access_key_id), bool(self.profile), self.instance_role]
        if sum(sources) != 1:
            raise InvalidInputError(
                "Say with what the CSP Account signs in" if not any(sources) else "Say one credential, not several",
                remedy="One of --access-key-id ID, --profile NAME and --instance-role; --role-arn goes with any.",
                field="credential",
            )
        if self.secret_access_key_file and not self.access_key_id:
            raise InvalidInputError(
                "--secret-access-key-file goes with --access-key-id", remedy="Name both.", field="access_key_id"
            )
        if self.external_id and not self.role_arn:
            raise InvalidInputError(
                "--external-id goes with --role-arn", remedy="Name the role that demands it.", field="role_arn"
            )


@contextlib.contextmanager
def opened_credential(options: CredentialOptions) -> Iterator["Credential"]:
    """The credential, whose secret is forgotten afterwards."""
    from kctui.core.aws.credentials import wipe

    credential = options.credential()
    try:
        yield credential
    finally:
        wipe(credential)


def credential_options(function: Decorated) -> Decorated:
    """--access-key-id, --secret-access-key-file, --profile, --instance-role, --role-arn, --external-id."""
    file_help = "The file that holds the secret access key; - is standard input."
    for option in (
        click.option("--external-id", metavar="TEXT", help="The external id that the role's trust policy demands."),
        click.option("--role-arn", metavar="ARN", help="A role to assume with the credential."),
        click.option("--instance-role", is_flag=True, help="Sign in with the role of this EC2 instance."),
        click.option("--profile", metavar="NAME", help="Sign in with a profile of ~/.aws."),
        click.option("--secret-access-key-file", metavar="FILE", help=file_help),
        click.option("--access-key-id", metavar="ID", help="Sign in with this access key of an IAM user."),
    ):
        function = option(function)
    return function


def credential_details(row: "CspAccountRow") -> list[tuple[str, str]]:
    """What `show` says of a credential. Never its secret."""
    from kctui.core.words import CredentialKind

    source = [("Access key id", row.access_key_id)] if row.access_key_id else [("Profile", row.profile or "")]
    if not row.access_key_id and not row.profile:
        source = [("Instance role", "of the EC2 instance that kctui runs on")]
    said = [("Credential", _KINDS[row.credential_kind.name]), *source]
    if row.credential_kind is CredentialKind.ASSUME_ROLE:
        said += [("Role", row.role_arn or ""), ("External id", row.external_id or moments.NOTHING)]
    return said


_KINDS = {
    "ACCESS_KEY": "access key",
    "PROFILE": "profile",
    "INSTANCE_ROLE": "instance role",
    "ASSUME_ROLE": "assumed role",
}
