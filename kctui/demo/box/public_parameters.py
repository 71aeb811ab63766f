"""SSM's public parameters about regions, read from moto's data without loading moto's SSM.

That would load all of its EC2 for seconds, only to say what a region is called (AWS Systems Manager User
Guide, "Calling AWS service public parameters").
"""

import functools
import gzip
import importlib.util
from datetime import UTC, datetime
from pathlib import Path

from .auth import Caller
from .errors import AwsError
from .protocol import parse_request, service_model, write_answer
from .values import Json, Member, parse_json
from .wire import JSON_TYPE, Response

PREFIX = "/aws/service/global-infrastructure/regions/"
_DATA = Path("ssm", "resources", "regions.json.gz")


@functools.cache
def _tree() -> Json:
    found = importlib.util.find_spec("moto")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("moto is not installed")
    return parse_json(gzip.decompress((Path(found.submodule_search_locations[0]) / _DATA).read_bytes()))


def _value(name: str) -> str | None:
    node = _tree()
    for part in name.strip("/").split("/"):
        node = node.get(part) if isinstance(node, dict) else None
    value = node.get("Value") if isinstance(node, dict) else None
    return value if isinstance(value, str) else None


def get_public_parameter(body: bytes, caller: Caller) -> Response | None:
    """Answer GetParameter for a public parameter about regions; None when it is about another."""
    model = service_model("ssm").operation_model("GetParameter")
    name = parse_request(model, body).text("Name")
    if not name.startswith(PREFIX):
        return None
    value = _value(name)
    if value is None:
        raise AwsError("ParameterNotFound", "")
    parameter: dict[str, Member] = {
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": 1,
        "LastModifiedDate": datetime(2024, 1, 1, tzinfo=UTC),
        "ARN": f"arn:{caller.principal.partition}:ssm:{caller.region}::parameter{name}",
        "DataType": "text",
    }
    return Response(200, write_answer(model, {"Parameter": parameter}), JSON_TYPE)
