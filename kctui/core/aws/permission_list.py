"""Every IAM permission that kctui uses, and why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Permission:
    """An IAM action and what it is for. optional: kctui works without it, and says what is missing."""

    action: str
    reason: str
    optional: bool = False


PERMISSIONS = (
    Permission("kms:CreateKey", "Create CloudKey, and Rotate Now by a new KMS key"),
    Permission("kms:PutKeyPolicy", "CreateKey with a key policy asks for it; Edit CloudKey: administrators and users"),
    Permission("kms:TagResource", "tag a key at birth, so that it can be found again; Edit CloudKey"),
    Permission("kms:UntagResource", "Edit CloudKey: tags"),
    Permission("kms:UpdateKeyDescription", "Edit CloudKey: the description"),
    Permission("kms:CreateAlias", "name a CloudKey"),
    Permission("kms:UpdateAlias", "Rotate Now by a new KMS key"),
    Permission("kms:DeleteAlias", "undo a creation that failed"),
    Permission("kms:GetParametersForImport", "Create CloudKey, Upload to Cloud, Rotate Now"),
    Permission("kms:ImportKeyMaterial", "Create CloudKey, Upload to Cloud, Rotate Now"),
    Permission("kms:DeleteImportedKeyMaterial", "Remove from Cloud"),
    Permission("kms:RotateKeyOnDemand", "Rotate Now in place"),
    Permission("kms:ListKeyRotations", "Rotate Now in place, and the state of each version"),
    Permission("kms:EnableKey", "Enable CloudKey"),
    Permission("kms:DisableKey", "Disable CloudKey"),
    Permission("kms:ScheduleKeyDeletion", "Delete CloudKey, and undo a creation that failed"),
    Permission("kms:CancelKeyDeletion", "Cancel Deletion"),
    Permission("kms:DescribeKey", "Cloud Status"),
    Permission("kms:GetKeyPolicy", "Edit CloudKey, Import CloudKey, a new KMS key's policy, and what would break"),
    Permission("kms:ListResourceTags", "find a key again whose creation was interrupted; Import and Edit CloudKey"),
    Permission("kms:ListKeys", "Cloud Status, finding keys again, and Import CloudKey"),
    Permission("kms:ListAliases", "Cloud Status, and free names"),
    Permission("kms:GetKeyLastUsage", "what would break: when a key was last used", optional=True),
    Permission("kms:ListGrants", "what would break: who was given the use of a key", optional=True),
    Permission("ec2:DescribeRegions", "the list of regions"),
    Permission("ssm:GetParameter", "the long names of regions", optional=True),
    Permission("iam:GetUser", "whose access key this is", optional=True),
    Permission("iam:ListUsers", "choose administrators and users of a key", optional=True),
    Permission("iam:ListRoles", "choose administrators and users of a key", optional=True),
    Permission(
        "iam:ListAccessKeys", "Rotate Credentials, and the access keys of the account's own user", optional=True
    ),
    Permission("iam:CreateAccessKey", "Rotate Credentials", optional=True),
    Permission("iam:UpdateAccessKey", "Rotate Credentials", optional=True),
    Permission("iam:DeleteAccessKey", "Rotate Credentials", optional=True),
    Permission("iam:GetAccessKeyLastUsed", "Rotate Credentials: what else uses the access key", optional=True),
)
