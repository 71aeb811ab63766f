"""A secret that cannot be read is in no error that is raised for it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kctui.cli.secrets import read_passphrase, read_secret_access_key
from kctui.core.errors import ConfigurationError
from kctui.core.secret import Secret

PLAIN = b"hunter2-hunter2-hunter2"


@pytest.mark.parametrize("read", [read_passphrase, read_secret_access_key])
def test_a_file_that_is_not_text_is_refused_without_its_content(tmp_path: Path, read: Callable[[str], Secret]) -> None:
    file = tmp_path / "secret"
    file.touch(0o600)
    file.write_bytes(b"\xff" + PLAIN)
    with pytest.raises(ConfigurationError, match="not UTF-8") as refused:
        read(str(file))
    assert refused.value.__context__ is None
    assert refused.value.__cause__ is None
