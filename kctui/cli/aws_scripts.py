"""The set-up of AWS for those who may not do it from here: AWS CLI commands, and a CloudFormation template."""

import json
import re
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kctui.core.aws_setup import Setup

DESCRIPTION = "AWS BYOK with kctui policy"


_SCRIPT = """#!/bin/sh
# Makes the policy, the IAM user and its access key with an administrator's credentials of the AWS CLI, and the CSP
# Account from it. Run it where kctui is.
set -eu
umask 077
command -v kctui >/dev/null || { echo "kctui is not on this host: run this where it is." >&2; exit 1; }
folder=$(mktemp -d)
clean_up() {
    # An access key that no CSP Account was made of: its secret goes with the folder.
    if [ -s "$folder/access-key" ]; then
        key_id=$(cut -f1 "$folder/access-key")
        aws iam delete-access-key@WHERE@ --user-name @USER@ --access-key-id "$key_id" ||
            echo "The access key $key_id stays, without its secret: delete it." >&2
    fi
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM
cat >"$folder/policy.json" <<'END-OF-POLICY'
@POLICY@
END-OF-POLICY
policy_arn=$(aws iam create-policy@WHERE@ --policy-name @POLICY_NAME@ \\
    --policy-document "file://$folder/policy.json" --description @DESCRIPTION@@TAGS@ --query Policy.Arn --output text)
aws iam create-user@WHERE@ --user-name @USER@@TAGS@ --query User.Arn --output text
aws iam attach-user-policy@WHERE@ --user-name @USER@ --policy-arn "$policy_arn"
# The secret access key is shown by AWS this once: it goes into a file of the folder, and not to the screen.
aws iam create-access-key@WHERE@ --user-name @USER@ \\
    --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text >"$folder/access-key"
key_id=$(cut -f1 "$folder/access-key")
cut -f2 "$folder/access-key" >"$folder/secret"
printf '[new]\\naws_access_key_id = %s\\naws_secret_access_key = %s\\n' "$key_id" "$(cat "$folder/secret")" \\
    >"$folder/credentials"
# A new access key takes some seconds to be known everywhere.
tries=30
until AWS_SHARED_CREDENTIALS_FILE="$folder/credentials" aws sts get-caller-identity@WHERE@ --profile new \\
    >/dev/null 2>"$folder/answer"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { cat "$folder/answer" >&2; exit 1; }
    sleep 2
done
kctui account add @ACCOUNT@ --access-key-id "$key_id" --secret-access-key-file "$folder/secret" \\
    --region @REGION@@ENDPOINT@@OPTIONS@
rm "$folder/access-key"
"""


def commands(setup: "Setup") -> str:
    """A shell script of `aws iam` commands, then `kctui account add`. The secret is in a folder that goes with it."""
    quote = shlex.quote
    tags = json.dumps(_listed(setup.tags))
    endpoint = f" --endpoint-url {quote(setup.endpoint_url)}" if setup.endpoint_url else ""
    options = {"--description": setup.description, "--group": setup.group}
    values = {
        "ACCOUNT": quote(setup.account),
        "DESCRIPTION": quote(DESCRIPTION),
        "ENDPOINT": endpoint,
        "OPTIONS": "".join(f" {name} {quote(value)}" for name, value in options.items() if value),
        "POLICY": json.dumps(setup.document, indent=2),
        "POLICY_NAME": quote(setup.policy_name),
        "REGION": quote(setup.region),
        "TAGS": f" --tags {quote(tags)}" if setup.tags else "",
        "USER": quote(setup.user_name),
        # The region tells the partition, too.
        "WHERE": f" --region {quote(setup.region)}{endpoint}",
    }
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], _SCRIPT).rstrip()


def cloudformation(
    document: Mapping[str, Any], policy_name: str, user_name: str, tags: Mapping[str, str]
) -> dict[str, Any]:
    """A CloudFormation template of policy and user. It makes no access key: a stack would keep its secret readable."""
    tagged = {"Tags": _listed(tags)} if tags else {}
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


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in sorted(tags.items())]
