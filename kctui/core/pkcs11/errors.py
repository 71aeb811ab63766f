"""What a PKCS#11 module can answer instead of what was asked, as kctui errors."""

import contextlib
from collections.abc import Iterator

from pkcs11 import exceptions as p11

from kctui.core.errors import KctuiError, RefusedError, TamperedError, UnreachableError


class HsmUnreachableError(UnreachableError):
    """The HSM, its token or the way to it is not there."""


class TokenGoneError(HsmUnreachableError):
    """The token, the session or the login was lost: worth one new try from the beginning."""


class HsmBusyError(HsmUnreachableError):
    """Another job held the PKCS#11 thread: this one was not begun."""


class LoginFaultError(HsmUnreachableError):
    """The login failed for another reason than the PIN. Whether that counted as a wrong PIN cannot be told."""


class HsmRefusedError(RefusedError):
    """The HSM says no."""


class HsmChangedError(HsmRefusedError):
    """The token can do something else than a moment before."""

    passes = True


class PinRefusedError(HsmRefusedError):
    """The token does not take the PIN. It is not tried again by itself: a token locks after a few tries."""

    passes = True


class PinLockedError(HsmRefusedError):
    """The token takes no PIN any more, or only one more wrong one."""

    passes = True


class TokenFullError(HsmRefusedError):
    """The token has no room left."""

    passes = True


class ModuleError(KctuiError):
    """The PKCS#11 module cannot be loaded or used."""


class BlobError(TamperedError):
    """The token does not open a blob: it was changed, or is another token's."""


LOST = (
    p11.TokenNotPresent,
    p11.TokenNotRecognised,
    p11.DeviceRemoved,
    p11.DeviceError,
    p11.SessionHandleInvalid,
    p11.SessionClosed,
    p11.UserNotLoggedIn,
    p11.ObjectHandleInvalid,
    p11.KeyHandleInvalid,
    p11.SlotIDInvalid,
    p11.UnwrappingKeyHandleInvalid,
    p11.WrappingKeyHandleInvalid,
)
_NOT_INITIALIZED = "initialized"
# A C_Login that never came to the PIN: the session or the token was not there.
_NO_TRY = (p11.TokenNotPresent, p11.DeviceRemoved, p11.SessionHandleInvalid, p11.SessionClosed, p11.SlotIDInvalid)

_PIN_REMEDY = (
    "Find out the right PIN first: a token locks after a few wrong ones. Then give it with "
    "`kctui hsm test NAME --new-pin`."
)


_IN_WORDS = {
    p11.FunctionNotSupported: "it does not do that at all",
    p11.MechanismInvalid: "it has no such mechanism",
    p11.MechanismParamInvalid: "it does not take that parameter of the mechanism",
    p11.ArgumentsBad: "it does not take such parameters",
    p11.KeyTypeInconsistent: "it does not do that with such a key",
    p11.KeyNotWrappable: "it does not let such a key be wrapped so",
    p11.KeyUnextractable: "it does not let the key out, not even wrapped",
    p11.DomainParamsInvalid: "it does not know the curve",
}


def reason(error: p11.PKCS11Error) -> str:
    """What a module said, in a few words: in ours where it is clear, else its error's name, and its words if any."""
    if type(error) in _IN_WORDS:
        return _IN_WORDS[type(error)]
    name = type(error).__name__
    return f"{name}: {error}" if str(error) else name


def is_lost(error: p11.PKCS11Error) -> bool:
    """Whether the token, the session or the login is gone, so that it is worth connecting anew."""
    return isinstance(error, LOST) or (type(error) is p11.PKCS11Error and _NOT_INITIALIZED in str(error).lower())


def spends_no_try(error: p11.PKCS11Error) -> bool:
    """Whether a login that failed so did not come to the PIN, and may be done again."""
    return isinstance(error, _NO_TRY) or (is_lost(error) and not isinstance(error, LOST))


def login_fault(error: p11.PKCS11Error) -> LoginFaultError:
    """A login that failed, and may have been counted as a wrong PIN."""
    return LoginFaultError(
        "The login to the token failed",
        detail=f"It said {reason(error)}. Whether that counted as a wrong PIN cannot be told: it is not tried again.",
        remedy="Look at the HSM with the vendor's tool, then give the PIN: `kctui hsm test NAME --new-pin`.",
    )


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what a module raises into a KctuiError. what: what was being done, for the title."""
    try:
        yield
    except p11.PKCS11Error as error:
        raise explain(error, what) from error


def explain(error: p11.PKCS11Error, what: str) -> KctuiError:
    """The KctuiError for what a module raised while it was to do `what`."""
    said = reason(error)
    if is_lost(error):
        return TokenGoneError(
            f"The token is gone: {what} was not done",
            detail=f"The module said {said}.",
            remedy="Put it back, or restart its service; kctui connects again by itself.",
        )
    match error:
        case p11.PinIncorrect() | p11.PinInvalid() | p11.PinLenRange():
            return PinRefusedError("The token does not take the PIN", detail=f"It said {said}.", remedy=_PIN_REMEDY)
        case p11.PinLocked():
            return PinLockedError(
                "The token's PIN is locked",
                detail="Too many wrong PINs were tried. Nothing on the token is lost by that.",
                remedy="Its security officer can set a new PIN with the vendor's tool.",
            )
        case p11.PinExpired() | p11.UserPinNotInitialized():
            return PinRefusedError(
                "The token has no usable PIN" if isinstance(error, p11.UserPinNotInitialized) else "The PIN is expired",
                detail=f"It said {said}.",
                remedy="Set one with the vendor's tool, then give it with `kctui hsm test NAME --new-pin`.",
            )
        case p11.DeviceMemory() | p11.SessionCount():
            return TokenFullError(
                "The token is full",
                detail=f"It said {said} while {what}.",
                remedy="Make room on it: delete what is not needed, with the vendor's tool, or end other sessions.",
            )
        case p11.TokenWriteProtected() | p11.SessionReadOnly():
            return HsmRefusedError(
                "The token is write-protected", detail=f"It said {said} while {what}.", remedy="Lift its protection."
            )
        case p11.KeyNotWrappable():
            return HsmRefusedError(
                "The token does not let the key be wrapped",
                detail=f"It said {said} while {what}. A policy may demand that only a trusted key wraps "
                "(CKA_WRAP_WITH_TRUSTED); AWS's import key is none.",
                remedy="Change the policy of the partition, or use another HSM.",
            )
        case p11.KeyUnextractable():
            return HsmRefusedError(
                "The token does not let the key out, not even wrapped",
                detail=f"It said {said} while {what}.",
                remedy="Allow key export (wrapping) for this partition, or use another HSM.",
            )
    return HsmRefusedError(
        f"The HSM refused: {what}", detail=f"It said {said}.", remedy="`kctui hsm test` shows what it can do."
    )
