"""A PKCS#11 module: found, loaded once, and asked for its tokens. Everything but `resolve` runs in the one thread."""

import contextlib
import ctypes
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pkcs11 import Slot, Token, TokenFlag, _pkcs11
from pkcs11 import exceptions as p11

from kctui.core.errors import ConflictError, InvalidInputError
from kctui.core.pkcs11.errors import (
    HsmRefusedError,
    HsmUnreachableError,
    PinLockedError,
    TokenGoneError,
    explained,
    reason,
)
from kctui.core.pkcs11.functions import Functions, no_module

_PLACES = (
    "/usr/lib/softhsm",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/pkcs11",
    "/usr/lib64/pkcs11",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib/softhsm",
    "/usr/local/lib",
    "/opt/cloudhsm/lib",
    "/opt/nfast/toolkits/pkcs11",
    "/usr/safenet/lunaclient/lib",
)
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class TokenInfo:
    """A token as its module describes it. final_try, locked: of the user's PIN."""

    label: str
    serial: str
    slot: int
    manufacturer: str
    model: str
    firmware: str
    initialised: bool
    final_try: bool
    locked: bool

    @property
    def named(self) -> str:
        """How to tell it from others."""
        return f"{self.label or '(no label)'}, serial {self.serial or 'none'}, slot {self.slot}"


@dataclass(frozen=True)
class Where:
    """Which token: its module and label, and what tells it from others of that label.

    module: the absolute path. serial: None where it is not known yet. slot: where label and serial name several.
    init_args: the module's own string for C_Initialize.
    """

    module: str
    label: str
    serial: str | None = None
    slot: int | None = None
    init_args: str | None = None


def resolve(module: str) -> str:
    """The absolute path of a module, of which the name alone may be given.

    Its code runs in this process, so a file that others may write is refused. Raises InvalidInputError.
    """
    path = _find(module)
    try:
        mode = path.stat()
    except OSError as error:
        raise _not_there(module, error.strerror or "cannot be read") from error
    if not stat.S_ISREG(mode.st_mode):
        raise _not_there(module, "is no file")
    for place in (path.resolve(), *path.resolve().parents):
        if _open_to_others(place):
            raise InvalidInputError(
                f"Others may write the PKCS#11 module {path}",
                detail=f"{place} is theirs, or open to them. The module's code would run in kctui, where the vault is "
                "open.",
                remedy=f"chown root {place}; chmod go-w {place}",
                field="module",
            )
    return str(path)


def _open_to_others(place: Path) -> bool:
    """Whether others than root and this user may put another file there. In a sticky folder only its owner may."""
    found = place.stat()
    loose = found.st_mode & _WRITABLE_BY_OTHERS and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX)
    return bool(loose) or found.st_uid not in {0, os.getuid()}


def _find(module: str) -> Path:
    if "/" in module:
        return Path(module).expanduser().absolute()
    for place in _PLACES:
        path = Path(place) / module
        if path.exists():
            return path
    raise _not_there(module, "is in none of the usual folders")


def _not_there(module: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"The PKCS#11 module {module} {why}",
        remedy="Name the vendor's library by its path (docs/hsm.md lists them).",
        field="module",
    )


class _Library(_pkcs11.lib):
    """python-pkcs11's module, initialised with locking and the module's own string."""

    functions: Functions
    init_args: str | None

    def __new__(cls, path: str, init_args: str | None) -> Self:
        try:
            self: Self = super().__new__(cls, path)  # type: ignore[call-arg] # a Cython class takes it in __cinit__
        except p11.PKCS11Error as error:
            raise no_module(path, str(error).removeprefix(f"OS exception while loading {path}: ")) from error
        self.functions, self.init_args = Functions(self), init_args
        return self

    def __init__(self, path: str, init_args: str | None) -> None:
        super().__init__(path)

    def initialize(self) -> None:
        """Called by python-pkcs11, instead of its own."""
        self.functions.initialize(self.init_args)


class Module:
    """A loaded module. It is never unloaded: what is left of its objects would crash the process."""

    def __init__(self, path: str, init_args: str | None) -> None:
        self.path = path
        self.init_args = init_args
        # Grows as it is initialised anew: handles from before may be given to others then.
        self.generation = 1
        try:
            self._library = _Library(path, init_args)
        except p11.PKCS11Error as error:
            raise _does_not_start(path, error) from error
        self.functions = self._library.functions
        # Nor at the end of the process: python-pkcs11 would unload it in the middle of Python's own end.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._library))

    @property
    def version(self) -> str:
        """Who made it, what it is, and its version."""
        library = self._library
        major, minor = library.library_version
        return f"{library.manufacturer_id.strip()} {library.library_description.strip()} {major}.{minor}".strip()

    def reinitialise(self) -> None:
        """C_Finalize and C_Initialize: after a daemon behind it was restarted. Every session of it is gone then."""
        self.generation += 1
        with contextlib.suppress(p11.PKCS11Error):  # it may have lost its state already
            self.functions.finalize()
        try:
            self.functions.initialize(self.init_args)
        except p11.PKCS11Error as error:
            raise _does_not_start(self.path, error) from error

    def tokens(self) -> list[TokenInfo]:
        """The tokens that are there."""
        return [_info(token) for token in self._tokens()]

    def find(self, where: Where) -> tuple[Token, TokenInfo]:
        """The one token that was meant. Raises TokenGoneError or InvalidInputError, which list what there is."""
        found = [(token, _info(token)) for token in self._tokens()]
        fitting = [
            pair
            for pair in found
            if pair[1].label == where.label and where.serial in {None, pair[1].serial} and pair[1].initialised
        ]
        if len(fitting) > 1 and where.slot is not None:
            fitting = [pair for pair in fitting if pair[1].slot == where.slot]
        if not fitting:
            raise _none(where, [info for _, info in found])
        if len(fitting) > 1:
            raise InvalidInputError(
                f"{len(fitting)} tokens have the label {where.label}",
                detail="\n".join(info.named for _, info in fitting),
                remedy="Name its slot with --slot N.",
                field="slot",
            )
        return fitting[0]

    def _tokens(self) -> list[Token]:
        with explained("listing the tokens"):
            try:
                slots = self._library.get_slots(token_present=True)
                return [token for slot in slots if (token := _token_in(slot)) is not None]
            except (p11.GeneralError, p11.FunctionFailed) as error:
                # SoftHSM says no more where its folder is away, and not even what is back before it begins anew.
                raise TokenGoneError(
                    "The module does not tell which tokens there are",
                    detail=f"It said {reason(error)}.",
                    remedy="Look at its configuration, its service and its own log. kctui connects again by itself.",
                ) from error


_modules: dict[str, Module] = {}


def load(path: str, init_args: str | None) -> Module:
    """The module at `path`, loaded once a process. Raises ModuleError, or ConflictError for other init args.

    Call `resolve` first.
    """
    real = str(Path(path).resolve())
    module = _modules.get(real)
    if module is None:
        module = _modules[real] = Module(real, init_args)
    elif module.init_args != init_args:
        raise ConflictError(
            f"{path} is in use with other init args",
            detail="A module is initialised once a process.",
            remedy="Use the same --init-args, or start another kctui for it.",
        )
    return module


def require_pin_tries(info: TokenInfo) -> None:
    """Refuse to try a PIN where a wrong one would lock the token, or it is locked. Raises PinLockedError."""
    if info.locked:
        raise PinLockedError(
            f"The PIN of the token {info.label} is locked",
            detail="Too many wrong PINs were tried. Nothing on the token is lost by that.",
            remedy="Its security officer can set a new PIN with the vendor's tool.",
        )
    if info.final_try:
        raise PinLockedError(
            f"The token {info.label} has one PIN try left: kctui does not spend it",
            detail="A wrong PIN would lock the token now.",
            remedy="Log in once with the vendor's tool and the right PIN; that gives the tries back.",
        )


def _does_not_start(path: str, error: p11.PKCS11Error) -> HsmUnreachableError:
    return HsmUnreachableError(
        f"The PKCS#11 module {path} does not start",
        detail=f"It said {reason(error)}.",
        remedy="Look at its configuration, its service and its own log; NSS wants --init-args (docs/hsm.md).",
    )


def _token_in(slot: Slot) -> Token | None:
    try:
        return slot.get_token()
    except (p11.TokenNotPresent, p11.TokenNotRecognised, p11.DeviceRemoved):
        return None


def _info(token: Token) -> TokenInfo:
    flags = token.flags
    major, minor = token.firmware_version
    return TokenInfo(
        label=token.label,
        serial=token.serial.decode("utf-8", "replace").strip("\0 "),
        slot=token.slot.slot_id,
        manufacturer=token.manufacturer_id.strip(),
        model=token.model.strip(),
        firmware=f"{major}.{minor}",
        initialised=TokenFlag.TOKEN_INITIALIZED in flags,
        final_try=TokenFlag.USER_PIN_FINAL_TRY in flags,
        locked=TokenFlag.USER_PIN_LOCKED in flags,
    )


def _none(where: Where, there: list[TokenInfo]) -> HsmRefusedError | TokenGoneError:
    same_label = [info for info in there if info.label == where.label and info.initialised]
    what = f"The token {where.label}" + (f" with serial {where.serial}" if where.serial else "") + " is not there"
    listed = "\n".join(info.named for info in there) if there else "The module shows no token."
    if same_label and where.serial:
        return HsmRefusedError(
            what,
            detail=f"There is another of that label:\n{listed}",
            remedy="Put the right token back: another one cannot open what is kept under its key.",
        )
    return TokenGoneError(
        what,
        detail=listed,
        remedy="Put it in, or start its service; or name one of these with --token-label.",
    )
