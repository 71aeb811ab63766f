"""`kctui account`, whole: its commands stand in several files, by what they are about."""

from kctui.cli import account_changes, account_rotation
from kctui.cli.account import account

__all__ = ["account", "account_changes", "account_rotation"]
