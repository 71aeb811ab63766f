"""A token that lives in another process, behind a service that can be stopped and started: p11-kit's server."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CLIENT = "p11-kit-client.so"


@contextmanager
def serving(module: str, socket: Path, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """The service of a module at a socket, ready; killed at the end of the block, with its process of each client."""
    command = ["p11-kit", "server", "--foreground", "--name", str(socket), "--provider", module, "pkcs11:"]
    socket.unlink(missing_ok=True)
    with subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as server:
        assert server.stdout is not None
        try:
            # It tells its address once it listens.
            assert "P11_KIT_SERVER_ADDRESS" in server.stdout.readline()
            yield server
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def address(socket: Path) -> dict[str, str]:
    """Where p11-kit's client finds the service."""
    return {"P11_KIT_SERVER_ADDRESS": f"unix:path={socket}"}
