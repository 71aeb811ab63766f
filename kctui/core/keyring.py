"""The vault's keys: who may open what. Operators hold key pairs, Admin Groups hold a key, records are sealed.

Who is not in a group cannot open its records: the group is cryptography, not a filter.
"""

from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from kctui.core import operator_keys
from kctui.core.errors import InvalidInputError, LockedError, NotFoundError, TamperedError
from kctui.core.model import AdminGroup, Membership, Operator, new_id
from kctui.core.operator_keys import KdfParameters, SealedKeyPair
from kctui.core.sealing import Place, generation_of, new_key, seal, unseal
from kctui.core.secret import Secret
from kctui.core.words import OperatorKind


@dataclass
class OpenGroup:
    """A group whose keys are open: every generation that this operator holds."""

    id: str
    name: str
    generation: int
    keys: dict[int, Secret]
    audit_key: Secret


@dataclass
class Keyring:
    """What one unlocked operator can open, until `wipe`."""

    operator_id: str
    operator: str
    groups: dict[str, OpenGroup] = field(default_factory=dict)

    def group(self, group_id: str) -> OpenGroup:
        """The open group. Raises LockedError where this operator is not in it."""
        if group_id not in self.groups:
            raise LockedError(
                f"{self.operator} is not in the Admin Group that holds this",
                remedy="A member of that group can admit the operator.",
            )
        return self.groups[group_id]

    def seal(self, group_id: str, place: Place, value: Secret) -> bytes:
        """Seal under the group's present key."""
        group = self.group(group_id)
        return seal(group.keys[group.generation], group.generation, place, value)

    def open(self, group_id: str, place: Place, sealed: bytes) -> Secret:
        """Open a sealed value. Raises LockedError or TamperedError."""
        key = self.group(group_id).keys.get(generation_of(sealed))
        if key is None:
            raise TamperedError(
                f"A sealed value names a group key that does not exist: {place.table}.{place.column} of {place.row}",
                remedy="Do not overwrite it. Compare with a backup.",
            )
        return unseal(key, place, sealed)

    def wipe(self) -> None:
        """Forget every key."""
        for group in self.groups.values():
            group.audit_key.wipe()
            for key in group.keys.values():
                key.wipe()
        self.groups.clear()


def check_name(name: str, what: str, field_name: str = "name") -> str:
    """A name of an operator, group, account or key set: printable, trimmed, at most 64 characters."""
    if name != name.strip() or not name or len(name) > 64 or not name.isprintable() or "/" in name:  # noqa: PLR2004
        raise InvalidInputError(
            f"{name!r} cannot be the name of {what}",
            remedy="Use 1 to 64 printable characters without '/', and no spaces at either end.",
            field=field_name,
        )
    return name


def enrol(session: Session, name: str, passphrase: Secret, kind: OperatorKind = OperatorKind.PERSON) -> Operator:
    """Add an operator with a key pair of their own. They can open nothing until a group admits them."""
    check_name(name, "an operator", "operator")
    operator_id = new_id()
    pair = operator_keys.make_key_pair(operator_id, passphrase)
    operator = Operator(
        id=operator_id,
        name=name,
        kind=kind,
        public_key=pair.public_key,
        sealed_private_key=pair.sealed_private_key,
        kdf_salt=pair.kdf.salt,
        kdf_memory_kib=pair.kdf.memory_kib,
        kdf_passes=pair.kdf.passes,
        kdf_lanes=pair.kdf.lanes,
    )
    session.add(operator)
    session.flush()
    return operator


def create_group(session: Session, name: str, first_member: Operator) -> AdminGroup:
    """Make an Admin Group with a random key, sealed to its first member."""
    check_name(name, "an Admin Group", "group")
    group_id = new_id()
    with new_key() as key, new_key() as audit_key:
        group = AdminGroup(
            id=group_id,
            name=name,
            sealed_audit_key=seal(key, 1, audit_key_place(group_id), audit_key),
            # An anchor at no entry yet: a group without any has lost it.
            sealed_audit_anchor=seal(key, 1, audit_anchor_place(group_id), Secret("0:")),
        )
        session.add(group)
        session.flush()
        session.add(_membership(group_id, 1, key, first_member))
    session.flush()
    return group


def find_operator(session: Session, name: str) -> Operator:
    """The operator of this name. Raises NotFoundError."""
    operator = session.exec(select(Operator).where(Operator.name == name)).one_or_none()
    if operator is None:
        raise NotFoundError(
            f"There is no operator {name}", remedy="Name an enrolled one with --operator or $KCTUI_OPERATOR."
        )
    return operator


def open_keyring(session: Session, operator: Operator, passphrase: Secret) -> Keyring:
    """Open everything this operator holds. Raises UnlockError for a wrong passphrase, TamperedError else."""
    pair = SealedKeyPair(
        operator.public_key,
        operator.sealed_private_key,
        KdfParameters(operator.kdf_salt, operator.kdf_memory_kib, operator.kdf_passes, operator.kdf_lanes),
    )
    private = operator_keys.open_key_pair(operator.id, pair, passphrase)
    keyring = Keyring(operator.id, operator.name)
    try:
        rows = session.exec(
            select(Membership, AdminGroup)
            .where(Membership.operator_id == operator.id, Membership.group_id == AdminGroup.id)
            .order_by(AdminGroup.name, col(Membership.generation))
        ).all()
        keys: dict[str, dict[int, Secret]] = {}
        for member, group in rows:
            info = _membership_info(group.id, operator.id, member.generation)
            keys.setdefault(group.id, {})[member.generation] = private.receive(member.sealed_group_key, info)
        for group in {group.id: group for _, group in rows}.values():
            if not _removed_from(session, group, keys[group.id]):
                keyring.groups[group.id] = _open_group(group, keys[group.id])
    except BaseException:
        keyring.wipe()
        raise
    finally:
        private.wipe()
    return keyring


def _removed_from(session: Session, group: AdminGroup, held: dict[int, Secret]) -> bool:
    """Whether the operator holds earlier keys alone, while others hold the present one.

    A present key that nobody holds is no removal: that would lock everybody out without a word.
    """
    if group.generation <= max(held):
        return False
    present = select(Membership).where(Membership.group_id == group.id, Membership.generation == group.generation)
    return session.exec(present.limit(1)).first() is not None


def _open_group(group: AdminGroup, held: dict[int, Secret]) -> OpenGroup:
    sealed = group.sealed_audit_key
    # Set back to an earlier key, the group would seal its secrets to those who were removed since.
    if group.generation != max(held) or generation_of(sealed) not in held:
        raise TamperedError(
            f"The keys of the Admin Group {group.name} are not those that its members were given",
            remedy="Do not go on with this database. Compare it with a backup.",
        )
    audit_key = unseal(held[generation_of(sealed)], audit_key_place(group.id), sealed)
    return OpenGroup(group.id, group.name, group.generation, held, audit_key)


def audit_key_place(group_id: str) -> Place:
    """Where a group's audit key is sealed."""
    return Place("admin_group", group_id, "sealed_audit_key")


def audit_anchor_place(group_id: str) -> Place:
    """Where a group's audit anchor is sealed."""
    return Place("admin_group", group_id, "sealed_audit_anchor")


def _membership(group_id: str, generation: int, key: Secret, operator: Operator) -> Membership:
    info = _membership_info(group_id, operator.id, generation)
    return Membership(
        group_id=group_id,
        operator_id=operator.id,
        generation=generation,
        sealed_group_key=operator_keys.send(operator.public_key, key, info),
    )


def _membership_info(group_id: str, operator_id: str, generation: int) -> bytes:
    return f"kctui/1/group-key/{group_id}/{operator_id}/{generation}".encode()
