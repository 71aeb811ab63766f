"""The demonstration shows what it promises: every Cloud Status, something to recover, keys that really work."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from kctui.core.engine import Engine
from kctui.core.importable import importable_keys
from kctui.core.lists import CloudKeyList, CloudKeyQuery, CspAccountList, KeySetList
from kctui.core.paths import Home
from kctui.core.recovery import open_operations, recover
from kctui.core.secret import Secret
from kctui.core.words import CloudStatus, KeySource
from kctui.demo.box import Box
from kctui.demo.console import SAMPLE_KEYS
from kctui.demo.samples import INTERRUPTED, MADE_BY_AWS, UNMANAGED, Samples
from kctui.demo.tour import run_tour

EXTRA = 50


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    with Box.start() as started:
        yield started


@pytest.fixture(scope="module")
def engine(box: Box, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    home = Home(tmp_path_factory.mktemp("samples") / "home")
    said: list[str] = []
    with Engine.initialise(home, operator="alice", passphrase=Secret("correct horse battery")) as opened:
        Samples(opened, box, said.append).make(EXTRA)
        yield opened


def test_there_are_keys_in_every_cloud_status(engine: Engine) -> None:
    rows = CloudKeyList(engine.store, CloudKeyQuery()).page(limit=500).rows
    assert {row.cloud_status for row in rows} == set(CloudStatus)


def test_there_are_several_accounts_and_key_sets(engine: Engine) -> None:
    assert CspAccountList(engine.store).count() >= 3
    assert KeySetList(engine.store).count() >= 3


def test_the_number_of_samples_is_the_one_that_the_command_adds_to(engine: Engine) -> None:
    assert CloudKeyList(engine.store, CloudKeyQuery()).count() == SAMPLE_KEYS + EXTRA


def test_one_key_was_imported_and_others_wait_for_it(engine: Engine) -> None:
    [imported] = CloudKeyList(engine.store, CloudKeyQuery(text=MADE_BY_AWS)).page().rows
    assert (imported.key_source, imported.cloud_status) == (KeySource.AWS, CloudStatus.AVAILABLE)
    waiting = importable_keys(engine, "awsbyokkeyset", "us-east-1")
    assert {one.name for one in waiting if one.reason is None} == {name for name, *_ in UNMANAGED}


def test_a_planted_key_works_and_our_copy_is_its_material(engine: Engine, box: Box) -> None:
    kms = boto3.client(
        "kms", region_name="us-west-2", endpoint_url=box.endpoint,
        aws_access_key_id=box.root.access_key_id, aws_secret_access_key=box.root.secret_access_key,
    )  # fmt: skip
    blob = kms.encrypt(KeyId="alias/app-00007", Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    kms.close()


def test_the_interrupted_creation_is_recovered_from_its_tag(engine: Engine) -> None:
    [operation] = open_operations(engine.store)
    assert operation.cloud_key == INTERRUPTED
    assert len(recover(engine).finished) == 1


def test_the_tour_walks_from_an_empty_home_to_a_key_that_decrypts() -> None:
    lines: list[str] = []
    assert run_tour(lines.append) == 0
    text = "\n".join(lines)
    assert text.count("the same plaintext again") == 7
    status = lines[lines.index("$ kctui status") :]
    assert any("AWSCloudKey" in line and "● AVAILABLE" in line for line in status)


def test_two_boxes_at_once_do_not_meet(tmp_path: Path) -> None:
    def keys(_: int) -> int:
        with Box.start() as box:
            client = boto3.client(
                "kms", region_name="us-east-1", endpoint_url=box.endpoint,
                aws_access_key_id=box.root.access_key_id, aws_secret_access_key=box.root.secret_access_key,
            )  # fmt: skip
            client.create_key()
            found = len(client.list_keys()["Keys"])
            client.close()
            return found

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(keys, range(2))) == [1, 1]
