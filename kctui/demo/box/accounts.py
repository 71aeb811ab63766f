"""The AWS accounts of a box: their root access keys, and the stand-in by which moto knows each account."""

import secrets
import string
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from .errors import AwsError

_KEY_ID_LETTERS = string.ascii_uppercase + "234567"
_SECRET_LETTERS = string.ascii_letters + string.digits + "+/"
_ACCOUNT_ID_LENGTH = 12
ROOT_KEY_LIMIT = 2
_AGE = timedelta(days=30)

_stand_ins_in_use: set[str] = set()
_stand_ins_lock = threading.Lock()


@dataclass(frozen=True)
class AccessKey:
    """A long-term access key."""

    access_key_id: str
    secret_access_key: str
    account_id: str


@dataclass
class RootKey:
    """A root user's access key as the account keeps it."""

    key: AccessKey
    status: str = "Active"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class _Account:
    account_id: str
    stand_in: str
    opened: datetime
    root_keys: dict[str, RootKey] = field(default_factory=dict)


class Accounts:
    """The accounts of one box.

    Moto keeps its state per account id in the process, so two boxes with the same account would share users
    and roles. Each account therefore has a stand-in id, unique in the process, under which moto keeps it.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._lock = threading.RLock()

    def add(self, account_id: str) -> AccessKey:
        """Open an account and return the first access key of its root user."""
        if len(account_id) != _ACCOUNT_ID_LENGTH or not (account_id.isascii() and account_id.isdigit()):
            raise ValueError(f"an AWS account id has {_ACCOUNT_ID_LENGTH} digits: {account_id!r}")
        with self._lock:
            if account_id in self._accounts:
                raise ValueError(f"account {account_id} is already in this box")
            # An account is older than the box, so that its first key counts as known everywhere.
            opened = datetime.now(UTC) - _AGE
            self._accounts[account_id] = _Account(account_id, _new_stand_in(), opened)
            root_key = self.add_root_key(account_id)
            root_key.created = opened
            return root_key.key

    def __contains__(self, account_id: str) -> bool:
        return account_id in self._accounts

    def opened(self, account_id: str) -> datetime:
        """Return when the account was opened, by real time."""
        return self._accounts[account_id].opened

    def stand_in(self, account_id: str) -> str:
        """Return the id under which moto knows the account."""
        return self._accounts[account_id].stand_in

    def stand_ins(self) -> dict[str, str]:
        """Return every account's id with its stand-in."""
        with self._lock:
            return {account.account_id: account.stand_in for account in self._accounts.values()}

    def conceal(self, content: bytes) -> bytes:
        """Replace account ids by their stand-ins, on the way to moto."""
        for account_id, stand_in in self.stand_ins().items():
            content = content.replace(account_id.encode(), stand_in.encode())
        return content

    def reveal(self, content: bytes) -> bytes:
        """Replace stand-ins by the account ids, on the way back from moto."""
        for account_id, stand_in in self.stand_ins().items():
            content = content.replace(stand_in.encode(), account_id.encode())
        return content

    def conceal_text(self, content: str) -> str:
        """Replace account ids in text by their stand-ins."""
        return self.conceal(content.encode()).decode()

    def reveal_text(self, content: str) -> str:
        """Replace stand-ins in text by the account ids."""
        return self.reveal(content.encode()).decode()

    def root_key(self, access_key_id: str) -> RootKey | None:
        """Return a root user's access key by its id."""
        with self._lock:
            for account in self._accounts.values():
                if access_key_id in account.root_keys:
                    return account.root_keys[access_key_id]
        return None

    def root_keys(self, account_id: str) -> list[RootKey]:
        """Return the access keys of an account's root user."""
        with self._lock:
            return list(self._accounts[account_id].root_keys.values())

    def add_root_key(self, account_id: str) -> RootKey:
        """Make another access key for the root user; it may have two, as an IAM user may."""
        with self._lock:
            keys = self._accounts[account_id].root_keys
            if len(keys) >= ROOT_KEY_LIMIT:
                raise AwsError("LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {ROOT_KEY_LIMIT}", 409)
            key = AccessKey("AKIA" + _random(_KEY_ID_LETTERS, 16), _random(_SECRET_LETTERS, 40), account_id)
            keys[key.access_key_id] = RootKey(key)
            return keys[key.access_key_id]

    def remove_root_key(self, account_id: str, access_key_id: str) -> None:
        """Delete an access key of the root user."""
        with self._lock:
            del self._accounts[account_id].root_keys[access_key_id]

    def close(self) -> list[str]:
        """Give the stand-ins back and return them, so that moto's state under them can be dropped."""
        with self._lock, _stand_ins_lock:
            given_back = [account.stand_in for account in self._accounts.values()]
            _stand_ins_in_use.difference_update(given_back)
            self._accounts.clear()
            return given_back


def _random(letters: str, length: int) -> str:
    return "".join(secrets.choice(letters) for _ in range(length))


def _new_stand_in() -> str:
    with _stand_ins_lock:
        while (stand_in := "97" + _random(string.digits, 10)) in _stand_ins_in_use:
            pass
        _stand_ins_in_use.add(stand_in)
        return stand_in
