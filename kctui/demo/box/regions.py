"""DescribeRegions, answered here because moto knows neither partitions nor AllRegions.

After the Amazon EC2 API Reference, DescribeRegions: without AllRegions only the regions that are enabled for
the account. No account of the box has opted in to a region.
"""

import functools
from collections.abc import Mapping

from botocore.loaders import Loader
from botocore.regions import EndpointResolver

from .conditions import like
from .errors import AwsError
from .wire import XML_TYPE, Response, element

# The regions that every account has without opting in (AWS Account Management, "Enable or disable Regions").
_BY_DEFAULT = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


@functools.cache
def _regions(partition: str) -> tuple[str, ...]:
    resolver = EndpointResolver(Loader().load_data("endpoints"))
    return tuple(sorted(resolver.get_available_endpoints("ec2", partition)))


def describe_regions(form: Mapping[str, str], partition: str, request_id: str) -> Response:
    """Answer DescribeRegions for the partition the request was signed in."""
    if form.get("DryRun") == "true":
        raise AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
    named = _numbered(form, "RegionName")
    known = _regions(partition)
    for name in named:
        if name not in known:
            raise AwsError("InvalidParameterValue", f"Invalid region provided: {name}")
    suffix = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    shown = [
        fields
        for name in known
        if name in named or not named
        for fields in [_fields(name, partition, suffix)]
        if (named or form.get("AllRegions") == "true" or fields["opt-in-status"] != "not-opted-in")
        and _passes(form, fields)
    ]
    items = "".join(
        "<item>"
        + element("regionName", fields["region-name"])
        + element("regionEndpoint", fields["endpoint"])
        + element("optInStatus", fields["opt-in-status"])
        + "</item>"
        for fields in shown
    )
    body = (
        f'<DescribeRegionsResponse xmlns="{_NAMESPACE}"><requestId>{request_id}</requestId>'
        f"<regionInfo>{items}</regionInfo></DescribeRegionsResponse>"
    )
    return Response(200, body.encode(), XML_TYPE)


def _fields(name: str, partition: str, suffix: str) -> dict[str, str]:
    free = partition != "aws" or name in _BY_DEFAULT
    return {
        "region-name": name,
        "endpoint": f"ec2.{name}.{suffix}",
        "opt-in-status": "opt-in-not-required" if free else "not-opted-in",
    }


def _numbered(form: Mapping[str, str], name: str) -> list[str]:
    values: list[str] = []
    while (value := form.get(f"{name}.{len(values) + 1}")) is not None:
        values.append(value)
    return values


def _passes(form: Mapping[str, str], fields: Mapping[str, str]) -> bool:
    number = 1
    while (name := form.get(f"Filter.{number}.Name")) is not None:
        if name not in fields:
            raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
        if not any(like(wanted, fields[name]) for wanted in _numbered(form, f"Filter.{number}.Value")):
            return False
        number += 1
    return True
