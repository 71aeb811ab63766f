"""Overwriting freed memory, where libraries leave copies of key material.

`Secret` wipes what kctui itself holds. OpenSSL and cryptography free some buffers with a private key's numbers still
in them, and malloc leaves them so until it gives that memory out again. So it is taken out here: the chunks that
glibc would give this thread next, of each size that a private key's numbers and encodings have, are zeroed and given
back. That makes leftovers short-lived; it cannot promise that none is left, and elsewhere than on glibc does less.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

_M_ARENA_MAX = -8
_LEAST, _MOST, _GRAIN = 24, 2600, 16
# More of each size than a thread's own cache holds (7 in glibc): those behind it too, of which there are many small.
_SMALL, _OF_SMALL, _OF_LARGE = 280, 160, 16


@contextmanager
def overwritten_after() -> Iterator[None]:
    """At the end of the block, overwrite what it freed in this thread."""
    try:
        yield
    finally:
        _overwrite_freed()


def keep_one_arena() -> None:
    """Let all threads have one heap (mallopt(3), M_ARENA_MAX); before there are any.

    With one of its own for each, a thread may free into another's, where it does not come by when it overwrites.
    """
    with suppress(AttributeError):  # no glibc
        _libc().mallopt(_M_ARENA_MAX, 1)


def _overwrite_freed() -> None:
    libc = _libc()
    for size in range(_LEAST, _MOST, _GRAIN):
        chunks = [libc.malloc(size) for _ in range(_OF_SMALL if size < _SMALL else _OF_LARGE)]
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
