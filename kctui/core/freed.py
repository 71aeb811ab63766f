"""Overwriting freed memory, where libraries leave copies of key material.

`Secret` wipes what kctui itself holds. OpenSSL and cryptography free some buffers with a private key's numbers still
in them, and malloc leaves them so until it gives that memory out again. So it is taken out here: the chunks that
glibc would give this thread next, of each size that a private key's numbers and encodings have, are zeroed and given
back. That makes leftovers short-lived; it cannot promise that none is left, and elsewhere than on glibc does less.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_LEAST, _MOST, _GRAIN = 24, 2600, 16
# As many of each size as a thread's own cache holds (7 in glibc), and some of those behind it.
_OF_EACH = 16


@contextmanager
def overwritten_after() -> Iterator[None]:
    """At the end of the block, overwrite what it freed in this thread."""
    try:
        yield
    finally:
        _overwrite_freed()


def _overwrite_freed() -> None:
    libc = _libc()
    for size in range(_LEAST, _MOST, _GRAIN):
        chunks = [libc.malloc(size) for _ in range(_OF_EACH)]
        for chunk in chunks:
            if chunk is not None:
                ctypes.memset(chunk, 0, size)
        for chunk in chunks:
            libc.free(chunk)


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
    return libc
