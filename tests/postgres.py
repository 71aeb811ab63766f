"""A real PostgreSQL for the tests: one server a worker, started when first asked for, and a fresh database a test."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Thread

import psycopg
import pytest

_INSTALLED = Path("/usr/lib/postgresql")
_USER = "postgres"
_READY = "database system is ready to accept connections"
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=60", "shared_buffers=16MB")
_names = count(1)


@dataclass(frozen=True)
class PostgresServer:
    """A running server. Trust is enough: it listens on loopback alone and holds nothing."""

    port: int

    def address(self, database: str) -> str:
        """The URL of a database, as libpq takes it."""
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """Make an empty database; its name."""
        name = f"kctui_{next(_names)}"
        self.run(f"CREATE DATABASE {name}")
        return name

    def run(self, statement: str, database: str = "postgres") -> None:
        """Run one statement as the superuser."""
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            connection.execute(statement.encode())


def _programs() -> Path:
    found = sorted(_INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.fail(f"There is no PostgreSQL in {_INSTALLED}: `make test-tools` installs it.")
    return found[-1].parent


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root. The server ends with this process, however that ends."""
    drop = ["--reuid", _USER, "--regid", _USER, "--clear-groups"] if os.getuid() == 0 else []
    return ["setpriv", "--pdeathsig", "KILL", *drop]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server of this worker's own, in a directory that is removed at the end."""
    programs = _programs()
    root = Path(tempfile.mkdtemp(prefix="kctui-pg-"))
    environment = {"LC_ALL": "C", "PATH": os.environ["PATH"]}
    try:
        if os.getuid() == 0:
            shutil.chown(root, _USER, _USER)
        made = [
            str(programs / "initdb"),
            "-D",
            str(root / "data"),
            "-U",
            _USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run(
            [*_as_user(), *made, "--locale=C.UTF-8"], check=True, capture_output=True, env=environment, cwd=root
        )
        port = _free_port()
        settings = ("listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", *_QUICK)
        options = [part for setting in settings for part in ("-c", setting)]
        with subprocess.Popen(
            [*_as_user(), programs / "postgres", "-D", root / "data", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=root,
        ) as server:
            assert server.stderr is not None
            said: deque[str] = deque(maxlen=20)
            for line in server.stderr:
                said.append(line)
                if _READY in line:
                    break
            else:
                pytest.fail("PostgreSQL did not start:\n" + "".join(said))
            # Its log goes on: a full pipe would stop it.
            drain = Thread(target=deque, args=(server.stderr, 0), daemon=True)
            drain.start()
            try:
                yield PostgresServer(port)
            finally:
                server.send_signal(signal.SIGINT)  # fast shutdown: it waits for no client
                server.wait(30)
                drain.join(30)
    finally:
        shutil.rmtree(root)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The URL of a fresh database, as config.toml takes it."""
    name = postgres_server.create_database()
    return postgres_server.address(name).replace("postgresql://", "postgresql+psycopg://", 1)
