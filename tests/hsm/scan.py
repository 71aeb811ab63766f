"""Looks for key material in a process's memory and in files: whole, and in pieces, in each way that it may be written.

A number of a private key may be there as bytes in either order (OpenSSL keeps the least significant first) or as a
Python integer (digits of 30 bits); any material as hexadecimal digits or base64.
"""

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

PIECE = 16
_STEP, _STEP_OF_LONG = 4, 112
_LONG = 80
_BLOCK = 1 << 24
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)")


def pieces(material: bytes) -> dict[str, bytes]:
    """What would tell that a part of key material is there. material: random bytes, or PKCS#8 (DER)."""
    numbers = _numbers(material)
    if not numbers:
        return _pieces_of("value", material) | _texts(material)
    found = _texts(material)
    for name, number in numbers.items():
        value = number.to_bytes((number.bit_length() + 7) // 8)
        found |= _pieces_of(name, value) | _pieces_of(f"{name} reversed", value[::-1])
        found |= _pieces_of(f"{name} as a Python integer", _digits(number))
    return found


def found_in(held: Iterator[tuple[str, bytes]], wanted: dict[str, bytes]) -> list[str]:
    """Where which piece is: nothing, if all is well."""
    return list(_found(held, wanted))


def is_in(held: Iterator[tuple[str, bytes]], wanted: dict[str, bytes]) -> bool:
    """Whether any piece is there."""
    return any(_found(held, wanted))


def _found(held: Iterator[tuple[str, bytes]], wanted: dict[str, bytes]) -> Iterator[str]:
    for where, content in held:
        for name, piece in wanted.items():
            if piece in content:
                yield f"{name} in {where}"


def memory(pid: int) -> Iterator[tuple[str, bytes]]:
    """What a process can write to: a mapping at a time. What it only maps from files was there before."""
    with Path(f"/proc/{pid}/maps").open() as maps:
        mappings = [match.groups() for line in maps if (match := _MAPPING.match(line.strip()))]
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as mem:
        for start, end, mode, _inode, name in mappings:
            if not mode.startswith("rw") or name in {"[vvar]", "[vsyscall]"}:
                continue
            yield f"{name or 'anonymous'} {start}-{end}", _read(mem.fileno(), int(start, 16), int(end, 16))


def files(*roots: Path) -> Iterator[tuple[str, bytes]]:
    """Every file under some folders."""
    for root in roots:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                yield str(path), path.read_bytes()


def _read(handle: int, start: int, end: int) -> bytes:
    """A mapping's content; a page that cannot be read (a device's) is left out."""
    read = bytearray()
    while start < end:
        try:
            block = os.pread(handle, min(_BLOCK, end - start), start)
        except OSError:
            break
        if not block:
            break
        read += block
        start += len(block)
    return bytes(read)


def _numbers(material: bytes) -> dict[str, int]:
    try:
        key = load_der_private_key(material, None)
    except ValueError:
        return {}
    if isinstance(key, rsa.RSAPrivateKey):
        private = key.private_numbers()
        return {name: getattr(private, name) for name in ("d", "p", "q", "dmp1", "dmq1", "iqmp")}
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return {"scalar": key.private_numbers().private_value}


def _pieces_of(name: str, value: bytes) -> dict[str, bytes]:
    step = _STEP if len(value) <= _LONG else _STEP_OF_LONG
    return {f"{name}[{at}:{at + PIECE}]": value[at : at + PIECE] for at in range(0, len(value) - PIECE + 1, step)}


def _texts(material: bytes) -> dict[str, bytes]:
    """As a program might print it. Without the last character of base64, which depends on what follows."""
    texts = {"hexadecimal": material.hex().encode(), "base64": base64.b64encode(material).rstrip(b"=")[:-1]}
    return {name: text[-2 * PIECE :] for name, text in texts.items()}


def _digits(number: int) -> bytes:
    """CPython's digits, 30 bits in four bytes each, the least significant first."""
    digits = []
    while number:
        digits.append((number & (2**30 - 1)).to_bytes(4, "little"))
        number >>= 30
    return b"".join(digits)
