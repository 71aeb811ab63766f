"""A type for what must never be printed, logged, pickled or left in memory longer than needed."""

import ctypes
import hmac
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import NoReturn, Self

from kctui.core.errors import InvalidInputError, LockedError

_SHOWN = "Secret(…)"


class Secret:
    """Bytes that show nothing of themselves, and that can be wiped.

    Use it as a context manager, or call `wipe`, as soon as the value is no longer needed. `lent` shows the bytes in
    place to the one call that needs them, `lent_bytes` a copy that is overwritten; `reveal` gives a copy that nobody
    wipes. What a library copied for itself is its own (see `freed`). Once wiped it reveals nothing, not even
    emptiness: an empty key would encrypt as well as any other.
    """

    __slots__ = ("_value", "_wiped")

    def __init__(self, value: bytes | bytearray | str) -> None:
        self._value = _encoded(value) if isinstance(value, str) else bytearray(value)
        self._wiped = False

    @classmethod
    def taking(cls, value: bytes) -> Self:
        """A secret of bytes that nobody else holds, and that are overwritten."""
        try:
            return cls(value)
        finally:
            overwrite(value)

    @contextmanager
    def lent(self) -> Iterator[memoryview]:
        """The plain bytes in place, for one block. Raises LockedError if it was wiped, before or meanwhile."""
        self._require()
        with memoryview(self._value).toreadonly() as view:
            yield view
        self._require()  # another thread may have wiped it: what was done with it must not be used

    @contextmanager
    def lent_bytes(self) -> Iterator[bytes]:
        """As `lent`, for a call that takes bytes alone: a copy, overwritten at the end of the block."""
        value = self.reveal()
        try:
            yield value
        finally:
            overwrite(value)

    def reveal(self) -> bytes:
        """A copy of the plain bytes, for one call. Raises LockedError once wiped."""
        value = bytes(self._value)
        self._require()  # afterwards: another thread may wipe it meanwhile
        return value

    def reveal_text(self) -> str:
        """The plain text of a secret that is text (an AWS secret access key, a PIN).

        Raises InvalidInputError, or LockedError once wiped.
        """
        with suppress(UnicodeDecodeError):
            return self.reveal().decode()
        # Raised out here: the codec's error, even as a context, would carry the value.
        raise InvalidInputError("A secret that has to be text is not UTF-8", remedy="Check the file it comes from.")

    def wipe(self) -> None:
        """Overwrite the value with nothing."""
        self._wiped = True
        for i in range(len(self._value)):
            self._value[i] = 0
        with suppress(BufferError):  # lent at the moment: it stays, all zeros
            self._value.clear()

    def __len__(self) -> int:
        return len(self._value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        if self._wiped or other._wiped:
            return False
        return hmac.compare_digest(self._value, other._value)

    __hash__ = None  # type: ignore[assignment] # a hash of a secret is a statement about it

    def __repr__(self) -> str:
        return _SHOWN

    def __str__(self) -> str:
        return _SHOWN

    def __format__(self, spec: str) -> str:
        return _SHOWN

    def __bytes__(self) -> NoReturn:
        raise TypeError("a Secret is revealed with reveal(), not converted")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")

    def _require(self) -> None:
        if self._wiped:
            raise LockedError("The secret is gone: the vault was locked meanwhile", remedy="Unlock it and try again.")


def overwrite(value: bytes) -> None:
    """Overwrite bytes that nobody else holds, which Python itself would leave as they are in freed memory."""
    if len(value) > 1:  # shorter ones are shared by all
        # CPython keeps the value last in its object, with a zero behind it.
        ctypes.memset(id(value) + bytes.__basicsize__ - 1, 0, len(value))


def _encoded(text: str) -> bytearray:
    with suppress(UnicodeEncodeError):
        return bytearray(text.encode())
    raise InvalidInputError("A secret holds characters that are not UTF-8", remedy="Check the terminal's encoding.")
