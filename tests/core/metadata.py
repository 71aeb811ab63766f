"""The instance metadata service of EC2 (IMDSv2) as far as credentials need it, on loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_TOKEN = "metadata-token"
_ROLES = "/latest/meta-data/iam/security-credentials/"


@contextmanager
def instance_metadata(role: str, credentials: dict[str, str] | None) -> Iterator[str]:
    """Serve the credentials of an instance role; None: an instance without one. Gives the endpoint."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self._answer(200 if self.path == "/latest/api/token" else 404, _TOKEN)

        def do_GET(self) -> None:
            if self.headers.get("x-aws-ec2-metadata-token") != _TOKEN:
                self._answer(401, "")
            elif credentials is not None and self.path == _ROLES:
                self._answer(200, role)
            elif credentials is not None and self.path == _ROLES + role:
                self._answer(200, json.dumps(_document(credentials)))
            else:
                self._answer(404, "")

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _document(credentials: dict[str, str]) -> dict[str, str]:
    return {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": credentials["AccessKeyId"],
        "SecretAccessKey": credentials["SecretAccessKey"],
        "Token": credentials["SessionToken"],
        "Expiration": f"{datetime.now(UTC) + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}",
    }
