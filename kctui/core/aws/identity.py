"""Who a credential is, and which regions its account has."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime

from kctui.core.aws.clients import AwsSession
from kctui.core.aws.failures import AwsRefusedError, explained
from kctui.core.aws.permissions import LONG_NAME
from kctui.core.clock import now
from kctui.core.errors import RefusedError
from kctui.core.model import CspAccount


@dataclass(frozen=True)
class Caller:
    """Whose credential this is (GetCallerIdentity). ahead: how far AWS's clock is ahead of ours, where it told."""

    account: str
    arn: str
    partition: str
    ahead: timedelta | None = None


def caller_identity(session: AwsSession) -> Caller:
    """Ask STS. sts:GetCallerIdentity needs no permission. Raises AwsRefusedError or AwsUnreachableError."""
    with explained("sts:GetCallerIdentity"):
        answer = session.sts().get_caller_identity()
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        ahead = parsedate_to_datetime(date) - now() if date else None
        return Caller(answer["Account"], answer["Arn"], answer["Arn"].split(":")[1], ahead)


def require_same_account(account: CspAccount, session: AwsSession) -> None:
    """Refuse a credential that is for another AWS account: that one knows none of the keys, and has others."""
    caller = caller_identity(session)
    if caller.account != account.aws_account_id:
        raise RefusedError(
            f"The credential of the CSP Account {account.name} is for another AWS account",
            detail=f"It was added for {account.aws_account_id}, and is now for {caller.account} ({caller.arn}). "
            "Nothing was changed.",
            remedy="Look at its endpoint, and find out who made the access key.",
        )


def regions(session: AwsSession) -> list[str]:
    """The regions that are switched on for the account, sorted. ec2:DescribeRegions."""
    with explained("ec2:DescribeRegions"):
        answer = session.ec2().describe_regions(AllRegions=False)
    return sorted(region["RegionName"] for region in answer["Regions"])


def long_names(session: AwsSession, names: list[str]) -> dict[str, str]:
    """Long names of regions ("US East (N. Virginia)"), of those that AWS gives. ssm:GetParameter."""

    def ask(region: str) -> tuple[str, str | None]:
        try:
            with explained("ssm:GetParameter"):
                answer = session.ssm().get_parameter(Name=LONG_NAME.format(region=region))
        except AwsRefusedError:
            # Without the permission, or for a region too new to have a name, the short name serves.
            return region, None
        return region, answer["Parameter"].get("Value")

    with ThreadPoolExecutor(8, thread_name_prefix="kctui-regions") as pool:
        return {region: name for region, name in pool.map(ask, names) if name}
