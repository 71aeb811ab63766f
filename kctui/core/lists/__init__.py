"""The lists that the front ends show: CloudKeys, Key Sets, CSP Accounts, HSMs, audit entries, regions."""

from kctui.core.lists.audit_entries import AuditList, AuditObject, AuditQuery
from kctui.core.lists.cloud_keys import (
    CloudKeyList,
    CloudKeyQuery,
    CloudKeyRow,
    CloudKeySort,
    cloud_key_row,
    find_cloud_key,
    regions_in_use,
)
from kctui.core.lists.csp_accounts import AccountSort, CspAccountList, CspAccountRow
from kctui.core.lists.hsms import HsmList, HsmRow
from kctui.core.lists.key_sets import KeySetList, KeySetRow, KeySetSort
from kctui.core.lists.managed import managed_key_ids
from kctui.core.lists.regions import RegionChoice, region_choices
from kctui.core.paging import Cursor, Page

__all__ = [
    "AccountSort", "AuditList", "AuditObject", "AuditQuery", "CloudKeyList", "CloudKeyQuery", "CloudKeyRow",
    "CloudKeySort", "CspAccountList", "CspAccountRow", "Cursor", "HsmList", "HsmRow", "KeySetList", "KeySetRow",
    "KeySetSort", "Page", "RegionChoice", "cloud_key_row", "find_cloud_key", "managed_key_ids", "region_choices",
    "regions_in_use",
]  # fmt: skip
