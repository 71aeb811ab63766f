"""What the console asks the core for, in threads."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kctui.core.errors import ConfigurationError
from kctui.core.secret import Secret
from kctui.screens.hsm_wording import HsmSeen, hsm_seen
from kctui.screens.state import Overview

if TYPE_CHECKING:
    from kctui.core.engine import Engine
    from kctui.core.paths import Home

_PICKED_FROM = 500
_LONGEST = 4096


@dataclass(frozen=True)
class OpenedHome:
    """A home that is open, and still locked."""

    engine: "Engine"
    operators: tuple[str, ...]
    overview: Overview


def open_home(home: "Home", *, read_only: bool) -> OpenedHome:
    """Open the home: this is where the database libraries are imported."""
    from kctui.core.engine import Engine

    engine = Engine.open(home, read_only=read_only)
    try:
        return OpenedHome(engine, tuple(engine.operators()), read_overview(engine))
    except BaseException:
        engine.close()
        raise


def read_overview(engine: "Engine") -> Overview:
    """Read what the header, the pickers and the steps show."""
    from kctui.core import lists
    from kctui.core.recovery import open_operations

    store = engine.store
    accounts = lists.CspAccountList(store).page(limit=_PICKED_FROM).rows
    names: dict[str, str] = {}
    for partition in {account.partition for account in accounts}:
        for choice in lists.region_choices(store, partition):
            names[choice.region] = choice.long_name or ""
    return Overview(
        accounts=accounts,
        key_sets=lists.KeySetList(store).page(limit=_PICKED_FROM).rows,
        hsms=read_hsms(engine),
        cloud_keys=lists.CloudKeyList(store, lists.CloudKeyQuery()).count(),
        audit_entries=lists.AuditList(store, lists.AuditQuery()).count(),
        open_operations=sum(1 for operation in open_operations(store) if not operation.alive),
        regions_in_use=tuple(lists.regions_in_use(store)),
        region_names=names,
    )


def read_hsms(engine: "Engine") -> tuple[HsmSeen, ...]:
    """Read the HSMs, and how it stands with their tokens, without asking those."""
    from kctui.core.lists import HsmList

    return tuple(hsm_seen(engine, row) for row in HsmList(engine.store).page(limit=_PICKED_FROM).rows)


def likely_operator(operators: tuple[str, ...], environment: Mapping[str, str] | None = None) -> str | None:
    """Guess who unlocks: $KCTUI_OPERATOR, the Unix user, or the only one. None where nothing tells."""
    from kctui.core.process import whereabouts

    named = (environment if environment is not None else os.environ).get("KCTUI_OPERATOR")
    unix_user = whereabouts().unix_user.split(" ")[0]
    for guess in (named, unix_user):
        if guess in operators:
            return guess
    return operators[0] if len(operators) == 1 else None


def read_passphrase_file(file: str) -> Secret:
    """Read a passphrase, without the line feed at its end. Raises ConfigurationError."""
    remedy = "Name the right one with $KCTUI_PASSPHRASE_FILE."
    try:
        with Path(file).open("rb") as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise ConfigurationError(f"{file} is not a file", remedy=remedy)
            data = bytearray(handle.read(_LONGEST + 1))
    except OSError as error:
        raise ConfigurationError(
            f"The passphrase file {file} cannot be read: {error.strerror}", remedy=remedy
        ) from None
    try:
        if len(data) > _LONGEST:
            raise ConfigurationError(f"{file} is too long for a passphrase", remedy=remedy)
        return Secret(data.removesuffix(b"\n"))
    finally:
        data[:] = bytes(len(data))
