"""Key material made on this host by the operating system's random generator."""

import hashlib
import os

from kctui.core.secret import Secret
from kctui.core.words import KeySpec

_SYMMETRIC_BYTES = 32


def generate(spec: KeySpec) -> Secret:
    """New key material of a spec, as AWS imports it: 32 random bytes for SYMMETRIC_DEFAULT."""
    match spec:
        case KeySpec.SYMMETRIC_DEFAULT:
            return Secret(os.urandom(_SYMMETRIC_BYTES))


def fingerprint(material: Secret) -> str:
    """SHA-256 over a label and the material, in hex. A 256-bit random value cannot be found from it."""
    return hashlib.sha256(b"kctui/1/material-fingerprint/" + material.reveal()).hexdigest()
