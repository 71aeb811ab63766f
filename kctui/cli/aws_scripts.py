"""The set-up of AWS for those who may not do it from here: AWS CLI commands, and a CloudFormation template."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

DESCRIPTION = "AWS BYOK with kctui policy"


def commands(
    account: str,
    region: str,
    document: Mapping[str, Any],
    policy_name: str,
    user_name: str,
    tags: Mapping[str, str],
    endpoint_url: str | None = None,
) -> str:
    """A shell script of `aws iam` commands, then `kctui account add`. The secret goes into a file of mode 0600."""
    quote = shlex.quote
    tagged = "".join(f" {quote(f'Key={name},Value={value}')}" for name, value in sorted(tags.items()))
    tag_option = f" --tags{tagged}" if tagged else ""
    endpoint = f" --endpoint-url {quote(endpoint_url)}" if endpoint_url else ""
    policy = json.dumps(document, indent=2)
    return f"""#!/bin/sh
# Makes the policy, the IAM user and its access key, with an administrator's credentials of the AWS CLI.
set -eu
umask 077
cat >policy.json <<'END-OF-POLICY'
{policy}
END-OF-POLICY
policy_arn=$(aws iam create-policy{endpoint} --policy-name {quote(policy_name)} --policy-document file://policy.json \\
    --description {quote(DESCRIPTION)}{tag_option} --query Policy.Arn --output text)
aws iam create-user{endpoint} --user-name {quote(user_name)}{tag_option} --query User.Arn --output text
aws iam attach-user-policy{endpoint} --user-name {quote(user_name)} --policy-arn "$policy_arn"
# The secret access key is shown by AWS this once: it goes into a file, and not to the screen.
aws iam create-access-key{endpoint} --user-name {quote(user_name)} \\
    --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text >access-key
cut -f1 access-key >access-key-id
cut -f2 access-key >secret-access-key
rm -f access-key
# On the bastion host, with both files; then delete them.
kctui account add {quote(account)} --access-key-id "$(cat access-key-id)" --secret-access-key-file secret-access-key \\
    --region {quote(region)}{endpoint}
rm -f access-key-id secret-access-key policy.json"""


def cloudformation(
    document: Mapping[str, Any], policy_name: str, user_name: str, tags: Mapping[str, str]
) -> dict[str, Any]:
    """A CloudFormation template of policy and user. It makes no access key: a stack would keep its secret readable."""
    listed = [{"Key": name, "Value": value} for name, value in sorted(tags.items())]
    tagged = {"Tags": listed} if listed else {}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": (
            "Policy and IAM user of kctui. Make the access key afterwards (aws iam create-access-key), not in the "
            "stack, which would keep the secret; then `kctui account add`."
        ),
        "Resources": {
            "Policy": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {
                    "ManagedPolicyName": policy_name,
                    "Description": DESCRIPTION,
                    "PolicyDocument": dict(document),
                },
            },
            "User": {
                "Type": "AWS::IAM::User",
                "Properties": {"UserName": user_name, "ManagedPolicyArns": [{"Ref": "Policy"}], **tagged},
            },
        },
        "Outputs": {
            "UserArn": {"Value": {"Fn::GetAtt": ["User", "Arn"]}},
            "PolicyArn": {"Value": {"Ref": "Policy"}},
        },
    }
