"""What can be done to CloudKeys. Each function checks, announces, does, and asks KMS again before it returns."""

from kctui.core.operations.access import PolicyState, Standing, account_principals, adopt_policy, policy_state
from kctui.core.operations.acting import (
    cancel_deletion,
    confirmation,
    delete,
    disable,
    edit_cloud_key,
    enable,
    remove_from_cloud,
    rotate,
    upload,
)
from kctui.core.operations.edits import Change, CloudKeyEdit, EditPlan, plan_edit
from kctui.core.operations.keep import KEEP, Keep
from kctui.core.operations.requests import NewCloudKey, check_new_cloud_key, create_cloud_key, refused_specs

__all__ = [
    "KEEP",
    "Change",
    "CloudKeyEdit",
    "EditPlan",
    "Keep",
    "NewCloudKey",
    "PolicyState",
    "Standing",
    "account_principals",
    "adopt_policy",
    "cancel_deletion",
    "check_new_cloud_key",
    "confirmation",
    "create_cloud_key",
    "delete",
    "disable",
    "edit_cloud_key",
    "enable",
    "plan_edit",
    "policy_state",
    "refused_specs",
    "remove_from_cloud",
    "rotate",
    "upload",
]
