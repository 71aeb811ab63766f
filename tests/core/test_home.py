"""A home is private, found where it should be, and what is wrong with it is said in words."""

import grp
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.engine import Engine
from kctui.core.errors import ConfigurationError, InvalidInputError, NotInitialisedError, StoreError
from kctui.core.paths import Home, find_home, write_private
from kctui.core.secret import Secret
from kctui.core.settings import Settings, check_database_url, load_settings, save_settings
from tests.conftest import OPERATOR, PASSPHRASE
from tests.core.rows import add_account
from tests.core.unprivileged import run_held_back

SERVER = "postgresql+psycopg://kctui@db.example.com/kctui"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def new(tmp_path: Path) -> Home:
    return Home(tmp_path / "new")


def test_the_home_that_is_named_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KCTUI_HOME", "/elsewhere")
    assert find_home(str(tmp_path)) == Home(tmp_path)
    assert find_home() == Home(Path("/elsewhere"))


def test_an_initialised_system_home_comes_before_ones_own(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KCTUI_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setattr("kctui.core.paths.SYSTEM_HOME", home.root)
    assert find_home() == home
    home.config.unlink()
    assert find_home() == Home(Path("/data/kctui"))


FIND = """
    import sys
    from pathlib import Path
    from kctui.core import paths
    from kctui.core.errors import ConfigurationError

    paths.SYSTEM_HOME = Path(sys.argv[1])
    found = paths.find_home()
    try:
        found.require()
    except ConfigurationError as error:
        print(found.root, error.title)
"""


def test_a_system_home_of_others_is_found_and_said_to_be_theirs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KCTUI_HOME", raising=False)
    home.root.chmod(0)
    said = run_held_back(FIND, home.root)
    home.root.chmod(0o700)
    assert said == f"{home.root} The kctui home {home.root} may not be read by this user"


def test_where_there_is_no_home_that_is_said(new: Home) -> None:
    with pytest.raises(NotInitialisedError):
        new.require()
    assert not new.initialised


def test_a_new_directory_is_private_whatever_the_umask(new: Home) -> None:
    before = os.umask(0)
    try:
        new.create()
    finally:
        os.umask(before)
    assert mode(new.root) == 0o700


def test_an_empty_directory_that_is_there_becomes_private(new: Home) -> None:
    new.root.mkdir(mode=0o755)
    new.create()
    assert mode(new.root) == 0o700


def test_a_directory_in_use_by_others_is_refused_and_left_as_it_is(new: Home) -> None:
    new.root.mkdir()
    new.root.chmod(0o755)
    (new.root / "other").touch()
    with pytest.raises(ConfigurationError, match="holds other files"):
        new.create()
    assert mode(new.root) == 0o755


def test_an_unknown_unix_group_is_refused_before_anything_is_made(new: Home) -> None:
    with pytest.raises(ConfigurationError):
        new.create("no-such-group")
    assert not new.root.exists()


def test_a_directory_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made"):
        Home(tmp_path / "file" / "home").create()


def test_a_shared_home_is_open_to_its_group_in_every_file(new: Home) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    before = os.umask(0o077)
    try:
        with (
            Engine.initialise(new, operator=OPERATOR, passphrase=Secret(PASSPHRASE), unix_group=group) as engine,
            engine.store.write() as session,
        ):
            add_account(engine, session, "bank")
            modes = {path.name: mode(path) for path in new.root.iterdir()}
    finally:
        os.umask(before)
    assert mode(new.root) == 0o2770
    names = ("config.toml", "kctui.db", "kctui.db-shm", "kctui.db-wal", "kctui.log")
    assert modes == dict.fromkeys(names, 0o660)
    assert new.loose_files() == []


def test_files_that_are_too_open_are_named(home: Home) -> None:
    home.database.chmod(0o640)
    home.root.chmod(0o750)
    assert home.loose_files() == [(home.root, 0o750, 0o700), (home.database, 0o640, 0o600)]


def test_a_file_that_vanishes_meanwhile_is_not_too_open(home: Home) -> None:
    (home.root / "gone").symlink_to(home.root / "nowhere")
    assert home.loose_files() == []


def test_a_file_is_written_whole_private_and_without_leftovers(home: Home) -> None:
    write_private(home, home.config, "new")
    assert home.config.read_text() == "new"
    assert mode(home.config) == 0o600
    assert sorted(path.name for path in home.root.iterdir()) == ["config.toml", "kctui.db", "kctui.log"]


def test_a_file_that_cannot_be_written_says_so_and_stays_as_it_was(home: Home) -> None:
    before = home.config.read_text()
    (home.root / "config.toml.new").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        save_settings(home, Settings())
    assert home.config.read_text() == before


printable = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(keys=st.dictionaries(st.from_regex(r"[a-z_]{1,10}", fullmatch=True), printable, max_size=4))
def test_settings_come_back_as_they_were_saved(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]) -> None:
    home = Home(tmp_path_factory.mktemp("home"))
    for settings in (Settings(keys=keys), Settings(database=SERVER, keys=keys)):
        save_settings(home, settings)
        assert load_settings(home) == settings


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format = ", "cannot be read"),
        ("\x00", "cannot be read"),
        ("format = 2", "of format 2"),
        ("", "of format None"),
        ('format = 1\ncolour = "red"', "unknown entry: colour"),
        ("format = 1\ndatabase = 5", "not text"),
        ("format = 1\nkeys = 5", "must be"),
        ("format = 1\n[keys]\nquit = 5", "must be"),
    ],
)
def test_a_configuration_that_cannot_be_used_says_why(home: Home, text: str, said: str) -> None:
    home.config.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as refused:
        load_settings(home)
    assert refused.value.remedy


def test_a_configuration_that_is_no_text_says_so(home: Home) -> None:
    home.config.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings(home)


@pytest.mark.parametrize("url", [None, SERVER, "postgresql+psycopg://u@127.0.0.1:5433/db"])
def test_a_database_is_accepted(url: str | None) -> None:
    assert check_database_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:///x.db",
        "postgresql://u@h/db",
        "postgresql+psycopg://u@h",
        "postgresql+psycopg://u@h/",
        "postgresql+psycopg://u:hunter2@h/db",
        "postgresql+psycopg://u@[h/db",
        "postgresql+psycopg://u@h/db?password=hunter2",
        "postgresql+psycopg://u@h:port/db",
    ],
)
def test_a_database_of_another_form_or_with_a_password_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        check_database_url(url)
    assert "hunter2" not in str(refused.value) + refused.value.detail
