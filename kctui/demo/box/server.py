"""The HTTP server of a box: on loopback only, a thread per connection, connections kept alive."""

import contextlib
import logging
import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .errors import ConnectionDroppedError
from .wire import Request, Response

log = logging.getLogger(__name__)

Answerer = Callable[[Request], Response]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece; else Nagle's algorithm and delayed acknowledgements cost 40 ms a call.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: "BoxServer"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = Request(
            method=self.command,
            target=self.path,
            headers={name.lower(): value.strip() for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        try:
            response = self.server.answerer(request)
        except ConnectionDroppedError:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  # the names are the base class's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
        log.debug(format, *args)


class BoxServer(ThreadingHTTPServer):
    """Serves until closed, and closes every connection with itself."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, answerer: Answerer) -> None:
        self.answerer = answerer
        self._connections: set[socket.socket] = set()
        self._handlers: set[threading.Thread] = set()
        self._lock = threading.Lock()
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="box-server", daemon=True
        )
        self._thread.start()

    def server_bind(self) -> None:
        """Bind without asking the resolver for the host's name, which could reach the network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]

    def process_request_thread(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]  # the base class names every kind of socket
        """Serve one connection, remembering it so that it can be closed."""
        with self._lock:
            self._connections.add(request)
            self._handlers.add(threading.current_thread())
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._connections.discard(request)
                self._handlers.discard(threading.current_thread())

    def handle_error(self, request: object, client_address: object) -> None:
        """Log a mistake of the handler; a caller that hangs up is none."""
        del request
        error = sys.exception()
        if isinstance(error, OSError):
            log.debug("connection of %s broke: %s", client_address, error)
        else:
            log.error("the handler failed at %s", client_address, exc_info=error)

    def close(self) -> None:
        """Stop listening, hang up on everyone, and wait for the threads."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._lock:
            connections, handlers = list(self._connections), list(self._handlers)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for handler in handlers:
            handler.join(timeout=5)
