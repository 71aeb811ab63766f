"""What an edit of a CloudKey comes to: checked without AWS, compared with what is there, and put into words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kctui.core import validation
from kctui.core.aws.policies import LONGEST_POLICY, Access, is_unique_id, key_policy, read_access, with_access
from kctui.core.aws.policy_difference import difference, same_policy
from kctui.core.engine import Engine
from kctui.core.errors import InvalidInputError, RefusedError
from kctui.core.lists import cloud_key_row
from kctui.core.model import CloudKey
from kctui.core.operations.access import IN_KMS, PolicyState, known_policy, policy_kind
from kctui.core.operations.keep import KEEP, Keep


@dataclass(frozen=True)
class CloudKeyEdit:
    """What is to become of a CloudKey; KEEP is as it was. tags: the administrator's own, all of them.

    rotation_days: None is Never.
    """

    description: str | Keep = KEEP
    administrators: tuple[str, ...] | Keep = KEEP
    users: tuple[str, ...] | Keep = KEEP
    tags: Mapping[str, str] | Keep = KEEP
    rotation_days: int | Keep | None = KEEP


@dataclass(frozen=True)
class Change:
    """One thing that changes. what: in lower case, as a title lists it. before, after: lines, none for nothing."""

    what: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def gone(self) -> tuple[str, ...]:
        """The lines that are no more."""
        return tuple(line for line in self.before if line not in self.after)

    @property
    def new(self) -> tuple[str, ...]:
        """The lines that were not there."""
        return tuple(line for line in self.after if line not in self.before)


@dataclass(frozen=True)
class EditPlan:
    """What an edit changes, and the AWS calls to come. policy: how the key policy differs then, line by line.

    parameters: of the operation. revision: of the row it was planned on.
    """

    changes: tuple[Change, ...]
    policy: str
    calls: tuple[str, ...]
    parameters: dict[str, Any]
    revision: int


def plan_edit(
    engine: Engine,
    cloud_key_id: str,
    edit: CloudKeyEdit,
    *,
    overwrite: str | None = None,
    adopted: PolicyState | None = None,
) -> EditPlan:
    """Check an edit, and say what it changes; asks nothing of AWS. overwrite: the policy in KMS, to be replaced.

    adopted: plan as if the policy that KMS has had been adopted.
    Raises NotFoundError, InvalidInputError (naming the field), and RefusedError for lists of a custom policy.
    """
    row = cloud_key_row(engine.store, cloud_key_id)
    with engine.store.read() as session:
        key = session.get_one(CloudKey, cloud_key_id)
    if adopted is not None:
        access = adopted.access or Access((), ())
        key.policy, key.administrators, key.users = adopted.text, list(access.administrators), list(access.users)
    planned = _Plan(engine, key)
    if not isinstance(edit.description, Keep):
        planned.description(validation.check_description(edit.description))
    if not isinstance(edit.tags, Keep):
        planned.tags(edit.tags)
    administrators = key.administrators if isinstance(edit.administrators, Keep) else edit.administrators
    users = key.users if isinstance(edit.users, Keep) else edit.users
    planned.access(Access(_each_once(administrators), _each_once(users)), overwrite)
    if not isinstance(edit.rotation_days, Keep):
        planned.rotation(edit.rotation_days)
    return EditPlan(
        tuple(planned.changes), planned.policy, tuple(planned.calls()), planned.parameters, revision=row.revision
    )


class _Plan:
    """The changes so far, each with what the operation needs to do it and to take it back."""

    def __init__(self, engine: Engine, key: CloudKey) -> None:
        self._engine = engine
        self._key = key
        self.changes: list[Change] = []
        self.parameters: dict[str, Any] = {}
        self.policy = ""

    def description(self, new: str) -> None:
        old = self._key.description
        if new != old:
            self._note("description", [old] if old else [], [new] if new else [], {"before": old, "after": new})

    def tags(self, new: Mapping[str, str]) -> None:
        old = self._key.tags
        # Those that are there already are AWS's business: it took them.
        validation.check_tags(new_tags({"before": old, "after": new}))
        if dict(new) != old:
            self._note("tags", _tag_lines(old), _tag_lines(new), {"before": dict(old), "after": dict(new)})

    def rotation(self, new: int | None) -> None:
        old = self._key.rotation_days
        if new is not None and not 1 <= new <= validation.MOST_ROTATION_DAYS:
            raise InvalidInputError("That is not a rotation schedule", field="rotation_schedule")
        if new != old:
            lines = [validation.rotation_text(old)], [validation.rotation_text(new)]
            self._note("rotation schedule", *lines, {"before": old, "after": new})

    def access(self, new: Access, overwrite: str | None) -> None:
        key = self._key
        kind = policy_kind(self._engine, key)
        lists_change = set(new.administrators) != set(key.administrators) or set(new.users) != set(key.users)
        if overwrite is None and not lists_change:
            return
        _check_principals(new)
        seen = overwrite or known_policy(self._engine, key)
        if overwrite is not None:
            policy = key_policy(kind, new.administrators, new.users)
        elif read_access(seen) is None:
            raise RefusedError(
                f"The key policy of {key.name} is custom: who is let in cannot be changed by lists",
                detail="It has other statements than the AWS console writes.",
                remedy="Change it in AWS and adopt it, or overwrite it with the console's statements.",
            )
        else:
            policy = with_access(seen, kind, new)
        if len(policy.encode()) > LONGEST_POLICY:
            raise InvalidInputError(
                "There are too many administrators and users",
                detail=f"The key policy would have {len(policy.encode()):,} bytes; AWS takes {LONGEST_POLICY:,}.",
                remedy="Name roles in the place of single users.",
                field="users",
            )
        if not lists_change and same_policy(policy, seen) and same_policy(policy, key.policy or ""):
            return
        before = {"policy": key.policy, "administrators": key.administrators, "users": key.users}
        after = {"policy": policy, "administrators": list(new.administrators), "users": list(new.users)}
        wanted = {"seen": seen, "before": before, "after": after}
        self.policy = difference(seen, policy, IN_KMS, "as it will be")
        for what, old, now in (
            ("administrators", key.administrators, new.administrators),
            ("users", key.users, new.users),
        ):
            if set(old) != set(now):
                self._note(what, old, now)
        if overwrite is not None:
            self._note("key policy overwritten", [], [])
        self.parameters["access"] = wanted

    def calls(self) -> list[str]:
        """The AWS calls to come, in words."""
        asked = self.parameters
        tags = asked.get("tags", {"before": {}, "after": {}})
        gone, new = gone_tags(tags), new_tags(tags)
        calls = [
            ("kms:GetKeyPolicy default, to see that nobody else changed it", "access" in asked),
            ("kms:UpdateKeyDescription", "description" in asked),
            (f"kms:UntagResource {', '.join(gone)}", gone),
            (f"kms:TagResource {', '.join(sorted(new))}", new),
            ("kms:PutKeyPolicy", "access" in asked),
        ]
        found = [call for call, wanted in calls if wanted]
        if not found:
            return []
        looks = ["kms:DescribeKey"]
        looks += ["kms:ListResourceTags"] if "tags" in asked else []
        seen = [*looks, "kms:GetKeyPolicy"] if "access" in asked else looks
        return [f"{', '.join(looks)}, to know what to put back", *found, f"{', '.join(seen)}, until it shows"]

    def _note(
        self, what: str, before: list[str], after: "list[str] | tuple[str, ...]", asked: dict[str, Any] | None = None
    ) -> None:
        self.changes.append(Change(what, tuple(before), tuple(after)))
        if asked is not None:
            self.parameters[what.replace(" ", "_")] = asked


def gone_tags(asked: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The names of the tags that an edit takes away."""
    return sorted(set(asked["before"]) - set(asked["after"]))


def new_tags(asked: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The tags that an edit adds, or gives another value."""
    before = asked["before"]
    return {name: value for name, value in asked["after"].items() if before.get(name) != value}


def _check_principals(access: Access) -> None:
    for field, arns in (("administrators", access.administrators), ("users", access.users)):
        for arn in arns:
            if is_unique_id(arn):
                raise InvalidInputError(
                    f"{arn} is a user or role that was deleted",
                    detail="AWS puts such an id into a key policy in the place of who is no more.",
                    remedy="Take it out of the list: AWS refuses a policy with it.",
                    field=field,
                )
            try:
                validation.check_principal_arn(arn)
            except InvalidInputError as error:
                raise InvalidInputError(error.title, remedy=error.remedy, field=field) from error


def _tag_lines(tags: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in sorted(tags.items())]


def _each_once(arns: "list[str] | tuple[str, ...]") -> tuple[str, ...]:
    return tuple(dict.fromkeys(arns))
