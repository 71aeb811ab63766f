"""What can be done to CloudKeys. Each function checks, announces, does, and asks KMS again before it returns."""

from kctui.core.operations.acting import (
    KEEP,
    Keep,
    cancel_deletion,
    confirmation,
    delete,
    disable,
    enable,
    remove_from_cloud,
    rotate,
    upload,
)
from kctui.core.operations.requests import NewCloudKey, check_new_cloud_key, create_cloud_key

__all__ = [
    "KEEP",
    "Keep",
    "NewCloudKey",
    "cancel_deletion",
    "check_new_cloud_key",
    "confirmation",
    "create_cloud_key",
    "delete",
    "disable",
    "enable",
    "remove_from_cloud",
    "rotate",
    "upload",
]
