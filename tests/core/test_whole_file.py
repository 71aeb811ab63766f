"""A file is private, there only once it is whole, and takes nobody's place unasked."""

import errno
import os
import stat
from pathlib import Path
from typing import NoReturn

import pytest

from kctui.core.errors import ConflictError, StoreError
from kctui.core.whole_file import check_free, whole_file


def test_a_file_is_private_and_whole(tmp_path: Path) -> None:
    file = tmp_path / "new"
    before = os.umask(0)
    try:
        with whole_file(file) as handle:
            handle.write("one\ntwo\r\n\N{SNOWMAN}")
            handle.flush()
            assert not file.exists()
    finally:
        os.umask(before)
    assert file.read_bytes() == "one\ntwo\r\n\N{SNOWMAN}".encode()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        stop_half_way(tmp_path / "new", KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_file_that_was_to_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        stop_half_way(file, KeyboardInterrupt())
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("old", "old")]


def test_a_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "old"
    file.write_text("old")
    file.chmod(0o644)
    with pytest.raises(ConflictError, match="already"), whole_file(file):
        pass
    assert file.read_text() == "old"
    with whole_file(file, replace=True) as handle:
        handle.write("new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)


def test_a_file_that_comes_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "new"
    with pytest.raises(ConflictError, match="already"), whole_file(file):
        file.write_text("somebody else's")
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("new", "somebody else's")]


@pytest.mark.parametrize("kind", ["link", "dangling", "directory", "pipe"])
def test_only_a_regular_file_is_ever_replaced(tmp_path: Path, kind: str) -> None:
    place, target = tmp_path / "place", tmp_path / "target"
    if kind == "directory":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(target)
        if kind == "link":
            target.write_text("target")
    before = place.lstat()
    with pytest.raises(ConflictError, match="not a regular file"):
        check_free(place, replace=True)
    with pytest.raises(ConflictError, match="not a regular file"), whole_file(place, replace=True):
        pass
    assert place.lstat() == before


def test_where_links_are_unknown_the_name_is_taken_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    file = tmp_path / "new"
    with whole_file(file) as handle:
        handle.write("whole")
    assert ([*tmp_path.iterdir()], file.read_text()) == ([file], "whole")
    with pytest.raises(ConflictError), whole_file(tmp_path / "other"):
        (tmp_path / "other").write_text("somebody else's")
    assert (tmp_path / "other").read_text() == "somebody else's"


@pytest.mark.parametrize("place", ["missing/new", "file/new", "x" * 300])
def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"), whole_file(tmp_path / place):
        pass


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        stop_half_way(tmp_path / "new", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert ("No space left" in refused.value.title, list(tmp_path.iterdir())) == (True, [])


def stop_half_way(file: Path, why: BaseException) -> None:
    with whole_file(file, replace=True) as handle:
        handle.write("half")
        raise why
