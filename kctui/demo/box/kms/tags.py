"""Tags (AWS KMS Developer Guide, "Tags in AWS KMS")."""

import unicodedata
from collections.abc import Sequence

from kctui.demo.box.errors import AwsError
from kctui.demo.box.values import Answer, Params

from .call import KmsCall
from .paging import page
from .registry import LIVING, operation

PER_KEY = 50
_PUNCTUATION = frozenset("_.:/=+-@")


def _allowed(text: str) -> bool:
    """Tell whether text has only letters, digits, spaces and _ . : / = + - @."""
    return all(letter in _PUNCTUATION or unicodedata.category(letter)[0] in "LNZ" for letter in text)


def checked(records: Sequence[Params], present: dict[str, str]) -> dict[str, str]:
    """Return new tags by key, or raise TagException for what AWS does not take."""
    tags: dict[str, str] = {}
    for record in records:
        key, value = record.text("TagKey"), record.text("TagValue")
        if key in tags:
            raise AwsError("TagException", f"Duplicate tag keys: {key}")
        if key.lower().startswith("aws:"):
            raise AwsError("TagException", "aws: prefixed tag key names are not allowed for external use.")
        if not (_allowed(key) and _allowed(value)):
            raise AwsError("TagException", f"The tag {key} has characters that are not allowed.")
        tags[key] = value
    if len(present | tags) > PER_KEY:
        raise AwsError("TagException", f"Too many tags: a KMS key can have at most {PER_KEY}.")
    return tags


@operation("TagResource", key="KeyId", allowed=LIVING)
def tag_resource(call: KmsCall) -> None:
    """TagResource adds tags, and replaces the values of those the key has."""
    call.key.tags |= checked(call.params.records("Tags"), call.key.tags)


@operation("UntagResource", key="KeyId", allowed=LIVING)
def untag_resource(call: KmsCall) -> None:
    """UntagResource removes tags; those the key does not have are passed over."""
    for name in call.params.texts("TagKeys"):
        call.key.tags.pop(name, None)


@operation("ListResourceTags", key="KeyId")
def list_resource_tags(call: KmsCall) -> Answer:
    """ListResourceTags: up to 50 a page, 50 by default."""
    found, answer = page(call, [(name, (name, value)) for name, value in call.key.tags.items()], default=50, longest=50)
    return answer | {"Tags": [{"TagKey": name, "TagValue": value} for name, value in found]}
