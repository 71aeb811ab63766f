"""HSMs of the tests: another PIN for a token, and invented rows for the pictures."""

import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session, select

from kctui.core.model import AdminGroup, Hsm
from kctui.core.pkcs11.findings import Conformance, SpecFindings
from kctui.core.pkcs11.module import load
from kctui.core.pkcs11.ways import Way
from kctui.core.pkcs11.worker import in_thread
from kctui.core.words import MADE_SPECS, KeyFamily, KeySpec
from tests.hsm.tokens import PIN, SoftToken

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
NOW = datetime.fromisoformat("2026-11-23T12:03:11+00:00")
_KWP = 0x210B
_NO_MECHANISM = "it has no such mechanism"


@dataclass(frozen=True)
class Slots:
    """The slots of SoftHSM: their tokens can be taken out, and put back."""

    tokens: Path
    away: Path

    def take_out(self) -> None:
        """Take them out."""
        self.tokens.rename(self.away)

    def put_back(self) -> None:
        """Put them back, where they are out."""
        if self.away.exists():
            self.away.rename(self.tokens)


def change_pin(token: SoftToken, new: str) -> None:
    """Change the user's PIN, as the vendor's tool does."""
    tool = ["pkcs11-tool", "--module", token.module, "--token-label", token.label, "--login", "--change-pin"]
    subprocess.run([*tool, "--pin", PIN, "--new-pin", new], check=True, capture_output=True)
    # SoftHSM reads a token's PIN when it is initialised, and knows of no other process's change.
    in_thread(lambda: load(token.module, token.init_args).reinitialise())


def soft_conformance() -> Conformance:
    """What SoftHSM does: SHA-1 only, and no key whose length it pads."""
    works = {
        KeySpec.SYMMETRIC_DEFAULT: Way.OAEP_SHA_1,
        KeySpec.HMAC_256: Way.OAEP_SHA_1,
        KeySpec.HMAC_384: Way.OAEP_SHA_1,
        KeySpec.HMAC_512: Way.OAEP_SHA_1,
        KeySpec.ECC_NIST_P384: Way.TWO_STEPS_SHA_1,
        KeySpec.ECC_SECG_P256K1: Way.TWO_STEPS_SHA_1,
    }
    specs = {}
    for spec in MADE_SPECS:
        padded = "72 bytes come out that are no PKCS#8 to the byte"
        if spec.family in {KeyFamily.SYMMETRIC, KeyFamily.HMAC}:
            refused = {Way.OAEP_SHA_256.value: "it does not take such parameters"}
        else:
            refused = {Way.NATIVE_SHA_256.value: _NO_MECHANISM, Way.TWO_STEPS_SHA_1.value: padded}
        ways = [works[spec]] if spec in works else []
        specs[spec] = SpecFindings(ways, 0x210A if ways else None, 0x2109, refused)
    specs[KeySpec.HMAC_224] = SpecFindings(
        [Way.OAEP_SHA_1], None, None, {"keep by 0x2109": "32 bytes come out, not 28", "keep by 0x210b": _NO_MECHANISM}
    )
    return Conformance(specs, exports=False)


def full_conformance(*, exports: bool = False) -> Conformance:
    """A token that does everything by SHA-256."""
    specs = {}
    for spec in MADE_SPECS:
        direct = spec.family in {KeyFamily.SYMMETRIC, KeyFamily.HMAC}
        specs[spec] = SpecFindings([Way.OAEP_SHA_256 if direct else Way.NATIVE_SHA_256], None, _KWP, {})
    return Conformance(specs, exports)


def invent_hsms(session: Session) -> dict[str, Hsm]:
    """Three HSMs whose every word is always the same: reached, not there, PIN refused."""
    group = session.exec(select(AdminGroup)).one()
    common: dict[str, Any] = {"group_id": group.id, "sealed_pin": b"sealed", "probed_for": "1/invented", "revision": 1}
    rows = (
        Hsm(
            id="h1" + "0" * 30, name="bastion", module=MODULE, token_label="kctui", token_serial="2d119833a27265c6",
            manufacturer="SoftHSM project", token_model="SoftHSM v2", kek_id="c0" * 16, sha1_allowed=True,
            conformance=soft_conformance().to_json(), probed_at=NOW - timedelta(hours=3),
            reached_at=NOW - timedelta(minutes=14), created_at=NOW - timedelta(days=9), **common,
        ),
        Hsm(
            id="h2" + "0" * 30, name="cloudhsm-frankfurt", module="/opt/cloudhsm/lib/libcloudhsm_pkcs11.so",
            token_label="hsm1", token_serial="", slot=3, manufacturer="Marvell Semiconductors, Inc.",
            token_model="LS2", kek_id="c1" * 16, conformance=full_conformance().to_json(),
            probed_at=NOW - timedelta(days=2), reached_at=NOW - timedelta(days=1),
            unreachable_since=NOW - timedelta(minutes=6), unreachable_reason="The HSM did not answer within 60 s",
            created_at=NOW - timedelta(days=8), **common,
        ),
        Hsm(
            id="h3" + "0" * 30, name="nss-lab", module="/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
            token_label="NSS Certificate DB", token_serial="0000000000000000", manufacturer="Mozilla Foundation",
            token_model="NSS 3", kek_id="c2" * 16, export_allowed=True, init_args="configdir='sql:/etc/nssdb' flags=",
            conformance=full_conformance(exports=True).to_json(), probed_at=NOW - timedelta(days=2),
            reached_at=NOW - timedelta(days=1), pin_refused_at=NOW - timedelta(hours=5),
            created_at=NOW - timedelta(days=7), **common,
        ),
    )  # fmt: skip
    session.add_all(rows)
    session.flush()
    return {row.name: row for row in rows}
