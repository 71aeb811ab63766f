"""Key material made on this host by the operating system's random generator."""

import hashlib
import os

from kctui.core.errors import InvalidInputError
from kctui.core.secret import Secret
from kctui.core.words import MADE_SPECS, KeySpec

_SYMMETRIC_BYTES = 32


def generate(spec: KeySpec) -> Secret:
    """New key material of a spec, as AWS imports it: 32 random bytes for SYMMETRIC_DEFAULT.

    Raises InvalidInputError for a spec that kctui makes no material for (see `MADE_SPECS`).
    """
    require_made(spec)
    return Secret(os.urandom(_SYMMETRIC_BYTES))


def require_made(spec: KeySpec) -> None:
    """Raise InvalidInputError for a spec that kctui makes no material for."""
    if spec not in MADE_SPECS:
        raise InvalidInputError(
            f"kctui makes no key material for {spec.value}",
            remedy=f"It makes it for {', '.join(made.value for made in MADE_SPECS)}.",
            field="key_spec",
        )


def fingerprint(material: Secret) -> str:
    """SHA-256 over a label and the material, in hex. A 256-bit random value cannot be found from it."""
    return hashlib.sha256(b"kctui/1/material-fingerprint/" + material.reveal()).hexdigest()
