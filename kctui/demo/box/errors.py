"""The errors the box answers, and the one by which it drops a connection."""


class AwsError(Exception):
    """An error answer: its code, its message, and the HTTP status it travels with."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class ConnectionDroppedError(Exception):
    """The connection is to be closed without an answer, as a lost reply looks to the caller."""
