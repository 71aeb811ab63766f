"""The two consents that an HSM may need, and what the audit log keeps of its being added."""

from kctui.core.audit import AuditEvent
from kctui.core.errors import RefusedError
from kctui.core.model import Hsm
from kctui.core.pkcs11.findings import Conformance
from kctui.core.words import AuditCategory, AuditType


class ConsentMissingError(RefusedError):
    """The token is used only with a consent that was not given. consent: the field of NewHsm for it."""

    def __init__(self, title: str, consent: str, *, detail: str, remedy: str) -> None:
        super().__init__(title, detail=detail, remedy=remedy)
        self.consent = consent


def require_consent(token_label: str, conformance: Conformance, *, sha1: bool, export: bool) -> None:
    """Raise RefusedError where a token cannot be used, ConsentMissingError where it needs a consent."""
    if not conformance.usable:
        reasons = [
            error.detail for spec in conformance.specs if (error := conformance.why_not(spec, sha1=True)) is not None
        ]
        raise RefusedError(
            f"The token {token_label} cannot wrap key material for AWS",
            detail=reasons[0] if reasons else "",
            remedy="Use an HSM that offers AES key wrap and RSA-OAEP (docs/hsm.md). Nothing was kept.",
        )
    if conformance.exports and not export:
        raise exports_refused(token_label, "Add it with --allow-export")
    if not sha1 and not any(conformance.why_not(spec, sha1=False) is None for spec in conformance.specs):
        raise ConsentMissingError(
            f"The token {token_label} wraps key material for AWS with SHA-1 only",
            "sha1",
            detail="AWS takes RSAES_OAEP_SHA_1. No attack on it is known, but many policies forbid SHA-1.",
            remedy="Where that is acceptable, add it with --allow-sha1: the audit log keeps who said so. Nothing was "
            "kept.",
        )


def exports_refused(name: str, how: str) -> ConsentMissingError:
    """The refusal of a token that lets out what it should not. how: it can be allowed."""
    return ConsentMissingError(
        f"The token {name} lets keys out that are marked as never to be let out",
        "export",
        detail="Whoever logs in can wrap its key-encryption key, and so take away all key material under it.",
        remedy=f"{how}, where that is acceptable: the audit log keeps who said so.",
    )


def events_of_adding(hsm: Hsm, conformance: Conformance) -> list[AuditEvent]:
    """That it was added, and each consent with what needs it."""
    events = [event_of(hsm, AuditType.INFORMATION, f"Added HSM {hsm.name}: token {hsm.token_label}")]
    if hsm.sha1_allowed:
        said = ", ".join(spec.value for spec in conformance.sha1_only) or "no key spec at present"
        events.append(
            event_of(hsm, AuditType.WARNING, f"Consent to wrapping with SHA-1 for HSM {hsm.name}; needed by {said}")
        )
    if hsm.export_allowed:
        does = "which it does" if conformance.exports else "which it does not at present"
        text = f"Consent to HSM {hsm.name} letting non-extractable keys out, {does}"
        events.append(event_of(hsm, AuditType.WARNING, text))
    return events


def event_of(hsm: Hsm, weight: AuditType, message: str) -> AuditEvent:
    """An entry about an HSM."""
    objects_named = {
        "HSM": hsm.name,
        "Token": hsm.token_label,
        "Serial": hsm.token_serial or "none",
        "Key-encryption key": hsm.kek_id,
    }
    return AuditEvent(weight, AuditCategory.HSM, message, objects_named, group_id=hsm.group_id)
