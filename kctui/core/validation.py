"""What AWS would refuse is refused here, before the call, saying what is allowed.

Sources: AWS KMS API Reference (CreateAlias, CreateKey, Tag, ImportKeyMaterial), IAM Reference (ARNs, access keys).
Every function raises InvalidInputError, which names the field, and gives the checked value.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

from kctui.core.clock import now as present
from kctui.core.errors import InvalidInputError
from kctui.core.words import KeySpec, KeyUsage

LONGEST_NAME = 250
LONGEST_DESCRIPTION = 8192
LONGEST_EXPIRY = timedelta(days=365)
MOST_ROTATION_DAYS = 3650
MOST_TAGS = 50
OWN_TAG_PREFIX = "kctui:"
_OWN_TAGS = 2
_LONGEST_TAG_KEY = 128
_LONGEST_TAG_VALUE = 256
_REGION_PARTITIONS = {"us-gov-": "aws-us-gov", "cn-": "aws-cn"}

_CLOUD_KEY_NAME = re.compile(r"[a-zA-Z0-9/_-]+\Z")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}\Z")
_PRINCIPAL = re.compile(
    r"arn:(aws|aws-us-gov|aws-cn):iam::([0-9]{12}):(root|(user|role)/[\w+=,.@/-]{1,576})\Z", re.ASCII
)
_ASSUMED_ROLE = re.compile(
    r"arn:(aws|aws-us-gov|aws-cn):sts::[0-9]{12}:assumed-role/[\w+=,.@-]+/[\w+=,.@-]+\Z", re.ASCII
)
_ACCESS_KEY_ID = re.compile(r"[A-Z0-9]{16,128}\Z")
_ROLE = re.compile(r"arn:(aws|aws-us-gov|aws-cn):iam::([0-9]{12}):role/[\w+=,.@/-]{1,576}\Z", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}\Z", re.ASCII)
_LONGEST_PROFILE = 128
_TAG_TEXT = re.compile(r"[\w .:/=+\-@]*\Z")
_ENDPOINT = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?/?\Z", re.ASCII | re.IGNORECASE)
_THIS_MACHINE = {"127.0.0.1", "localhost", "[::1]"}
_LAST_PORT = 65535
_DAYS = re.compile(r"([0-9]{1,5})d?\Z")


def check_cloud_key_name(name: str) -> str:
    """A CloudKey's name, which becomes alias/<name>: letters, digits, / _ -, at most 250."""
    if not _CLOUD_KEY_NAME.match(name) or len(name) > LONGEST_NAME:
        raise InvalidInputError(
            f"{name!r} cannot be a CloudKey name",
            remedy=f"Use 1 to {LONGEST_NAME} letters, digits, '/', '_' and '-': it becomes the alias alias/NAME.",
            field="name",
        )
    if name.startswith(("aws/", "alias/")):
        raise InvalidInputError(
            f"A CloudKey name cannot begin with {name.partition('/')[0]}/",
            remedy="alias/aws/ belongs to AWS, and alias/ is put in front of the name by itself.",
            field="name",
        )
    return name


def check_description(text: str) -> str:
    """A description: printable, at most 8192 characters."""
    if len(text) > LONGEST_DESCRIPTION or not text.isprintable():
        raise InvalidInputError(
            "The description cannot be used",
            remedy=f"Use at most {LONGEST_DESCRIPTION} printable characters on one line.",
            field="description",
        )
    return text


def check_key_usage(spec: KeySpec, usage: KeyUsage | None) -> KeyUsage:
    """What a key of a spec of `MADE_SPECS` is for; None is the first of its usages (see `KeySpec.usages`)."""
    if usage is None:
        return spec.usages[0]
    if usage not in spec.usages:
        raise InvalidInputError(
            f"A key of {spec.value} cannot be for {usage.value}",
            remedy=f"It can be for {' or '.join(each.value for each in spec.usages)}.",
            field="key_usage",
        )
    return usage


def check_region(region: str, partition: str | None = None) -> str:
    """The form of a region name, and that it belongs to the partition."""
    if not _REGION.match(region):
        raise InvalidInputError(
            f"{region!r} is not a region name", remedy="Regions look like us-east-1.", field="region"
        )
    if partition is not None and partition_of(region) != partition:
        raise InvalidInputError(
            f"{region} is not in the partition {partition} of this account",
            remedy=f"Choose a region of {partition}.",
            field="region",
        )
    return region


def partition_of(region: str) -> str:
    """The partition that a region's name says."""
    for prefix, partition in _REGION_PARTITIONS.items():
        if region.startswith(prefix):
            return partition
    return "aws"


def check_principal_arn(arn: str) -> str:
    """The ARN of an IAM user, role or account root, or of an assumed role, as a key policy takes it."""
    if not (_PRINCIPAL.match(arn) or _ASSUMED_ROLE.match(arn)):
        raise InvalidInputError(
            f"{arn!r} is not the ARN of a user or role",
            remedy="It looks like arn:aws:iam::111122223333:user/alice or arn:aws:iam::111122223333:role/app.",
            field="arn",
        )
    return arn


def check_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """An administrator's own tags: at most 48, beside the two of kctui."""
    return _check_tags(tags, MOST_TAGS - _OWN_TAGS, ("aws:", OWN_TAG_PREFIX))


def check_iam_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of an IAM policy or user: at most 50. IAM takes keys that differ by case alone for the same."""
    folded = {key.lower() for key in tags}
    if len(folded) < len(tags):
        raise InvalidInputError(
            "Two tags have the same key",
            remedy="IAM takes capital and small letters of a key for the same.",
            field="tags",
        )
    return _check_tags(tags, MOST_TAGS, ("aws:",))


def _check_tags(tags: Mapping[str, str], most: int, reserved: tuple[str, ...]) -> dict[str, str]:
    allowed = f"At most {most} tags; keys to {_LONGEST_TAG_KEY}, values to {_LONGEST_TAG_VALUE} characters: "
    remedy = f"{allowed}letters, digits, spaces and . : / = + - @ _; not {' or '.join(reserved)} in front."
    if len(tags) > most:
        raise InvalidInputError("There are too many tags", remedy=remedy, field="tags")
    for key, value in tags.items():
        if (
            not 1 <= len(key) <= _LONGEST_TAG_KEY
            or len(value) > _LONGEST_TAG_VALUE
            or not _TAG_TEXT.match(key)
            or not _TAG_TEXT.match(value)
            or key.lower().startswith(reserved)
        ):
            raise InvalidInputError(f"The tag {key!r} cannot be used", remedy=remedy, field="tags")
    return dict(tags)


def check_access_key_id(text: str) -> str:
    """An access key id: 16 to 128 capital letters and digits."""
    if not _ACCESS_KEY_ID.match(text):
        raise InvalidInputError(
            "That is not an access key id",
            remedy="It has 16 to 128 capital letters and digits, such as AKIAIOSFODNN7EXAMPLE.",
            field="access_key_id",
        )
    return text


def check_profile(name: str) -> str:
    """The name of a profile of the AWS configuration."""
    if not name or len(name) > _LONGEST_PROFILE or name != name.strip() or not name.isprintable() or "]" in name:
        raise InvalidInputError(
            f"{name!r} cannot be the name of an AWS profile",
            remedy="Name a profile of ~/.aws/config or ~/.aws/credentials: `aws configure list-profiles`.",
            field="profile",
        )
    return name


def check_role_arn(arn: str) -> str:
    """The ARN of a role that is to be assumed."""
    if not _ROLE.match(arn):
        raise InvalidInputError(
            f"{arn!r} is not the ARN of a role",
            remedy="It looks like arn:aws:iam::111122223333:role/kctui.",
            field="role_arn",
        )
    return arn


def check_external_id(text: str | None) -> str | None:
    """The external id that a role's trust policy demands (AWS STS API Reference, AssumeRole); none for ""."""
    if not text:
        return None
    if not _EXTERNAL_ID.match(text):
        raise InvalidInputError(
            "That is not an external id",
            remedy="It has 2 to 1224 letters, digits and + = , . @ : / _ -.",
            field="external_id",
        )
    return text


def check_endpoint_url(url: str | None) -> str | None:
    """An endpoint: https://, or http:// on this machine only, since it would carry key material's names openly."""
    if not url:
        return None
    match = _ENDPOINT.match(url)
    if (
        not match
        or not 0 < int(match[3] or 443) <= _LAST_PORT
        or (match[1].lower() == "http" and match[2].lower() not in _THIS_MACHINE)
    ):
        raise InvalidInputError(
            "That is not an endpoint URL",
            remedy="Use https://HOST[:PORT] (plain http:// is accepted for this machine only), without a path.",
            field="endpoint_url",
        )
    return url.rstrip("/")


def parse_rotation(text: str) -> int | None:
    """A rotation schedule: never, or a number of days such as 30d."""
    if text.strip().lower() == "never":
        return None
    match = _DAYS.match(text.strip().lower())
    if not match or not 1 <= int(match[1]) <= MOST_ROTATION_DAYS:
        raise InvalidInputError(
            f"{text!r} is not a rotation schedule",
            remedy=f"Use never, 30d, 180d, 365d, or any number of days from 1d to {MOST_ROTATION_DAYS}d.",
            field="rotation_schedule",
        )
    return int(match[1])


def check_rotation_days(days: int | None) -> int | None:
    """A rotation schedule in days; None is Never."""
    if days is not None and not 1 <= days <= MOST_ROTATION_DAYS:
        raise InvalidInputError(
            "That is not a rotation schedule",
            remedy=f"Use never, or 1 to {MOST_ROTATION_DAYS} days.",
            field="rotation_schedule",
        )
    return days


def rotation_text(days: int | None) -> str:
    """A rotation schedule in words."""
    if days is None:
        return "Never"
    return "every day" if days == 1 else f"every {days} days"


def parse_expiry(text: str, now: datetime | None = None) -> datetime | None:
    """When the key material expires: never, a date (its end, UTC) or an RFC 3339 moment, at most 365 days ahead."""
    stripped = text.strip()
    if stripped.lower() in {"never", ""}:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", stripped):
            moment = datetime.combine(date.fromisoformat(stripped), time(23, 59, 59), tzinfo=UTC)
        else:
            moment = datetime.fromisoformat(stripped)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInputError(
            f"{text!r} is not an expiration date",
            remedy="Use never, a date such as 2027-03-01 (UTC), or 2027-03-01T12:00:00Z.",
            field="expires",
        )
    return check_expiry(moment, now)


def check_expiry(moment: datetime | None, now: datetime | None = None) -> datetime | None:
    """AWS takes an expiration in the future and at most 365 days ahead (ImportKeyMaterial, ValidTo)."""
    if moment is None:
        return None
    at = now or present()
    if moment.tzinfo is None or not at < moment <= at + LONGEST_EXPIRY:
        latest = (at + LONGEST_EXPIRY).date().isoformat()
        raise InvalidInputError(
            f"The key material cannot expire on {moment.date().isoformat()}",
            remedy=f"AWS takes a date after now and at most 365 days ahead: before {latest}.",
            field="expires",
        )
    return moment
