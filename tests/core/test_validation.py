"""What is accepted here, AWS accepts: its own service model is asked."""

import re
import string
from collections.abc import Callable
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.errors import InvalidInputError
from kctui.core.validation import (
    check_access_key_id,
    check_cloud_key_name,
    check_description,
    check_endpoint_url,
    check_principal_arn,
    check_region,
    check_tags,
)

SHAPES: dict[str, Any] = Loader().load_service_model("kms", "service-2")["shapes"]
IAM_SHAPES: dict[str, Any] = Loader().load_service_model("iam", "service-2")["shapes"]
# The service model gives lengths alone for tags; the pattern is in the API Reference (TagKey, TagValue).
AWS_TAG_SEPARATORS = " _.:/=+-@"


def aws_accepts(shape: dict[str, Any], text: str) -> bool:
    """Whether a value fits a string shape of the service model."""
    fits = re.fullmatch(shape.get("pattern", r"[\s\S]*").strip("^$"), text) is not None
    return fits and shape["min"] <= len(text) <= shape["max"]


def refusal(check: Callable[[Any], object], value: object) -> InvalidInputError | None:
    """Why a value is refused; None when it is accepted as it is."""
    try:
        assert check(value) == value
    except InvalidInputError as error:
        return error
    return None


any_text = st.one_of(
    st.text(max_size=40),
    st.text(string.ascii_letters + string.digits + "/_-: .", max_size=40),
    st.sampled_from(["aws/key", "alias/key", "a" * 250, "a" * 251, "name\n", "", "/", "é"]),
)


@given(any_text)
def test_an_accepted_name_makes_an_alias_that_aws_accepts(name: str) -> None:
    if refused := refusal(check_cloud_key_name, name):
        assert refused.field == "name"
        return
    assert aws_accepts(SHAPES["AliasNameType"], f"alias/{name}")
    assert not name.startswith("aws/")


@pytest.mark.parametrize("name", ["a", "payroll-db", "team/app_1", "a" * 250, "A/b-C_9", "awsome", "aws"])
def test_a_good_name_is_accepted(name: str) -> None:
    assert check_cloud_key_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a" * 251, "a b", "a:b", "ä", "a.b", "a\n", "aws/ebs", "alias/x", "a\x1b", "a\u202e", "a%", "٣"]
)
def test_a_name_that_aws_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_cloud_key_name(name)
    assert refused.value.field == "name"
    assert refused.value.remedy


@given(st.one_of(st.text(max_size=60), st.just("x" * 8192), st.just("x" * 8193)))
def test_an_accepted_description_is_one_that_aws_accepts(text: str) -> None:
    if refused := refusal(check_description, text):
        assert refused.field == "description"
        return
    assert aws_accepts(SHAPES["DescriptionType"], text)
    assert text.isprintable()


@pytest.mark.parametrize("text", ["", "Aurora – Löhne", "x" * 8192])
def test_a_good_description_is_accepted(text: str) -> None:
    assert check_description(text) == text


@pytest.mark.parametrize("text", ["x" * 8193, "two\nlines", "\x1b]52;c;AAAA\x07", "a\u202eb", "\ud800"])
def test_a_bad_description_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        check_description(text)


tag_text = st.one_of(st.text(max_size=12), st.text(string.ascii_letters + AWS_TAG_SEPARATORS, max_size=12))


@given(st.dictionaries(tag_text, tag_text, max_size=4))
def test_accepted_tags_are_ones_that_aws_accepts(tags: dict[str, str]) -> None:
    if refused := refusal(check_tags, tags):
        assert refused.field == "tags"
        return
    for key, value in tags.items():
        assert aws_accepts(SHAPES["TagKeyType"], key)
        assert aws_accepts(SHAPES["TagValueType"], value)
        assert all(c.isalnum() or c in AWS_TAG_SEPARATORS for c in key + value)
        assert not key.lower().startswith(("aws:", "kctui:"))


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"team": "pay", "cost-center": "a b:c/d=e+f@g_h.i"},
        {"k" * 128: "v" * 256, "empty": ""},
        {str(n): "" for n in range(48)},
        {"Größe": "groß"},
    ],
)
def test_good_tags_are_accepted(tags: dict[str, str]) -> None:
    assert check_tags(tags) == tags


@pytest.mark.parametrize(
    "tags",
    [
        {"": "v"},
        {"k" * 129: "v"},
        {"k": "v" * 257},
        {"aws:x": "v"},
        {"AWS:x": "v"},
        {"kctui:cloud-key": "other"},
        {"k": "a\nb"},
        {"k\t": "v"},
        {"k": "v\x1b"},
        {"k": "v\u2028"},
        {"k": "v;"},
        {str(n): "" for n in range(49)},
    ],
    ids=lambda tags: repr(tags)[:30],
)
def test_tags_that_aws_would_refuse_are_refused(tags: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_tags(tags)
    assert refused.value.field == "tags"


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-central-1", "ap-southeast-7", "us-gov-west-1", "cn-northwest-1", "il-central-1"]
)
def test_a_region_is_accepted(region: str) -> None:
    assert check_region(region) == region


@pytest.mark.parametrize("region", ["", "us-east", "US-EAST-1", "us_east_1", "us-east-1\n", "us-east-1a", "us-east-١"])
def test_what_is_no_region_is_refused(region: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_region(region)
    assert refused.value.field == "region"


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")]
)
def test_a_region_belongs_to_one_partition(region: str, partition: str) -> None:
    assert check_region(region, partition) == region
    for other in {"aws", "aws-us-gov", "aws-cn"} - {partition}:
        with pytest.raises(InvalidInputError, match="is not in the partition"):
            check_region(region, other)


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:user/alice",
        "arn:aws:iam::111122223333:role/service-role/app+x=1,2.3@4_5-6",
        "arn:aws-us-gov:iam::111122223333:role/app",
        "arn:aws-cn:iam::111122223333:user/division/bob",
        "arn:aws:sts::111122223333:assumed-role/app/session",
    ],
)
def test_a_principals_arn_is_accepted(arn: str) -> None:
    assert check_principal_arn(arn) == arn


@pytest.mark.parametrize(
    "arn",
    [
        "",
        "*",
        "alice",
        "arn:aws:iam::11112222333:user/alice",
        "arn:aws:iam::111122223333:user/",
        "arn:aws:iam::111122223333:group/admins",
        "arn:aws:iam::111122223333:user/a b",
        "arn:aws:iam::111122223333:user/alice\n",
        "arn:aws:iam::111122223333:role/*",
        "arn:aws:kms:us-east-1:111122223333:key/x",
        "arn:aws:iam::١١١١٢٢٢٢٣٣٣٣:root",
        "arn:aws:iam::111122223333:user/ä",
        'arn:aws:iam::111122223333:role/x","Resource":"*',
    ],
)
def test_what_is_no_principal_is_refused(arn: str) -> None:
    with pytest.raises(InvalidInputError):
        check_principal_arn(arn)


@given(st.one_of(st.text(max_size=30), st.text(string.ascii_uppercase + string.digits, max_size=140)))
def test_an_accepted_access_key_id_is_one_that_aws_accepts(text: str) -> None:
    assert refusal(check_access_key_id, text) or aws_accepts(IAM_SHAPES["accessKeyIdType"], text)


def test_awss_own_example_of_an_access_key_id_is_accepted() -> None:
    assert check_access_key_id("AKIAIOSFODNN7EXAMPLE") == "AKIAIOSFODNN7EXAMPLE"


@pytest.mark.parametrize("text", ["", "AKIA", "akiaiosfodnn7example", "AKIAIOSFODNN7EXAMPLE\n", "AKIA IOSFODNN7"])
def test_what_is_no_access_key_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        check_access_key_id(text)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        (None, None),
        ("", None),
        ("https://kms.eu-central-1.amazonaws.com", "https://kms.eu-central-1.amazonaws.com"),
        ("https://vpce-0f1.kms.us-east-1.vpce.amazonaws.com:443/", "https://vpce-0f1.kms.us-east-1.vpce.amazonaws.com:443"),
        ("http://127.0.0.1:4566", "http://127.0.0.1:4566"),
        ("http://localhost:4566", "http://localhost:4566"),
        ("http://[::1]:4566", "http://[::1]:4566"),
    ],
)  # fmt: skip
def test_an_endpoint_is_accepted(url: str | None, taken: str | None) -> None:
    assert check_endpoint_url(url) == taken


@pytest.mark.parametrize(
    "url",
    [
        "kms.amazonaws.com",
        "http://kms.amazonaws.com",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "https://",
        "https://[::1",
        "https://host:0",
        "https://host:99999",
        "https://host:port",
        "https://user@host",
        "https://user:secret@host",
        "https://:secret@host",
        "https://host/path",
        "https://host?query",
        "https://host#fragment",
        "https://ho st",
        "https://host\n",
        "https://host\\@elsewhere",
        "https://h\u00f6st\u202e",
    ],
)
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_endpoint_url(url)
    assert refused.value.field == "endpoint_url"
    assert "secret" not in str(refused.value) + refused.value.detail


@given(st.text(max_size=30))
def test_any_endpoint_is_accepted_or_refused_in_words(text: str) -> None:
    url = "https://" + text.rstrip("/")
    refused = refusal(check_endpoint_url, url)
    assert refused is None or refused.field == "endpoint_url"
