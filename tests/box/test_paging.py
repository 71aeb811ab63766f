"""Pages by Limit and Marker (AWS KMS API Reference, ListKeys, ListAliases, ListResourceTags, …)."""

from collections.abc import Iterator

import pytest
from types_boto3_kms import KMSClient

from kctui.demo.box import Box

from .support import call, make_key, refused, root

ALIASES = 53
PREDEFINED = 4


@pytest.fixture(scope="module")
def full_kms() -> Iterator[KMSClient]:
    """A region with 103 keys, 53 aliases of which no key has more than 50, and a key with 50 tags."""
    with Box.start() as box:
        kms = root(box).kms
        keys = [make_key(kms, Origin="AWS_KMS") for _ in range(103)]
        for n in range(ALIASES):
            kms.create_alias(AliasName=f"alias/a{n:03}", TargetKeyId=keys[n % 2])
        kms.create_alias(AliasName="alias/tagged", TargetKeyId=keys[-1])
        kms.tag_resource(KeyId=keys[-1], Tags=[{"TagKey": f"t{n:02}", "TagValue": str(n)} for n in range(50)])
        yield kms
        kms.close()


@pytest.mark.parametrize(
    ("operation", "member", "expected"),
    [("ListKeys", "Keys", 100), ("ListAliases", "Aliases", 50)],
)
def test_the_default_page(full_kms: KMSClient, operation: str, member: str, expected: int) -> None:
    answer = call(full_kms, operation)
    assert (len(answer[member]), answer["Truncated"]) == (expected, True)


@pytest.mark.parametrize(("operation", "longest"), [("ListKeys", 1000), ("ListAliases", 100)])
def test_the_longest_page(full_kms: KMSClient, operation: str, longest: int) -> None:
    assert call(full_kms, operation, Limit=longest)["Truncated"] is False
    with refused("ValidationException"):
        call(full_kms, operation, Limit=longest + 1)


def test_tags_come_50_a_page(full_kms: KMSClient) -> None:
    key_id = full_kms.describe_key(KeyId="alias/tagged")["KeyMetadata"]["KeyId"]
    assert len(full_kms.list_resource_tags(KeyId=key_id)["Tags"]) == 50
    with refused("ValidationException"):
        full_kms.list_resource_tags(KeyId=key_id, Limit=51)


@pytest.mark.parametrize("limit", [1, 7, 50, 100])
def test_markers_lead_through_every_alias_once(full_kms: KMSClient, limit: int) -> None:
    pages = full_kms.get_paginator("list_aliases").paginate(PaginationConfig={"PageSize": limit})
    names = [alias["AliasName"] for each in pages for alias in each["Aliases"]]
    assert len(names) == len(set(names)) == ALIASES + PREDEFINED + 1


def test_markers_lead_through_every_key_once(full_kms: KMSClient) -> None:
    pages = full_kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 10})
    ids = [key["KeyId"] for each in pages for key in each["Keys"]]
    assert len(ids) == len(set(ids)) == 103


def test_aliases_of_one_key(full_kms: KMSClient) -> None:
    key_id = full_kms.describe_key(KeyId="alias/a001")["KeyMetadata"]["KeyId"]
    listed = full_kms.list_aliases(KeyId=key_id)["Aliases"]
    assert {alias["TargetKeyId"] for alias in listed} == {key_id}
    assert len(listed) == 26


def test_predefined_aliases_have_no_key(full_kms: KMSClient) -> None:
    listed = full_kms.list_aliases(Limit=100)["Aliases"]
    assert {a["AliasName"][:10] for a in listed if "TargetKeyId" not in a} == {"alias/aws/"}


@pytest.mark.parametrize("operation", ["ListKeys", "ListAliases"])
@pytest.mark.parametrize("marker", ["nonsense", "bm9uc2Vuc2U=", "*"])
def test_bad_markers_are_refused(full_kms: KMSClient, operation: str, marker: str) -> None:
    with refused("InvalidMarkerException"):
        call(full_kms, operation, Marker=marker)


def test_a_marker_of_another_operation_is_refused(full_kms: KMSClient) -> None:
    marker = full_kms.list_keys(Limit=1)["NextMarker"]
    with refused("InvalidMarkerException"):
        full_kms.list_aliases(Marker=marker)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_has_at_least_one_item(full_kms: KMSClient, limit: int) -> None:
    with refused("ValidationException"):
        full_kms.list_keys(Limit=limit)


def test_rotations_are_paged(kms: KMSClient) -> None:
    key_id = make_key(kms, Origin="AWS_KMS")
    for _ in range(3):
        kms.rotate_key_on_demand(KeyId=key_id)
    pages = kms.get_paginator("list_key_rotations").paginate(KeyId=key_id, PaginationConfig={"PageSize": 2})
    assert [len(each["Rotations"]) for each in pages] == [2, 1]
