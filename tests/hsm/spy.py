"""Reads what pkcs11-spy recorded: every call to a real module, with templates, handles and data."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.hsm.tokens import module_file

_CALL = re.compile(r"^\d+: (C_\w+)\n", re.MULTILINE)
_ATTRIBUTE = re.compile(r"^ {4}(CKA_\S+(?: \(0x[0-9a-f]+\))?) +(.*?) *$", re.MULTILINE)
_DUMP = re.compile(r"^ {4}[0-9A-F]{8}  ((?:[0-9A-F]{2} )+)", re.MULTILINE)
_PART = re.compile(r"^\[(?:in|out)\] ", re.MULTILINE)


@dataclass(frozen=True)
class Call:
    """One call. text: as it was recorded."""

    name: str
    text: str

    @property
    def succeeded(self) -> bool:
        """Whether the module said CKR_OK."""
        return "Returned:  0 CKR_OK" in self.text

    def value(self, name: str) -> str:
        """What an argument was: "[in] hKey = 0x3"."""
        found = re.search(rf"{name} = (\S+)", self.text)
        return found[1] if found else ""

    def template(self, name: str = "pTemplate") -> dict[str, str]:
        """A template's attributes; of several parts of that name, which are in and out, all."""
        parts = [part for part in _PART.split(self.text) if part.startswith(name)]
        return {key: value for part in parts for key, value in _ATTRIBUTE.findall(part)}

    @property
    def mechanism(self) -> str:
        """The mechanism's name, or number."""
        return self.value(r"pMechanism->type")

    @property
    def data(self) -> bytes:
        """Every byte that was recorded, in or out."""
        return b"".join(bytes.fromhex(row) for row in _DUMP.findall(self.text))


def environment(module: str, log: Path) -> dict[str, str]:
    """What lets pkcs11-spy stand in front of a module."""
    return {"PKCS11SPY": module, "PKCS11SPY_OUTPUT": str(log)}


def spy_module() -> str:
    """The recorder."""
    return module_file("pkcs11-spy.so")


def recorded(log: Path, offset: int = 0) -> list[Call]:
    """The calls, from a place in the log on."""
    text = log.read_text(errors="replace")[offset:]
    parts = _CALL.split(text)[1:]
    return [Call(name, body) for name, body in zip(parts[::2], parts[1::2], strict=True)]
