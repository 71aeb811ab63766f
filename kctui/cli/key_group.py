"""`kctui key`, whole: its commands stand in several files, by what they are about."""

from kctui.cli import key_custody, key_edit
from kctui.cli.key import key

__all__ = ["key", "key_custody", "key_edit"]
