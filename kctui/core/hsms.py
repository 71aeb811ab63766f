"""HSMs: added with a token that can do what AWS needs, tested, found."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session, select

from kctui.core.accounts import choose_group
from kctui.core.clock import now
from kctui.core.engine import Engine
from kctui.core.errors import (
    ConflictError,
    InvalidInputError,
    KctuiError,
    NotFoundError,
)
from kctui.core.hsm_consents import event_of, events_of_adding, exports_refused, require_consent
from kctui.core.keyring import check_name
from kctui.core.model import Hsm, new_id
from kctui.core.observer import Observer, Silent
from kctui.core.pkcs11 import key_encryption, objects
from kctui.core.pkcs11.connection import Connection, Opened
from kctui.core.pkcs11.errors import TokenFullError
from kctui.core.pkcs11.findings import PROBE_EDITION, Conformance
from kctui.core.pkcs11.module import TokenInfo, Where, resolve
from kctui.core.pkcs11.probe import probe, probe_new
from kctui.core.pkcs11.tokens import pin_place, where_of
from kctui.core.secret import Secret
from kctui.core.words import AuditType, StepState

Result = TypeVar("Result")
_PROBE_SECONDS = 300.0
_KEK_ID_BYTES = 16
_LONGEST_LABEL = 32


@dataclass(frozen=True)
class NewHsm:
    """What an HSM is made from. module: a path, or the name of a library in the usual folders.

    slot: only where several tokens have the label. init_args: the module's own string for C_Initialize (NSS).
    group: an Admin Group's name, None for the operator's only one. sha1, export: the two consents.
    """

    name: str
    module: str
    token_label: str
    pin: Secret
    slot: int | None = None
    init_args: str | None = None
    group: str | None = None
    sha1: bool = False
    export: bool = False


@dataclass(frozen=True)
class HsmTest:
    """What a test found. conformance: of now, or of probed_at where library, token and firmware are as they were."""

    token: TokenInfo
    library: str
    conformance: Conformance
    probed_at: datetime
    probed_now: bool


@dataclass(frozen=True)
class _Looked:
    """What one look at a token found."""

    token: TokenInfo
    library: str

    @property
    def probed_for(self) -> str:
        """What a probe's result holds for."""
        token = self.token
        return f"{PROBE_EDITION}/{self.library}/{token.model}/{token.serial}/{token.firmware}"


def check_new_hsm(engine: Engine, new: NewHsm) -> NewHsm:
    """Everything that can be checked without the token. Raises InvalidInputError or ConflictError."""
    check_name(new.name, "an HSM")
    resolve(new.module)
    check_token_label(new.token_label)
    if new.slot is not None and new.slot < 0:
        raise InvalidInputError(
            "That is no slot", remedy="It is a number, as the vendor's tool shows it.", field="slot"
        )
    if not len(new.pin):
        raise InvalidInputError("The PIN is empty", remedy="An empty PIN would count as a wrong one.", field="pin")
    with engine.store.read() as session:
        _refuse_taken_name(session, new.name)
    choose_group(engine, new.group)
    return new


def check_token_label(label: str) -> None:
    """Raise InvalidInputError where no token can have this label."""
    if not label or len(label) > _LONGEST_LABEL or not label.isprintable():
        raise InvalidInputError(
            "That is no token label", remedy="It has 1 to 32 printable characters.", field="token_label"
        )


def add_hsm(engine: Engine, new: NewHsm, observer: Observer | None = None) -> Hsm:
    """Add an HSM: log in once, probe what its token can do, make a key-encryption key there, and keep the PIN sealed.

    Nothing is kept, and nothing left on the token, where it cannot do what AWS needs or a consent is missing. Raises
    InvalidInputError, ConflictError, ConsentMissingError, HsmRefusedError, HsmUnreachableError, ModuleError.
    """
    observer = observer or Silent()
    engine.require_writable("Add HSM")
    check_new_hsm(engine, new)
    group = choose_group(engine, new.group)
    kek_id = os.urandom(_KEK_ID_BYTES)
    where = Where(resolve(new.module), new.token_label, None, new.slot, new.init_args)
    connection = Connection(where, lambda: Secret(new.pin.reveal()))
    try:
        looked = _step(observer, "Log in and look at the token", lambda: connection.run(_look, "looking at the token"))
        _refuse_same_token(engine, where, looked.token)
        # From now on this very token: another one of that label must not get the PIN.
        connection.where = replace(where, serial=looked.token.serial)
        conformance = _step(
            observer,
            "Probe what it can wrap for AWS",
            lambda: connection.run(lambda opened: _probed(opened, None), "probing the token", patience=_PROBE_SECONDS),
        )
        require_consent(new.token_label, conformance, sha1=new.sha1, export=new.export)
        hsm = Hsm(
            id=new_id(),
            name=new.name,
            group_id=group.id,
            module=where.module,
            init_args=new.init_args,
            token_label=new.token_label,
            token_serial=looked.token.serial,
            slot=new.slot,
            manufacturer=looked.token.manufacturer,
            token_model=looked.token.model,
            sealed_pin=b"",
            kek_id=kek_id.hex(),
            sha1_allowed=new.sha1,
            export_allowed=new.export,
            conformance=conformance.to_json(),
            probed_for=looked.probed_for,
            probed_at=now(),
            reached_at=now(),
        )
        hsm.sealed_pin = engine.keyring.seal(group.id, pin_place(hsm), new.pin)
        _step(observer, "Make the key-encryption key", lambda: _make_kek(connection, kek_id, new.name))
        try:
            with engine.store.write() as session:
                _refuse_taken_name(session, new.name)
                session.add(hsm)
                session.flush()
                for event in events_of_adding(hsm, conformance):
                    engine.audit.record(session, event)
        except ConflictError:
            # The name was taken meanwhile: certainly nothing was kept. Of any other failure that cannot be told, and
            # a key-encryption key that nothing needs costs nothing.
            _unmake_kek(connection, kek_id)
            raise
    finally:
        with suppress(KctuiError):
            connection.close()
    return hsm


def test_hsm(
    engine: Engine, name: str, observer: Observer | None = None, *, new_pin: Secret | None = None, again: bool = False
) -> HsmTest:
    """Log in to an HSM's token, look at its key-encryption key, and tell what it can do.

    new_pin: to be kept instead of the PIN there is, once the token takes it. again: probe it even where library,
    token and firmware are as they were when it was. Raises NotFoundError, LockedError, HsmRefusedError,
    HsmUnreachableError.
    """
    observer = observer or Silent()
    with engine.store.read() as session:
        hsm = find_hsm(session, name)
    if new_pin is not None:
        hsm = _keep_new_pin(engine, hsm, new_pin, observer)
    looked = _step(
        observer, "Log in and look at the token", lambda: engine.tokens.run(hsm, _look, "looking at the token")
    )
    kek_id = bytes.fromhex(hsm.kek_id)
    _step(
        observer,
        "Find the key-encryption key",
        lambda: engine.tokens.run(hsm, lambda opened: _found(opened, kek_id), "finding the key-encryption key"),
    )
    if looked.probed_for == hsm.probed_for and not again:
        return HsmTest(
            looked.token, looked.library, Conformance.from_json(hsm.conformance), hsm.probed_at, probed_now=False
        )
    conformance = _step(
        observer,
        "Probe what it can wrap for AWS",
        lambda: engine.tokens.run(
            hsm, lambda opened: _probed(opened, kek_id), "probing the token", patience=_PROBE_SECONDS
        ),
    )
    _keep_conformance(engine, hsm, looked, conformance)
    return HsmTest(looked.token, looked.library, conformance, now(), probed_now=True)


def conformance_of(engine: Engine, hsm: Hsm) -> Conformance:
    """What the token can do, as last probed; probed anew where library, token or firmware changed since."""
    looked = engine.tokens.run(hsm, _look, "looking at the token")
    if looked.probed_for == hsm.probed_for:
        conformance = Conformance.from_json(hsm.conformance)
    else:
        kek_id = bytes.fromhex(hsm.kek_id)
        conformance = engine.tokens.run(
            hsm, lambda opened: _probed(opened, kek_id), "probing the token", patience=_PROBE_SECONDS
        )
        _keep_conformance(engine, hsm, looked, conformance)
    if conformance.exports and not hsm.export_allowed:
        raise exports_refused(hsm.name, f"Remove the HSM {hsm.name} and add it again with --allow-export")
    return conformance


def find_hsm(session: Session, name: str) -> Hsm:
    """The HSM of this name. Raises NotFoundError."""
    hsm = session.exec(select(Hsm).where(Hsm.name == name)).one_or_none()
    if hsm is None:
        raise NotFoundError(
            f"There is no HSM {name}", remedy="`kctui hsm list` shows what there is; `kctui hsm add` adds one."
        )
    return hsm


def _step(observer: Observer, name: str, work: Callable[[], Result]) -> Result:
    observer.step(name, StepState.INTENDED)
    try:
        result = work()
    except KctuiError as error:
        observer.step(name, StepState.FAILED, error.title)
        raise
    observer.step(name, StepState.DONE)
    return result


def _look(opened: Opened) -> _Looked:
    opened.require_present()
    return _Looked(opened.info, opened.module.version)


def _probed(opened: Opened, kek_id: bytes | None) -> Conformance:
    """Probe with the key-encryption key; for a new HSM with one of the session, which nothing keeps."""
    return probe_new(opened) if kek_id is None else probe(opened, key_encryption.find_kek(opened, kek_id))


def _found(opened: Opened, kek_id: bytes) -> None:
    key_encryption.find_kek(opened, kek_id)


def _make_kek(connection: Connection, kek_id: bytes, name: str) -> None:
    """Make it, and see that it is still there when the module begins anew: a full disk may have kept it in memory."""

    def job(opened: Opened) -> None:
        # A token that was lost and came back may have made it already.
        if not key_encryption.has_key(opened, kek_id):
            key_encryption.make_kek(opened, kek_id, f"kctui {name}", store=True)

    connection.run(job, "making the key-encryption key")
    connection.begin_anew()
    try:
        connection.run(lambda opened: _found(opened, kek_id), "looking for the new key-encryption key")
    except KctuiError as error:
        _unmake_kek(connection, kek_id)
        raise TokenFullError(
            "The token did not keep the key-encryption key",
            detail=f"It said that it made it; begun anew, it has it no more: {error.title}.",
            remedy="See whether the token, or the disk under a soft token, is full. Nothing was kept.",
        ) from error


def _unmake_kek(connection: Connection, kek_id: bytes) -> None:
    """Take away the key-encryption key of an HSM that could not be kept: nothing was ever under it."""
    with suppress(KctuiError):
        connection.run(lambda opened: objects.destroy(key_encryption.find_kek(opened, kek_id)), "taking it back")


def _keep_new_pin(engine: Engine, hsm: Hsm, pin: Secret, observer: Observer) -> Hsm:
    """Keep another PIN, once the token took it."""
    engine.require_writable("A new PIN")
    engine.keyring.open(hsm.group_id, pin_place(hsm), hsm.sealed_pin).wipe()
    resolve(hsm.module)
    connection = Connection(where_of(hsm), lambda: Secret(pin.reveal()))
    try:
        _step(observer, "Log in with the new PIN", lambda: connection.run(_look, "logging in"))
    finally:
        with suppress(KctuiError):
            connection.close()
    engine.tokens.forget(hsm.id)
    with engine.store.write() as session:
        row = session.get_one(Hsm, hsm.id)
        if pin_place(row) != pin_place(hsm):
            raise ConflictError(f"The HSM {hsm.name} was changed meanwhile", remedy="Look at it again, then try again.")
        row.sealed_pin = engine.keyring.seal(row.group_id, pin_place(hsm), pin)
        row.pin_refused_at = None
        row.revision += 1
        engine.audit.record(session, event_of(row, AuditType.INFORMATION, f"Gave HSM {row.name} a new PIN"))
    return row


def _keep_conformance(engine: Engine, hsm: Hsm, looked: _Looked, conformance: Conformance) -> None:
    if engine.read_only:
        return
    with engine.store.write() as session:
        row = session.get_one(Hsm, hsm.id)
        row.conformance, row.probed_for, row.probed_at = conformance.to_json(), looked.probed_for, now()


def _refuse_taken_name(session: Session, name: str) -> None:
    if session.exec(select(Hsm.id).where(Hsm.name == name)).first():
        raise ConflictError(f"There is an HSM {name} already", remedy="Choose another name.")


def _refuse_same_token(engine: Engine, where: Where, token: TokenInfo) -> None:
    statement = select(Hsm).where(
        Hsm.token_serial == token.serial,
        Hsm.token_label == token.label,
        Hsm.module == where.module,
        Hsm.init_args == where.init_args,
    )
    with engine.store.read() as session:
        same = session.exec(statement).first()
    if same is not None:
        raise ConflictError(
            f"That token is the HSM {same.name} already",
            remedy="Use that one. A PIN that changed is given with `kctui hsm test NAME --new-pin`.",
        )
