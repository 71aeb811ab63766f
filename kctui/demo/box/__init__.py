"""AWS in a box: a real endpoint on loopback that boto3 talks to unchanged.

    with Box.start() as box:
        kms = boto3.client("kms", endpoint_url=box.endpoint, region_name="us-east-1",
                           aws_access_key_id=box.root.access_key_id,
                           aws_secret_access_key=box.root.secret_access_key)

KMS is the box's own, written after AWS's documentation; IAM, STS, EC2 and SSM are moto's.
"""

from .accounts import AccessKey
from .box import DEFAULT_ACCOUNT, Box
from .calls import Call
from .clock import Clock
from .faults import Fault, FaultKind, Faults

__all__ = ["DEFAULT_ACCOUNT", "AccessKey", "Box", "Call", "Clock", "Fault", "FaultKind", "Faults"]
