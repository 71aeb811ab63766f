"""Which definition carries out which kind of operation: the one place that recovery and requests both ask."""

from kctui.core.operations.create import CreateCloudKey
from kctui.core.operations.runner import Definition
from kctui.core.operations.switching import Disable, Enable, Upload
from kctui.core.words import OperationKind

DEFINITIONS: dict[OperationKind, Definition] = {
    OperationKind.CREATE: CreateCloudKey(),
    OperationKind.UPLOAD: Upload(),
    OperationKind.ENABLE: Enable(),
    OperationKind.DISABLE: Disable(),
}
