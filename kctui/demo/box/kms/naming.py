"""How a request names a key, after the AWS KMS Developer Guide, "Key identifiers (KeyId)"."""

import re
from dataclasses import dataclass

from kctui.demo.box.errors import AwsError

from .state import Key, Store

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ARN_PARTS = 6


@dataclass(frozen=True)
class Finder:
    """Finds keys in a store as one operation may name them."""

    store: Store
    visible: dict[str, Key]
    aliases: bool
    arns_may_be_invalid: bool
    """Whether the operation knows InvalidArnException; the others say NotFoundException."""

    def find(self, name: str) -> Key:
        """Return the key of an id, ARN, alias name or alias ARN."""
        if name.startswith("arn:"):
            name = self._local_resource(name)
        if name.startswith("alias/"):
            return self._by_alias(name)
        if not _UUID.fullmatch(name):
            raise AwsError("NotFoundException", f"Invalid keyId '{name}'")
        key = self.visible.get(name)
        if key is None:
            raise AwsError("NotFoundException", f"Key '{self.store.arn('key/' + name)}' does not exist")
        return key

    def _local_resource(self, arn: str) -> str:
        parts = arn.split(":", _ARN_PARTS - 1)
        if len(parts) != _ARN_PARTS or parts[2] != "kms":
            code = "InvalidArnException" if self.arns_may_be_invalid else "NotFoundException"
            raise AwsError(code, f"{arn} is not a valid KMS ARN")
        _, partition, _, region, account, resource = parts
        if (partition, region) != (self.store.partition, self.store.region):
            raise AwsError("NotFoundException", f"Invalid arn {region}")
        kind, _, rest = resource.partition("/")
        if account != self.store.account_id or kind not in ("key", "alias"):
            raise AwsError("NotFoundException", f"Key '{arn}' does not exist")
        return rest if kind == "key" else resource

    def _by_alias(self, name: str) -> Key:
        if not self.aliases:
            raise AwsError("NotFoundException", f"Invalid keyId {name}")
        alias = self.store.aliases.get(name)
        key = self.visible.get(alias.target) if alias and alias.target else None
        if key is None:
            raise AwsError("NotFoundException", f"Alias {self.store.arn(name)} is not found.")
        return key
