"""IAM as an administrator uses it to set the service account up: a policy, a user, an access key.

Every method raises AwsRefusedError or AwsUnreachableError (see `failures`), whose remedy is the administrator's.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kctui.core.aws.access_keys import MadeKey, UserKey
from kctui.core.aws.clients import AwsSession
from kctui.core.aws.failures import AwsRefusedError, AwsUnreachableError, Refusal, effect_unknown, explained
from kctui.core.secret import Secret

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import TagTypeDef

# IAM Reference, IAM and AWS STS quotas.
MOST_VERSIONS = 5
RUN_AGAIN = "Run this again: it finds what was done, and goes on from there."


@dataclass(frozen=True)
class ManagedPolicy:
    """A customer managed policy, its default version, and how many versions there are."""

    arn: str
    default_version: str
    document: dict[str, Any]
    versions: int


@contextlib.contextmanager
def administering(action: str) -> Iterator[None]:
    """As `explained`, but what is to be done is about the administrator's profile, not about a CSP Account."""
    try:
        with explained(action):
            yield
    except (AwsRefusedError, AwsUnreachableError) as error:
        if isinstance(error, AwsRefusedError) and error.refusal is Refusal.ACCESS:
            error.remedy = (
                f"Give the administrator's profile the permission {action}, or print it all for somebody who has it: "
                "--output cli."
            )
        elif isinstance(error, AwsRefusedError) and error.refusal is Refusal.CREDENTIALS:
            error.remedy = "Check the administrator's profile: `aws sts get-caller-identity --profile NAME`."
        elif effect_unknown(error):
            error.remedy = RUN_AGAIN
        raise


class IamAdmin:
    """The IAM of an administrator's session."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def policy(self, arn: str) -> ManagedPolicy | None:
        """The policy, None where there is none. iam:GetPolicy, GetPolicyVersion, ListPolicyVersions."""
        iam = self._session.iam()
        try:
            with administering("iam:GetPolicy"):
                default = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        except AwsRefusedError as error:
            if error.refusal is not Refusal.NOT_FOUND:
                raise
            return None
        with administering("iam:GetPolicyVersion"):
            document = iam.get_policy_version(PolicyArn=arn, VersionId=default)["PolicyVersion"]["Document"]
        with administering("iam:ListPolicyVersions"):
            versions = len(iam.list_policy_versions(PolicyArn=arn)["Versions"])
        # botocore has decoded it already; where it could not, it is text.
        found = json.loads(document) if isinstance(document, str) else dict(document)
        return ManagedPolicy(arn, default, found, versions)

    def create_policy(self, name: str, document: str, description: str, tags: Mapping[str, str]) -> str:
        """Make a customer managed policy; the request id. iam:CreatePolicy, iam:TagPolicy."""
        with administering("iam:CreatePolicy"):
            answer = self._session.iam().create_policy(
                PolicyName=name, PolicyDocument=document, Description=description, Tags=_tags(tags)
            )
        return answer["ResponseMetadata"]["RequestId"]

    def update_policy(self, arn: str, document: str) -> str:
        """Make another default version of a policy; the request id. iam:CreatePolicyVersion.

        Sent once: a repeated request would make another, and AWS keeps five.
        """
        with administering("iam:CreatePolicyVersion"):
            answer = self._session.iam_once().create_policy_version(
                PolicyArn=arn, PolicyDocument=document, SetAsDefault=True
            )
        return answer["ResponseMetadata"]["RequestId"]

    def user(self, name: str) -> str | None:
        """The ARN of a user, None where there is none. iam:GetUser."""
        try:
            with administering("iam:GetUser"):
                return self._session.iam().get_user(UserName=name)["User"]["Arn"]
        except AwsRefusedError as error:
            if error.refusal is not Refusal.NOT_FOUND:
                raise
            return None

    def create_user(self, name: str, tags: Mapping[str, str]) -> str:
        """Make a user without a console password; the request id. iam:CreateUser, iam:TagUser."""
        with administering("iam:CreateUser"):
            answer = self._session.iam().create_user(UserName=name, Tags=_tags(tags))
        return answer["ResponseMetadata"]["RequestId"]

    def attached(self, user: str) -> Sequence[str]:
        """The ARNs of the policies attached to a user. iam:ListAttachedUserPolicies."""
        with administering("iam:ListAttachedUserPolicies"):
            pages = self._session.iam().get_paginator("list_attached_user_policies").paginate(UserName=user)
            return [each["PolicyArn"] for page in pages for each in page["AttachedPolicies"]]

    def attach(self, user: str, arn: str) -> str:
        """Attach a policy to a user; the request id. iam:AttachUserPolicy. Twice is as once."""
        with administering("iam:AttachUserPolicy"):
            answer = self._session.iam().attach_user_policy(UserName=user, PolicyArn=arn)
        return answer["ResponseMetadata"]["RequestId"]

    def access_keys(self, user: str) -> list[UserKey]:
        """The access keys of a user, the oldest first. iam:ListAccessKeys."""
        with administering("iam:ListAccessKeys"):
            found = self._session.iam().list_access_keys(UserName=user)["AccessKeyMetadata"]
            keys = [UserKey(key["AccessKeyId"], key["Status"] == "Active", key["CreateDate"]) for key in found]
        return sorted(keys, key=lambda key: (key.created_at, key.id))

    def last_used(self, key_id: str) -> datetime | None:
        """When an access key was last used, None where it never was. iam:GetAccessKeyLastUsed."""
        with administering("iam:GetAccessKeyLastUsed"):
            used = self._session.iam().get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"]
        return used.get("LastUsedDate")

    def create_access_key(self, user: str) -> MadeKey:
        """An access key of a user. Sent once: a repeated request would make another. iam:CreateAccessKey."""
        with administering("iam:CreateAccessKey"):
            answer = self._session.iam_once().create_access_key(UserName=user)
            made = answer["AccessKey"]
            secret = Secret(made["SecretAccessKey"])
        return MadeKey(made["AccessKeyId"], secret, answer["ResponseMetadata"]["RequestId"])

    def delete_access_key(self, user: str, key_id: str) -> str | None:
        """Delete an access key; the request id, None where it is gone. iam:DeleteAccessKey."""
        try:
            with administering("iam:DeleteAccessKey"):
                answer = self._session.iam().delete_access_key(UserName=user, AccessKeyId=key_id)
        except AwsRefusedError as error:
            if error.refusal is not Refusal.NOT_FOUND:
                raise
            return None
        return answer["ResponseMetadata"]["RequestId"]


def _tags(tags: Mapping[str, str]) -> "list[TagTypeDef]":
    return [{"Key": name, "Value": value} for name, value in sorted(tags.items())]
