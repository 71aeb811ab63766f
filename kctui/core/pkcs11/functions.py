"""The few Cryptoki functions that python-pkcs11 does not offer as they are needed here, by the module's own table.

C_Initialize with arguments (PKCS#11 v2.40, 5.4), since python-pkcs11 passes none; C_Login on an open session, so that
a refused PIN leaves no session behind, and with a PIN that can be wiped; C_GetSessionInfo; and C_WrapKey with room
for the answer, since NSS's KWP asks for less than it needs.
"""

import ctypes
from ctypes import POINTER, Structure, byref, c_char_p, c_ubyte, c_ulong, c_void_p, create_string_buffer

from pkcs11 import _pkcs11
from pkcs11 import exceptions as p11

from kctui.core.pkcs11.errors import ModuleError
from kctui.core.secret import Secret

CKF_OS_LOCKING_OK = 0x2
_CKU_USER = 1
_LOGGED_IN = {1, 3}  # CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS
_ROOM = 16 * 1024
_FUNCTIONS = 68
# The major versions of Cryptoki that there are.
_CRYPTOKI = {2, 3}
# Their places in CK_FUNCTION_LIST (PKCS#11 v2.40, pkcs11f.h).
_INITIALIZE, _FINALIZE, _GET_SESSION_INFO, _LOGIN, _LOGOUT, _WRAP_KEY = 0, 1, 15, 18, 19, 60
_NOT_INITIALIZED, _ALREADY_INITIALIZED = 0x190, 0x191
_ERRORS: dict[int, type[p11.PKCS11Error]] = {
    0x05: p11.GeneralError, 0x06: p11.FunctionFailed, 0x07: p11.ArgumentsBad, 0x21: p11.DataLenRange,
    0x30: p11.DeviceError, 0x31: p11.DeviceMemory, 0x32: p11.DeviceRemoved, 0x54: p11.FunctionNotSupported,
    0x60: p11.KeyHandleInvalid, 0x62: p11.KeySizeRange, 0x63: p11.KeyTypeInconsistent, 0x69: p11.KeyNotWrappable,
    0x6A: p11.KeyUnextractable, 0x70: p11.MechanismInvalid, 0x71: p11.MechanismParamInvalid,
    0x82: p11.ObjectHandleInvalid, 0xA0: p11.PinIncorrect, 0xA1: p11.PinInvalid, 0xA2: p11.PinLenRange,
    0xA3: p11.PinExpired, 0xA4: p11.PinLocked, 0xB0: p11.SessionClosed, 0xB1: p11.SessionCount,
    0xB3: p11.SessionHandleInvalid, 0xE0: p11.TokenNotPresent, 0xE1: p11.TokenNotRecognised,
    0x100: p11.UserAlreadyLoggedIn, 0x101: p11.UserNotLoggedIn, 0x102: p11.UserPinNotInitialized,
    0x104: p11.AnotherUserAlreadyLoggedIn, 0x113: p11.WrappingKeyHandleInvalid, 0x114: p11.WrappingKeySizeRange,
    0x115: p11.WrappingKeyTypeInconsistent,
}  # fmt: skip


class _InitializeArguments(Structure):
    """CK_C_INITIALIZE_ARGS, and one pointer more: NSS's own has it behind pReserved."""

    _fields_ = (
        ("create_mutex", c_void_p),
        ("destroy_mutex", c_void_p),
        ("lock_mutex", c_void_p),
        ("unlock_mutex", c_void_p),
        ("flags", c_ulong),
        ("reserved", c_char_p),
        ("behind", c_void_p),
    )


class _SessionInfo(Structure):
    _fields_ = (("slot", c_ulong), ("state", c_ulong), ("flags", c_ulong), ("device_error", c_ulong))


class _FunctionList(Structure):
    _fields_ = (("major", c_ubyte), ("minor", c_ubyte), ("functions", c_void_p * _FUNCTIONS))


class Mechanism(Structure):
    """CK_MECHANISM."""

    _fields_ = (("mechanism", c_ulong), ("parameter", c_void_p), ("length", c_ulong))


class OaepParameters(Structure):
    """CK_RSA_PKCS_OAEP_PARAMS."""

    _fields_ = (
        ("hash", c_ulong),
        ("mgf", c_ulong),
        ("source", c_ulong),
        ("source_data", c_void_p),
        ("source_length", c_ulong),
    )


class RsaAesParameters(Structure):
    """CK_RSA_AES_KEY_WRAP_PARAMS."""

    _fields_ = (("aes_bits", c_ulong), ("oaep", POINTER(OaepParameters)))


class Functions:
    """A module's function table. Every method raises the PKCS11Error for what the module answers."""

    def __init__(self, library: _pkcs11.lib) -> None:
        table = _table_of(library).contents
        if table.major not in _CRYPTOKI:
            raise RuntimeError("this python-pkcs11 keeps the function table elsewhere")
        self._table = table.functions

    def initialize(self, reserved: str | None) -> None:
        """C_Initialize with the operating system's locks. reserved: the module's own string, for NSS."""
        arguments = _InitializeArguments(
            flags=CKF_OS_LOCKING_OK, reserved=reserved.encode() if reserved is not None else None
        )
        answer = self._function(_INITIALIZE, c_void_p)(byref(arguments))
        if answer != _ALREADY_INITIALIZED:
            _check(answer)

    def finalize(self) -> None:
        """C_Finalize: every session of the module is gone then."""
        _check(self._function(_FINALIZE, c_void_p)(None))

    def logged_in(self, session: int) -> bool:
        """Whether the token's user is logged in, as the session sees it."""
        info = _SessionInfo()
        _check(self._function(_GET_SESSION_INFO, c_ulong, c_void_p)(session, byref(info)))
        return info.state in _LOGGED_IN

    def login(self, session: int, pin: Secret) -> None:
        """C_Login as the user."""
        with pin.lent_bytes() as plain:
            answer = self._function(_LOGIN, c_ulong, c_ulong, c_char_p, c_ulong)(session, _CKU_USER, plain, len(plain))
        _check(answer)

    def logout(self, session: int) -> None:
        """C_Logout: of all sessions of this process with the token."""
        _check(self._function(_LOGOUT, c_ulong)(session))

    def wrap(self, session: int, mechanism: Mechanism, wrapping_key: int, key: int) -> bytes:
        """C_WrapKey into room enough for any key, without asking how much is needed."""
        buffer, length = create_string_buffer(_ROOM), c_ulong(_ROOM)
        _check(
            self._function(_WRAP_KEY, c_ulong, c_void_p, c_ulong, c_ulong, c_void_p, c_void_p)(
                session, byref(mechanism), wrapping_key, key, buffer, byref(length)
            )
        )
        return buffer.raw[: length.value]

    def _function(self, place: int, *arguments: type) -> "ctypes._CFunctionType":
        return ctypes.CFUNCTYPE(c_ulong, *arguments)(self._table[place])


def _table_of(library: _pkcs11.lib) -> "ctypes._Pointer[_FunctionList]":
    """The very table that python-pkcs11 calls, which it keeps first in its object.

    C_GetFunctionList would give another one of a module that has a state for each: p11-kit's client connects anew.
    """
    if _pkcs11.lib.__mro__[1].__basicsize__ != object.__basicsize__ + 3 * ctypes.sizeof(c_void_p):
        raise RuntimeError("this python-pkcs11 keeps the function table elsewhere")
    return POINTER(_FunctionList).from_address(id(library) + object.__basicsize__)


def no_module(path: str, said: str) -> ModuleError:
    """The error for a file that is no PKCS#11 module."""
    return ModuleError(
        f"{path} cannot be loaded as a PKCS#11 module",
        detail=said,
        remedy="Name the vendor's PKCS#11 library, of this machine's architecture (docs/hsm.md lists them).",
    )


def _check(answer: int) -> None:
    if answer == _NOT_INITIALIZED:
        raise p11.PKCS11Error("the module is not initialized")  # python-pkcs11 has no class for it
    if answer:
        raise _ERRORS[answer]() if answer in _ERRORS else p11.PKCS11Error(f"code {answer:#x}")
