"""What is chosen: the enumerations of the domain, in the words of the guide and of AWS.

They stand apart from the tables so that light commands may use them without importing SQLModel.
"""

from enum import StrEnum


class CloudStatus(StrEnum):
    """What KMS last said of a CloudKey."""

    AVAILABLE = "AVAILABLE"
    DISABLED = "DISABLED"
    NOT_AVAILABLE = "NOT AVAILABLE"
    PENDING_DELETE = "PENDING DELETE"
    UPDATING = "UPDATING"
    DELETED = "DELETED"
    UNKNOWN = "UNKNOWN"

    @property
    def glyph(self) -> str:
        """One character beside the word, so that state is never colour alone."""
        return _GLYPHS[self]


_GLYPHS = {
    CloudStatus.AVAILABLE: "●",
    CloudStatus.DISABLED: "○",
    CloudStatus.NOT_AVAILABLE: "◌",
    CloudStatus.PENDING_DELETE: "✕",
    CloudStatus.UPDATING: "◐",
    CloudStatus.DELETED: "–",
    CloudStatus.UNKNOWN: "?",
}

_STATUS_OF_KEY_STATE = {
    "Enabled": CloudStatus.AVAILABLE,
    "Disabled": CloudStatus.DISABLED,
    "PendingImport": CloudStatus.NOT_AVAILABLE,
    "PendingDeletion": CloudStatus.PENDING_DELETE,
    "PendingReplicaDeletion": CloudStatus.PENDING_DELETE,
    "Creating": CloudStatus.UPDATING,
    "Updating": CloudStatus.UPDATING,
}


def cloud_status(key_state: str) -> CloudStatus:
    """The Cloud Status for a KeyState of DescribeKey (AWS KMS API Reference, KeyMetadata)."""
    return _STATUS_OF_KEY_STATE.get(key_state, CloudStatus.UNKNOWN)


class KeySource(StrEnum):
    """Who made the key material: kctui holds its own; AWS's can never be removed or uploaded."""

    KCTUI = "KCTUI"
    AWS = "AWS"


class KeyFamily(StrEnum):
    """The families of key specs whose material is made, wrapped and used alike."""

    SYMMETRIC = "symmetric"
    HMAC = "HMAC"
    RSA = "RSA"
    ECC = "ECC"


class KeyUsage(StrEnum):
    """The KMS key usages (CreateKey, KeyUsage). Never changed once the key is made."""

    ENCRYPT_DECRYPT = "ENCRYPT_DECRYPT"
    SIGN_VERIFY = "SIGN_VERIFY"
    GENERATE_VERIFY_MAC = "GENERATE_VERIFY_MAC"
    KEY_AGREEMENT = "KEY_AGREEMENT"

    @property
    def told(self) -> str:
        """What the key can do, in a few words."""
        return _USAGES_TOLD[self]


_USAGES_TOLD = {
    KeyUsage.ENCRYPT_DECRYPT: "encrypt and decrypt",
    KeyUsage.SIGN_VERIFY: "sign and verify",
    KeyUsage.GENERATE_VERIFY_MAC: "generate and verify MACs",
    KeyUsage.KEY_AGREEMENT: "derive shared secrets",
}


class KeySpec(StrEnum):
    """The KMS key specs (CreateKey, KeySpec). kctui makes material for those in `MADE_SPECS`."""

    SYMMETRIC_DEFAULT = "SYMMETRIC_DEFAULT"
    HMAC_224 = "HMAC_224"
    HMAC_256 = "HMAC_256"
    HMAC_384 = "HMAC_384"
    HMAC_512 = "HMAC_512"
    RSA_2048 = "RSA_2048"
    RSA_3072 = "RSA_3072"
    RSA_4096 = "RSA_4096"
    ECC_NIST_P256 = "ECC_NIST_P256"
    ECC_NIST_P384 = "ECC_NIST_P384"
    ECC_NIST_P521 = "ECC_NIST_P521"
    ECC_SECG_P256K1 = "ECC_SECG_P256K1"
    ECC_NIST_EDWARDS25519 = "ECC_NIST_EDWARDS25519"
    SM2 = "SM2"
    ML_DSA_44 = "ML_DSA_44"
    ML_DSA_65 = "ML_DSA_65"
    ML_DSA_87 = "ML_DSA_87"

    @property
    def family(self) -> KeyFamily | None:
        """The family; None for a spec whose material AWS does not import."""
        return _KINDS[self][0] if self in _KINDS else None

    @property
    def usages(self) -> tuple[KeyUsage, ...]:
        """The usages that CreateKey takes for it, the one without a choice first; none where nothing is imported.

        AWS makes no RSA or ECC key without a usage: the first is what its console selects for RSA, and signing for
        ECC, which every curve can do.
        """
        return _KINDS[self][1] if self in _KINDS else ()


# AWS KMS API Reference, CreateKey, KeyUsage.
_KINDS = {
    KeySpec.SYMMETRIC_DEFAULT: (KeyFamily.SYMMETRIC, (KeyUsage.ENCRYPT_DECRYPT,)),
    KeySpec.HMAC_224: (KeyFamily.HMAC, (KeyUsage.GENERATE_VERIFY_MAC,)),
    KeySpec.HMAC_256: (KeyFamily.HMAC, (KeyUsage.GENERATE_VERIFY_MAC,)),
    KeySpec.HMAC_384: (KeyFamily.HMAC, (KeyUsage.GENERATE_VERIFY_MAC,)),
    KeySpec.HMAC_512: (KeyFamily.HMAC, (KeyUsage.GENERATE_VERIFY_MAC,)),
    KeySpec.RSA_2048: (KeyFamily.RSA, (KeyUsage.ENCRYPT_DECRYPT, KeyUsage.SIGN_VERIFY)),
    KeySpec.RSA_3072: (KeyFamily.RSA, (KeyUsage.ENCRYPT_DECRYPT, KeyUsage.SIGN_VERIFY)),
    KeySpec.RSA_4096: (KeyFamily.RSA, (KeyUsage.ENCRYPT_DECRYPT, KeyUsage.SIGN_VERIFY)),
    KeySpec.ECC_NIST_P256: (KeyFamily.ECC, (KeyUsage.SIGN_VERIFY, KeyUsage.KEY_AGREEMENT)),
    KeySpec.ECC_NIST_P384: (KeyFamily.ECC, (KeyUsage.SIGN_VERIFY, KeyUsage.KEY_AGREEMENT)),
    KeySpec.ECC_NIST_P521: (KeyFamily.ECC, (KeyUsage.SIGN_VERIFY, KeyUsage.KEY_AGREEMENT)),
    KeySpec.ECC_SECG_P256K1: (KeyFamily.ECC, (KeyUsage.SIGN_VERIFY,)),
}

MADE_SPECS = tuple(_KINDS)


def key_spec_words(spec: KeySpec, usage: KeyUsage) -> str:
    """A key's kind as it is shown: its spec, and what it can do."""
    return f"{spec.value} · {usage.told}"


# On-demand rotations of one KMS key, not adjustable (AWS KMS Developer Guide, Rotate AWS KMS keys).
MOST_ROTATIONS = 25


class MaterialState(StrEnum):
    """Where a version's material stands in its KMS key; MADE is before AWS knows it."""

    MADE = "MADE"
    CURRENT = "CURRENT"
    NON_CURRENT = "NON_CURRENT"
    PENDING_ROTATION = "PENDING_ROTATION"


class ImportState(StrEnum):
    """Whether the material is in KMS now (AWS's word, ListKeyRotations)."""

    IMPORTED = "IMPORTED"
    PENDING_IMPORT = "PENDING_IMPORT"


class CredentialKind(StrEnum):
    """How a CSP Account signs in to AWS."""

    ACCESS_KEY = "ACCESS_KEY"
    PROFILE = "PROFILE"
    INSTANCE_ROLE = "INSTANCE_ROLE"
    ASSUME_ROLE = "ASSUME_ROLE"


class RotationMethod(StrEnum):
    """How Rotate Now gives a CloudKey new key material: into the same KMS key, or by a new one with the alias moved."""

    IN_PLACE = "IN PLACE"
    NEW_KEY = "NEW KEY"

    @property
    def told(self) -> str:
        """What it does, in a few words."""
        return _ROTATION_METHODS[self]


_ROTATION_METHODS = {
    RotationMethod.IN_PLACE: "new material, same KMS key and key id",
    RotationMethod.NEW_KEY: "new KMS key, the alias moves to it",
}


class OperatorKind(StrEnum):
    """A person, or a service such as the scheduler."""

    PERSON = "PERSON"
    SERVICE = "SERVICE"


class OperationKind(StrEnum):
    """The journalled operations, under the names that the interface gives them."""

    CREATE = "Create CloudKey"
    UPLOAD = "Upload to Cloud"
    ENABLE = "Enable CloudKey"
    DISABLE = "Disable CloudKey"
    REMOVE = "Remove from Cloud"
    DELETE = "Delete CloudKey"
    CANCEL_DELETION = "Cancel Deletion"
    ROTATE = "Rotate Now"
    ROTATE_BY_NEW_KEY = "Rotate Now by new KMS key"
    EDIT = "Edit CloudKey"
    ROTATE_CREDENTIALS = "Rotate Credentials"


class OperationState(StrEnum):
    """OPEN has work left to finish or undo; the others are final. FAILED and UNDONE left AWS as it was."""

    OPEN = "OPEN"
    DONE = "DONE"
    UNDONE = "UNDONE"
    FAILED = "FAILED"


class StepState(StrEnum):
    """INTENDED without a later state means that the effect may or may not have happened."""

    INTENDED = "INTENDED"
    DONE = "DONE"
    FAILED = "FAILED"


class AuditType(StrEnum):
    """The weight of an audit entry."""

    INFORMATION = "INFORMATION"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class AuditCategory(StrEnum):
    """What an audit entry is about."""

    VAULT = "VAULT"
    OPERATOR = "OPERATOR"
    ACCOUNT = "ACCOUNT"
    HSM = "HSM"
    KEY_SET = "KEY SET"
    CLOUD_KEY = "CLOUD KEY"
    RECOVERY = "RECOVERY"
    SYSTEM = "SYSTEM"


class ScheduleKind(StrEnum):
    """What a schedule makes due."""

    ROTATE_CLOUD_KEY = "ROTATE CLOUD KEY"
    ROTATE_CREDENTIAL = "ROTATE CREDENTIAL"


class TokenState(StrEnum):
    """How it stands with the token of an HSM, as the header shows it."""

    NOT_ASKED = "not asked"
    CONNECTED = "connected"
    NOT_THERE = "not there"
    PIN_REFUSED = "PIN refused"
    PIN_LOCKED = "PIN locked"
    FAULTY = "faulty"

    @property
    def glyph(self) -> str:
        """One character beside the word, so that state is never colour alone."""
        return _TOKEN_GLYPHS[self]


_TOKEN_GLYPHS = {
    TokenState.NOT_ASKED: "?",
    TokenState.CONNECTED: "✓",
    TokenState.NOT_THERE: "✕",
    TokenState.PIN_REFUSED: "✕",
    TokenState.PIN_LOCKED: "✕",
    TokenState.FAULTY: "!",
}
