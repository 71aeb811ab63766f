"""What IAM answers a root user about itself, which moto does not know: the user, and its access keys."""

from collections.abc import Mapping

from .accounts import Accounts, RootKey
from .errors import AwsError
from .principals import Principal
from .wire import Response, element, query_response

_DATE = "%Y-%m-%dT%H:%M:%SZ"


def answer_root(
    operation: str, form: Mapping[str, str], root: Principal, accounts: Accounts, request_id: str
) -> Response:
    """Answer GetUser and the access-key actions that a root user makes without naming a user."""
    match operation:
        case "GetUser":
            result = _user(root, accounts)
        case "ListAccessKeys":
            keys = "".join(f"<member>{_metadata(key)}</member>" for key in accounts.root_keys(root.account_id))
            result = f"<AccessKeyMetadata>{keys}</AccessKeyMetadata><IsTruncated>false</IsTruncated>"
        case "CreateAccessKey":
            made = accounts.add_root_key(root.account_id)
            secret = element("SecretAccessKey", made.key.secret_access_key)
            result = f"<AccessKey>{_metadata(made)}{secret}</AccessKey>"
        case "UpdateAccessKey":
            _own_key(form, root, accounts).status = _status(form)
            result = ""
        case _:
            accounts.remove_root_key(root.account_id, _own_key(form, root, accounts).key.access_key_id)
            result = ""
    return query_response("iam", operation, result, request_id)


def _user(root: Principal, accounts: Accounts) -> str:
    """A root user has no name: its GetUser has an ARN, an id and a date."""
    created = accounts.opened(root.account_id).strftime(_DATE)
    fields = element("UserId", root.user_id) + element("Arn", root.arn) + element("CreateDate", created)
    return f"<User>{fields}</User>"


def _metadata(key: RootKey) -> str:
    return (
        element("UserName", "root")
        + element("AccessKeyId", key.key.access_key_id)
        + element("Status", key.status)
        + element("CreateDate", key.created.strftime(_DATE))
    )


def _status(form: Mapping[str, str]) -> str:
    status = form.get("Status", "")
    if status not in ("Active", "Inactive"):
        raise AwsError("ValidationError", f"Value '{status}' at 'status' failed to satisfy constraint")
    return status


def _own_key(form: Mapping[str, str], root: Principal, accounts: Accounts) -> RootKey:
    access_key_id = form.get("AccessKeyId", "")
    for key in accounts.root_keys(root.account_id):
        if key.key.access_key_id == access_key_id:
            return key
    raise AwsError("NoSuchEntity", f"The Access Key with id {access_key_id} cannot be found.", 404)
