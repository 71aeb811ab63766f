"""What can be done to CloudKeys. Each function checks, announces, does, and asks KMS again before it returns."""

from kctui.core.operations.requests import (
    KEEP,
    Keep,
    NewCloudKey,
    check_new_cloud_key,
    create_cloud_key,
    disable,
    enable,
    upload,
)

__all__ = [
    "KEEP",
    "Keep",
    "NewCloudKey",
    "check_new_cloud_key",
    "create_cloud_key",
    "disable",
    "enable",
    "upload",
]
