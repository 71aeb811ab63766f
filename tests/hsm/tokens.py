"""Soft tokens for the tests: SoftHSM's and NSS's, in folders of a worker's own.

A process initialises a PKCS#11 module once, so each worker has one SoftHSM configuration with as many tokens as its
tests ask for, and one NSS folder, which is one token. What needs other arguments runs in a process of its own.
"""

import dataclasses
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kctui.core.hsms import NewHsm
from kctui.core.secret import Secret

PIN = "hush-7351"
SO_PIN = "watchman-9204"
HSM = "vault"
NSS_LABEL = "NSS Certificate DB"
_PLACES = ("/usr/lib/softhsm", "/usr/lib/*-linux-gnu/pkcs11", "/usr/lib/*-linux-gnu")


def module_file(name: str) -> str:
    """The path of an installed module. Never a skipped test: what the tests need is installed by a tool."""
    found = [path for place in _PLACES for path in Path("/").glob(f"{place[1:]}/{name}")]
    if not found:
        pytest.fail(f"There is no {name}: `make test-tools` installs it.")
    return str(found[0])


@dataclass(frozen=True)
class SoftToken:
    """A token. maker: SoftHSM or NSS. sha1, export: the consents that it needs."""

    maker: str
    module: str
    label: str
    init_args: str | None = None
    sha1: bool = False
    export: bool = False

    def new_hsm(self, **values: Any) -> NewHsm:
        """What an HSM on it is made from."""
        new = NewHsm(
            HSM,
            self.module,
            self.label,
            Secret(PIN),
            init_args=self.init_args,
            sha1=self.sha1,
            export=self.export,
        )
        return dataclasses.replace(new, **values)


@dataclass(frozen=True)
class SoftHsm:
    """SoftHSM's configuration in a folder."""

    folder: Path

    @property
    def configuration(self) -> Path:
        """What SOFTHSM2_CONF names."""
        return self.folder / "softhsm2.conf"

    @property
    def tokens(self) -> Path:
        """Where the tokens are."""
        return self.folder / "tokens"

    def make(self) -> "SoftHsm":
        """Write the configuration."""
        self.tokens.mkdir(parents=True)
        self.configuration.write_text(f"directories.tokendir = {self.tokens}\nlog.level = ERROR\n")
        return self

    def token(self, label: str) -> SoftToken:
        """A new token."""
        self.run("--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", SO_PIN)
        return SoftToken("SoftHSM", module_file("libsofthsm2.so"), label, sha1=True)

    def serial(self, label: str) -> str:
        """The serial number of a token."""
        slots = re.findall(r"Serial number: +(\w+)\n.*?Label: +(.*?) *\n", self.run("--show-slots"), re.DOTALL)
        return {str(named): str(serial) for serial, named in slots}[label]

    def change_pin(self, label: str, to: str) -> None:
        """Change a token's PIN, behind kctui's back."""
        environment = {"SOFTHSM2_CONF": str(self.configuration)}
        arguments = ("--token-label", label, "--login", "--pin", PIN, "--change-pin", "--new-pin", to)
        run_tool(module_file("libsofthsm2.so"), environment, *arguments)

    def run(self, *arguments: str) -> str:
        """Run softhsm2-util on it."""
        environment = {**os.environ, "SOFTHSM2_CONF": str(self.configuration)}
        command = ["softhsm2-util", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def run_tool(module: str, environment: Mapping[str, str], *arguments: str) -> None:
    """Run OpenSC's pkcs11-tool on a module."""
    command = ["pkcs11-tool", "--module", module, *arguments]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})


def nss_token(folder: Path) -> SoftToken:
    """A new NSS database, which is one token."""
    database, pin_file = folder / "nss", folder / "pin"
    database.mkdir(parents=True)
    pin_file.write_text(f"{PIN}\n")
    subprocess.run(["certutil", "-N", "-d", f"sql:{database}", "-f", pin_file], check=True, capture_output=True)
    arguments = f"configdir='sql:{database}' certPrefix='' keyPrefix='' secmod='' flags="
    return SoftToken("NSS", module_file("libsoftokn3.so"), NSS_LABEL, arguments, export=True)
