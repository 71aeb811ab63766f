"""The box itself: started, pointed at, moved in time, made to fail, and closed."""

import ipaddress
import secrets
from types import TracebackType

from .accounts import AccessKey, Accounts
from .calls import Calls
from .clock import Clock
from .control import PREFIX, answer_control
from .directory import Directory
from .dispatch import Dispatcher
from .errors import AwsError
from .faults import Faults
from .kms.service import KmsService
from .kms.wrapping import POOL, WrappingKeys
from .server import BoxServer
from .wire import Request, Response, error_response

DEFAULT_ACCOUNT = "111122223333"


class Box:
    """AWS in a box: KMS, IAM, STS, EC2 and SSM behind one endpoint on loopback.

    Any number of boxes may live in one process, with the same account ids or others: what moto holds for
    one is invisible to the next and dropped when the box closes.
    """

    def __init__(self, host: str, port: int, account_id: str) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError("a box listens on loopback only")
        self.clock = Clock()
        self.faults = Faults()
        self.calls = Calls()
        self.account_id = account_id
        self.control_token = secrets.token_urlsafe(32)
        self._accounts = Accounts()
        self.root = self._accounts.add(account_id)
        self._directory = Directory(self._accounts)
        self.kms = KmsService(self.clock, self.faults, self._directory, WrappingKeys())
        """The service itself: whoever needs a hundred thousand keys at once may put them there."""
        self._dispatcher = Dispatcher(self.clock, self.faults, self.calls, self._directory, self.kms)
        self._server = BoxServer(host, port, self._answer)
        bound = f"[{host}]" if ":" in host else host
        self.endpoint = f"http://{bound}:{self._server.server_address[1]}"
        self._closed = False

    @classmethod
    def start(cls, host: str = "127.0.0.1", port: int = 0, *, account_id: str = DEFAULT_ACCOUNT) -> "Box":
        """Start a box; port 0 takes a free one. Use it as a context manager, or close it."""
        POOL.warm()
        return cls(host, port, account_id)

    def add_account(self, account_id: str) -> AccessKey:
        """Open another AWS account and return its root access key."""
        return self._accounts.add(account_id)

    def close(self) -> None:
        """Release whoever hangs on command, hang up, and forget everything."""
        if self._closed:
            return
        self._closed = True
        self._dispatcher.closing.set()
        self._server.close()
        self._directory.forget(self._accounts.close())

    def __enter__(self) -> "Box":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _answer(self, request: Request) -> Response:
        if not request.path.startswith(PREFIX):
            return self._dispatcher.answer(request)
        try:
            return answer_control(self, request)
        except AwsError as error:
            return error_response("", error, "")
