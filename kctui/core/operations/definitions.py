"""Which definition carries out which kind of operation: the one place that recovery and requests both ask."""

from kctui.core.operations.create import CreateCloudKey
from kctui.core.operations.credentials import RotateCredentials
from kctui.core.operations.deletion import CancelDeletion, Delete
from kctui.core.operations.editing import EditCloudKey
from kctui.core.operations.material import Remove, Upload
from kctui.core.operations.new_key import RotateByNewKey
from kctui.core.operations.rotation import RotateInPlace
from kctui.core.operations.runner import Definition
from kctui.core.operations.switching import Disable, Enable
from kctui.core.words import OperationKind

DEFINITIONS: dict[OperationKind, Definition] = {
    OperationKind.CREATE: CreateCloudKey(),
    OperationKind.UPLOAD: Upload(),
    OperationKind.ENABLE: Enable(),
    OperationKind.DISABLE: Disable(),
    OperationKind.REMOVE: Remove(),
    OperationKind.DELETE: Delete(),
    OperationKind.CANCEL_DELETION: CancelDeletion(),
    OperationKind.ROTATE: RotateInPlace(),
    OperationKind.ROTATE_BY_NEW_KEY: RotateByNewKey(),
    OperationKind.EDIT: EditCloudKey(),
    OperationKind.ROTATE_CREDENTIALS: RotateCredentials(),
}
