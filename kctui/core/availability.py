"""Which action a CloudKey's state allows, and if not, why: the state table of KMS, once for every front end.

Source: AWS KMS Developer Guide, Key states of AWS KMS keys.
"""

from enum import StrEnum
from typing import Protocol

from kctui.core.words import CloudStatus, KeySource, OperationKind


class KeyAction(StrEnum):
    """What can be done to a CloudKey."""

    UPLOAD = "Upload to Cloud"
    ENABLE = "Enable CloudKey"
    DISABLE = "Disable CloudKey"
    REMOVE = "Remove from Cloud"
    DELETE = "Delete CloudKey"
    CANCEL_DELETION = "Cancel Deletion"
    ROTATE = "Rotate Now"
    EDIT = "Edit CloudKey"
    CHANGE_EXPIRATION = "Change Expiration"


class KeyState(Protocol):
    """What the decision looks at."""

    @property
    def cloud_status(self) -> CloudStatus: ...  # noqa: D102
    @property
    def key_source(self) -> KeySource: ...  # noqa: D102
    @property
    def kms_key_id(self) -> str | None: ...  # noqa: D102
    @property
    def busy(self) -> OperationKind | None: ...  # noqa: D102


_WAITS = "the key is waiting for its deletion"
_DOES_NOT_WAIT = "the key is not waiting for a deletion"
_BY_STATUS = {
    KeyAction.UPLOAD: {
        CloudStatus.AVAILABLE: "the material is already there",
        CloudStatus.DISABLED: "the material is already there; the key is disabled",
        CloudStatus.PENDING_DELETE: _WAITS,
    },
    KeyAction.ENABLE: {
        CloudStatus.AVAILABLE: "the key is enabled already",
        CloudStatus.NOT_AVAILABLE: "there is no material in the cloud: upload it",
        CloudStatus.PENDING_DELETE: _WAITS,
    },
    KeyAction.DISABLE: {
        CloudStatus.DISABLED: "the key is disabled already",
        CloudStatus.NOT_AVAILABLE: "there is no material in the cloud",
        CloudStatus.PENDING_DELETE: _WAITS,
    },
    KeyAction.REMOVE: {
        CloudStatus.NOT_AVAILABLE: "the material is not in the cloud",
        CloudStatus.PENDING_DELETE: _WAITS,
    },
    KeyAction.DELETE: {CloudStatus.PENDING_DELETE: "the key is waiting for its deletion already"},
    KeyAction.CANCEL_DELETION: {
        CloudStatus.AVAILABLE: _DOES_NOT_WAIT,
        CloudStatus.DISABLED: _DOES_NOT_WAIT,
        CloudStatus.NOT_AVAILABLE: _DOES_NOT_WAIT,
    },
    KeyAction.ROTATE: {
        CloudStatus.DISABLED: "the key is disabled: enable it first",
        CloudStatus.NOT_AVAILABLE: "there is no material in the cloud: upload it first",
        CloudStatus.PENDING_DELETE: _WAITS,
    },
    KeyAction.EDIT: {CloudStatus.PENDING_DELETE: _WAITS},
    KeyAction.CHANGE_EXPIRATION: {
        CloudStatus.DISABLED: "the key is disabled, and importing would enable it: enable it first",
        CloudStatus.NOT_AVAILABLE: "there is no material in the cloud: upload it with the expiration it shall have",
        CloudStatus.PENDING_DELETE: _WAITS,
    },
}
_WITHOUT_A_COPY = {
    KeyAction.UPLOAD: "kctui did not make the material: there is no copy to upload",
    KeyAction.REMOVE: "kctui did not make the material: it could not be put back",
    KeyAction.CHANGE_EXPIRATION: "kctui did not make the material: there is no copy to import again",
    KeyAction.ROTATE: "kctui did not make the material: rotate it in AWS",
}
_BY_ANY_ACTION = {
    CloudStatus.DELETED: "KMS no longer has this key",
    CloudStatus.UPDATING: "KMS is changing the key",
    CloudStatus.UNKNOWN: "its status is not known: refresh",
}


def why_not(action: KeyAction, key: KeyState) -> str | None:
    """None when the action is possible; else the reason, to be read after the action's name and a colon."""
    if key.busy is not None:
        return f"{key.busy.value} is under way"
    if key.kms_key_id is None:
        return "the key was never made in KMS"
    if key.cloud_status in _BY_ANY_ACTION:
        return _BY_ANY_ACTION[key.cloud_status]
    if key.key_source is KeySource.AWS and action in _WITHOUT_A_COPY:
        return _WITHOUT_A_COPY[action]
    return _BY_STATUS[action].get(key.cloud_status)
