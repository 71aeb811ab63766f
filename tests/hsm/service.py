"""Tokens behind a service in another process: p11-kit's server, which can be stopped and started, and a TPM."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CLIENT = "p11-kit-client.so"


@contextmanager
def serving(module: str, at: Path, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """The service of a module at a socket, ready; killed at the end of the block, with its process of each client."""
    command = ["p11-kit", "server", "--foreground", "--name", str(at), "--provider", module, "pkcs11:"]
    at.unlink(missing_ok=True)
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


def address(at: Path) -> dict[str, str]:
    """Where p11-kit's client finds the service."""
    return {"P11_KIT_SERVER_ADDRESS": f"unix:path={at}"}


@contextmanager
def swtpm(folder: Path) -> Iterator[dict[str, str]]:
    """A TPM in software, with nothing in it yet; the environment in which tpm2-pkcs11 finds it."""
    state, store, pid_file = folder / "tpm", folder / "store", folder / "swtpm.pid"
    state.mkdir()
    store.mkdir()
    port = _two_free_ports()
    command = ["swtpm", "socket", "--tpm2", "--daemon", "--tpmstate", f"dir={state}", "--pid", f"file={pid_file}"]
    at = ["--server", f"type=tcp,port={port}", "--ctrl", f"type=tcp,port={port + 1}"]
    # It goes into the background once it can be reached.
    subprocess.run([*command, *at, "--flags", "not-need-init,startup-clear"], check=True, capture_output=True)
    try:
        yield {"TPM2_PKCS11_STORE": str(store), "TPM2_PKCS11_TCTI": f"swtpm:port={port}"}
    finally:
        os.kill(int(pid_file.read_text()), signal.SIGKILL)


def _two_free_ports() -> int:
    """The first of two neighbouring ports, as tpm2-tss wants them."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                other.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
