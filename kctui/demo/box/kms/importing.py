"""Import and deletion of key material (AWS KMS Developer Guide, "Importing key material")."""

import hashlib
from datetime import timedelta

from kctui.demo.box.errors import AwsError
from kctui.demo.box.protocol import validation_error, violation
from kctui.demo.box.values import Answer

from .call import KmsCall
from .materials import check_imported, make_material, material_id
from .registry import ALWAYS, LIVING, operation
from .state import Key, Material
from .wrapping import check_combination, unwrap

LONGEST_VALIDITY = timedelta(days=365)
EXPIRES, STAYS = "KEY_MATERIAL_EXPIRES", "KEY_MATERIAL_DOES_NOT_EXPIRE"
NEW, EXISTING = "NEW_KEY_MATERIAL", "EXISTING_KEY_MATERIAL"


def _require_external(key: Key) -> None:
    if not key.external:
        raise AwsError(
            "UnsupportedOperationException", f"{key.arn} origin is {key.origin} which is not valid for this operation."
        )


@operation("GetParametersForImport", key="KeyId", allowed=LIVING)
def get_parameters_for_import(call: KmsCall) -> Answer:
    """GetParametersForImport: a later pair does not invalidate an earlier one.

    The guide's table and the API reference disagree about Disabled keys; the table, which allows them, is
    the more detailed of the two.
    """
    _require_external(call.key)
    algorithm, wrapping_spec = call.params.text("WrappingAlgorithm"), call.params.text("WrappingKeySpec")
    check_combination(call.key.spec, algorithm, wrapping_spec)
    issued = call.wrapping.issue(call.key.arn, algorithm, wrapping_spec, call.now)
    return {
        "KeyId": call.key.arn,
        "ImportToken": issued.token,
        "PublicKey": issued.public_key,
        "ParametersValidTo": issued.valid_to,
    }


@operation("ImportKeyMaterial", key="KeyId", allowed=LIVING)
def import_key_material(call: KmsCall) -> Answer:
    """ImportKeyMaterial: the first import fixes the material, later ones must bring the same again."""
    key, params = call.key, call.params
    _require_external(key)
    _check_validity(call)
    if not key.rotatable:
        _refuse_symmetric_only(call)
    opened = call.wrapping.open(params.blob("ImportToken"), key.arn, call.now)
    secret = check_imported(key.spec, unwrap(opened, params.blob("EncryptedKeyMaterial")))
    material = _accept(call, secret)
    material.secret = secret
    material.valid_to = params.moment("ValidTo")
    description = params.maybe_text("KeyMaterialDescription")
    if description is not None:
        material.description = description
    # The API reference says that a successful import makes the key Enabled, whatever it was.
    if material is not key.pending:
        key.enabled = True
    return {"KeyId": key.arn, "KeyMaterialId": material.material_id if key.rotatable else None}


def _check_validity(call: KmsCall) -> None:
    model = call.params.text_or("ExpirationModel", EXPIRES)
    valid_to = call.params.moment("ValidTo")
    if model == STAYS:
        if valid_to is not None:
            raise AwsError("ValidationException", f"ValidTo must not be set when ExpirationModel is {STAYS}.")
        return
    if valid_to is None:
        raise AwsError("ValidationException", f"ValidTo must be set when ExpirationModel is {EXPIRES}.")
    if valid_to <= call.now:
        raise validation_error(violation(valid_to.isoformat(), "validTo", "Member must be a date in the future"))
    if valid_to > call.now + LONGEST_VALIDITY:
        constraint = f"Member must be at most {LONGEST_VALIDITY.days} days from the date of the request"
        raise validation_error(violation(valid_to.isoformat(), "validTo", constraint))


def _refuse_symmetric_only(call: KmsCall) -> None:
    for member in ("ImportType", "KeyMaterialId", "KeyMaterialDescription"):
        if member in call.params:
            raise AwsError("ValidationException", f"{member} can be used with symmetric encryption KMS keys only.")


def _accept(call: KmsCall, secret: bytes) -> Material:
    """Return the material that an import fills, or refuse it as incorrect."""
    key, params = call.key, call.params
    import_type = params.text_or("ImportType", EXISTING if key.materials else NEW)
    wanted = params.maybe_text("KeyMaterialId")
    known = key.material(material_id(key, secret))
    if import_type == NEW:
        if wanted is not None:
            raise AwsError("ValidationException", f"KeyMaterialId cannot be set when ImportType is {NEW}.")
        if known is not None:
            raise AwsError("IncorrectKeyMaterialException", "The key material is already associated with the key.")
        return _associate(key, secret)
    if known is None or known.fingerprint != hashlib.sha256(secret).digest():
        raise AwsError("IncorrectKeyMaterialException", "The key material is not associated with the key.")
    if wanted is not None and wanted != known.material_id:
        raise AwsError("IncorrectKeyMaterialException", "The key material does not match the KeyMaterialId.")
    return known


def _associate(key: Key, secret: bytes) -> Material:
    material = make_material(key, secret)
    if not key.materials:
        key.materials.append(material)
        return material
    # "You can delete this key material and import different key material in its place": so a second one
    # cannot wait beside it (RotationsListEntry, KeyMaterialState).
    if key.pending is not None:
        raise AwsError("KMSInvalidStateException", f"{key.arn} already has key material pending rotation.")
    key.pending = material
    return material


@operation("DeleteImportedKeyMaterial", key="KeyId", allowed=ALWAYS)
def delete_imported_key_material(call: KmsCall) -> Answer:
    """DeleteImportedKeyMaterial: the current material unless another is named.

    The id stays associated with the key, except that of material pending rotation, which is forgotten.
    """
    key = call.key
    _require_external(key)
    wanted = call.params.maybe_text("KeyMaterialId")
    if wanted is not None and not key.rotatable:
        raise AwsError("ValidationException", "KeyMaterialId can be used with symmetric encryption KMS keys only.")
    material = key.current if wanted is None else key.material(wanted)
    if material is None:
        if wanted is None:
            return {"KeyId": key.arn}
        raise AwsError("NotFoundException", f"Key material {wanted} is not associated with {key.arn}")
    if material is key.pending:
        key.pending = None
    material.secret = None
    material.valid_to = None
    return {"KeyId": key.arn, "KeyMaterialId": material.material_id if key.rotatable else None}
