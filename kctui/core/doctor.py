"""The examination: home, file modes, database, journal, audit log, clock, disk, process, and the way to AWS."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

from sqlmodel import col, select

from kctui.core.audit import AuditLog
from kctui.core.clock import now, rfc3339
from kctui.core.engine import Engine
from kctui.core.errors import KctuiError
from kctui.core.hsm_health import all_hsms, hsm_health
from kctui.core.model import AuditEntry, CspAccount
from kctui.core.paths import Home
from kctui.core.process import is_hardened
from kctui.core.recovery import open_operations
from kctui.core.settings import load_settings
from kctui.core.store import SCHEMA_HEAD, Store

_MEBIBYTE = 1024 * 1024
_LITTLE_DISK = 256 * _MEBIBYTE
_HARDLY_ANY_DISK = 16 * _MEBIBYTE
_CLOCK_TOLERANCE, _CLOCK_LIMIT = 30, 240


class Verdict(Enum):
    """What a finding means."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was examined. remedy: "" where there is nothing to do."""

    subject: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def examine(home: Home, engine: Engine | None) -> list[Finding]:
    """Examine everything that can be. engine: None where the home could not be opened; unlocked: AWS is asked too."""
    findings = [_process()]
    findings += _home(home)
    if any(finding.verdict is Verdict.PROBLEM and finding.subject == "home" for finding in findings):
        return findings
    findings.append(_disk(home))
    if engine is not None:
        return [*findings, *_state(engine.store, engine)]
    try:
        settings = load_settings(home)
        if not settings.database and not home.database.is_file():
            remedy = "Restore it from a backup: a new one would not hold your key material."
            return [*findings, Finding("database", Verdict.PROBLEM, f"{home.database} is missing", remedy)]
        with closing(Store(settings.database_url(home), home)) as store:
            findings += _state(store, None)
    except KctuiError as error:
        findings.append(_problem("configuration", error))
    return findings


def _process() -> Finding:
    if is_hardened():
        return Finding("process", Verdict.OK, "no core dumps, memory closed to other processes")
    remedy = "Start it as `kctui`, and see whether a debugger or a security module interferes."
    return Finding("process", Verdict.PROBLEM, "core dumps or memory of this process are open to others", remedy)


def _home(home: Home) -> Iterator[Finding]:
    try:
        home.require()
        loose = _without_companions(home.loose_files())
    except KctuiError as error:
        yield _problem("home", error)
        return
    except OSError as error:
        remedy = "Check the owner and mode of the home directory."
        yield Finding("home", Verdict.PROBLEM, f"{home.root} cannot be read: {error.strerror}", remedy)
        return
    shared = "shared with a Unix group" if home.shared else "private"
    yield Finding("home", Verdict.OK, f"{home.root}, {shared}")
    for path, mode, wanted in loose:
        yield Finding("file modes", Verdict.PROBLEM, f"{path} is {mode:04o}", f"chmod {wanted:04o} {path}")
    if not loose:
        yield Finding("file modes", Verdict.OK, "nothing is open to others")


def _without_companions(loose: list[tuple[Path, int, int]]) -> list[tuple[Path, int, int]]:
    """Leave out the -wal and -shm of a database that is loose itself: SQLite gives them its mode."""
    paths = {str(path) for path, _, _ in loose}
    return [
        entry
        for entry in loose
        if str(entry[0]).removesuffix("-wal").removesuffix("-shm") not in paths - {str(entry[0])}
    ]


def _disk(home: Home) -> Finding:
    free = shutil.disk_usage(home.root).free
    detail = f"{free // _MEBIBYTE} MiB free for {home.root}"
    if free >= _LITTLE_DISK:
        return Finding("disk", Verdict.OK, detail)
    remedy = f"Free some space: df -h {home.root}"
    return Finding("disk", Verdict.PROBLEM if free < _HARDLY_ANY_DISK else Verdict.WARNING, detail, remedy)


def _state(store: Store, engine: Engine | None) -> Iterator[Finding]:
    """What the database says; where it cannot be read there is nothing more to say."""
    database = _database(store)
    yield database
    if database.verdict is Verdict.PROBLEM:
        return
    for examination in (_journal, _clock):
        try:
            yield examination(store)
        except KctuiError as error:
            yield _problem(examination.__name__.strip("_"), error)
    if engine is None:
        return
    yield _audit(engine.audit)
    yield from _accounts(engine)
    yield from _hsms(engine)


def _hsms(engine: Engine) -> Iterator[Finding]:
    hsms = all_hsms(engine)
    if hsms and not engine.unlocked:
        remedy = "Name an operator or a passphrase file to have them examined."
        yield Finding("HSMs", Verdict.WARNING, f"{len(hsms)} not examined: the vault is locked", remedy)
        return
    for health in hsm_health(engine, hsms):
        subject = f"HSM {health.name}"
        yield _problem(subject, health.error) if health.error else Finding(subject, Verdict.OK, health.detail)


def _database(store: Store) -> Finding:
    try:
        complaint = store.check_integrity()
        schema = store.schema()
    except KctuiError as error:
        return _problem("database", error)
    if complaint is not None:
        remedy = "Keep a copy of the file as it is, then restore the last backup."
        return Finding("database", Verdict.PROBLEM, f"damaged: {complaint}", remedy)
    if schema != SCHEMA_HEAD:
        remedy = "Use the kctui that made this home, or a newer one."
        return Finding(
            "database", Verdict.PROBLEM, f"schema {schema or 'none'}; this kctui knows {SCHEMA_HEAD}", remedy
        )
    kind = "SQLite" if store.is_sqlite else "PostgreSQL"
    return Finding("database", Verdict.OK, f"{kind}, sound, schema {schema}")


def _journal(store: Store) -> Finding:
    operations = open_operations(store)
    dead = [operation for operation in operations if not operation.alive]
    if dead:
        detail = f"{len(dead)} interrupted: {dead[0].title}" + (" and others" if len(dead) > 1 else "")
        return Finding("journal", Verdict.PROBLEM, detail, "kctui recover")
    if operations:
        return Finding("journal", Verdict.OK, f"{len(operations)} under way, none interrupted")
    return Finding("journal", Verdict.OK, "nothing is open")


def _clock(store: Store) -> Finding:
    """A clock that stands before the last entry of the audit log is wrong, or was when that was written."""
    with store.read() as session:
        last = session.exec(select(AuditEntry.time).order_by(col(AuditEntry.time).desc()).limit(1)).one_or_none()
    at = now()
    if last is not None and last > at:
        detail = f"it is {rfc3339(at)}, and the last audit entry is of {rfc3339(last)}"
        remedy = "Set the clock (chrony, NTP): AWS refuses requests that are off by more than 5 minutes."
        return Finding("clock", Verdict.PROBLEM, detail, remedy)
    return Finding("clock", Verdict.OK, f"{rfc3339(at)}, after every audit entry")


def _clock_against(name: str, ahead: timedelta) -> Finding:
    """AWS refuses requests that are signed more than five minutes off (IAM User Guide, Signature Version 4)."""
    subject, seconds = f"clock against {name}", abs(ahead.total_seconds())
    if seconds < _CLOCK_TOLERANCE:
        return Finding(subject, Verdict.OK, "with AWS's, to the seconds")
    detail = f"{seconds:.0f} s {'behind' if ahead > timedelta() else 'ahead of'} AWS"
    verdict = Verdict.PROBLEM if seconds > _CLOCK_LIMIT else Verdict.WARNING
    return Finding(subject, verdict, detail, "Set the clock (chrony, NTP): AWS refuses requests 5 minutes off.")


def _audit(audit: AuditLog) -> Finding:
    try:
        check = audit.verify()
    except KctuiError as error:
        return _problem("audit log", error)
    if not check.intact:
        remedy = "Keep a copy of the database as it is, and compare with a backup."
        return Finding("audit log", Verdict.PROBLEM, f"wrong at entry {check.wrong_at}: {check.reason}", remedy)
    unchecked = f", {check.unchecked} keyed entries not checked (vault locked)" if check.unchecked else ""
    return Finding("audit log", Verdict.OK, f"{check.entries} entries, chain intact{unchecked}")


def _accounts(engine: Engine) -> Iterator[Finding]:
    with engine.store.read() as session:
        names = list(session.exec(select(CspAccount.name).order_by(CspAccount.name)))
    if names and not engine.unlocked:
        remedy = "Name an operator or a passphrase file to have them examined."
        yield Finding("CSP Accounts", Verdict.WARNING, f"{len(names)} not examined: the vault is locked", remedy)
        return
    for name in names:
        yield from _account(engine, name)


def _account(engine: Engine, name: str) -> Iterator[Finding]:
    from kctui.core.accounts import test_account
    from kctui.core.aws.permissions import Finding as Permitted

    subject = f"CSP Account {name}"
    try:
        found = test_account(engine, name)
    except KctuiError as error:
        yield _problem(subject, error)
        return
    yield Finding(subject, Verdict.OK, f"AWS knows it as {found.caller.arn}")
    if found.caller.ahead is not None:
        yield _clock_against(name, found.caller.ahead)
    denied = [check.permission for check in found.permissions if check.finding is Permitted.DENIED]
    needed = [permission.action for permission in denied if not permission.optional]
    useful = [permission.action for permission in denied if permission.optional]
    unknown = [check for check in found.permissions if check.finding is Permitted.UNKNOWN]
    subject = f"permissions of {name}"
    remedy = "Add them to the IAM user's policy."
    if needed:
        yield Finding(subject, Verdict.PROBLEM, f"denied: {', '.join(needed)}", remedy)
    elif useful:
        yield Finding(subject, Verdict.WARNING, f"denied, though kctui works without: {', '.join(useful)}", remedy)
    else:
        told = f", {len(unknown)} cannot be told ({unknown[0].how})" if unknown else ""
        yield Finding(subject, Verdict.OK, f"{len(found.permissions) - len(unknown)} allowed{told}")


def _problem(subject: str, error: KctuiError) -> Finding:
    detail = f"{error.title} ({error.detail})" if error.detail else error.title
    return Finding(subject, Verdict.PROBLEM, detail, error.remedy)
