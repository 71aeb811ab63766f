"""No more requests than AWS allows, whoever sends them, and fewer after a refusal."""

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kctui.core.aws.quotas import RATES, Quotas, TokenBucket


class Clock:
    """A clock that moves when told to, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def bucket(rate: float, clock: Clock) -> TokenBucket:
    return TokenBucket(rate, clock=clock, sleep=clock.sleep)


rates = st.sampled_from([0.5, 1.0, 2.5, 5.0, 15.0, 100.0])
pauses = st.lists(st.floats(0, 3), max_size=80)


@given(rate=rates, pauses=pauses)
def test_no_second_sees_more_than_the_rate_and_one_burst(rate: float, pauses: list[float]) -> None:
    """Callers ask at any times, and do not wait for each other: each is told how long to wait."""
    clock = Clock()
    shared = TokenBucket(rate, clock=clock, sleep=lambda _: None)
    sent = []
    for pause in pauses:
        clock.now += pause
        sent.append(clock.now + shared.take())
    burst = max(1.0, rate)
    for began in sent:
        assert sum(began <= at < began + 1 - 1e-9 for at in sent) <= math.ceil(rate + burst)


@given(rate=rates, count=st.integers(1, 60))
def test_a_flood_is_sent_at_the_rate_after_one_burst(rate: float, count: int) -> None:
    clock = Clock()
    shared = bucket(rate, clock)
    began = clock.now
    for _ in range(count):
        shared.take()
    burst = max(1.0, rate)
    assert clock.now - began == pytest.approx(max(0.0, (count - burst) / rate))


def test_after_a_rest_there_is_no_more_than_one_burst() -> None:
    clock = Clock()
    shared = bucket(5, clock)
    clock.now += 3600
    waits = [shared.take() for _ in range(6)]
    assert waits[:5] == [0.0] * 5
    assert waits[5] == pytest.approx(0.2)


def test_a_refusal_shuts_the_bucket_longer_each_time_and_not_for_ever() -> None:
    clock = Clock()
    shared = bucket(100, clock)
    waits = []
    for _ in range(7):
        shared.throttled()
        waits.append(shared.take())
    assert waits == pytest.approx([1, 2, 4, 8, 16, 16, 16], abs=0.1)


def test_a_refusal_holds_everybody_back() -> None:
    clock = Clock()
    shared = TokenBucket(100, clock=clock, sleep=lambda _: None)
    shared.throttled()
    assert [shared.take() for _ in range(3)] == pytest.approx([1, 1.01, 1.02])


def test_an_answer_ends_the_back_off() -> None:
    clock = Clock()
    shared = bucket(100, clock)
    for _ in range(3):
        shared.throttled()
        shared.take()
    shared.served()
    assert shared.take() == pytest.approx(1 / 100)
    shared.throttled()
    assert shared.take() == pytest.approx(1, abs=0.1)


def test_a_refusal_does_not_shorten_a_longer_pause() -> None:
    clock = Clock()
    shared = bucket(100, clock)
    for _ in range(4):
        shared.throttled()
    shared.served()
    shared.throttled()
    assert shared.take() == pytest.approx(8)


def test_threads_share_one_bucket() -> None:
    clock = Clock()
    shared = TokenBucket(5, clock=clock, sleep=lambda _: None)
    waits: list[float] = []
    barrier = threading.Barrier(20)

    def take() -> None:
        barrier.wait()
        waits.append(shared.take())

    threads = [threading.Thread(target=take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([0.0] * 5 + [n / 5 for n in range(1, 16)])


def test_each_account_region_and_operation_has_one_bucket() -> None:
    quotas = Quotas()
    one = quotas.bucket("111122223333", "eu-central-1", "CreateKey")
    assert quotas.bucket("111122223333", "eu-central-1", "CreateKey") is one
    for other in (
        ("444455556666", "eu-central-1", "CreateKey"),
        ("111122223333", "us-east-1", "CreateKey"),
        ("111122223333", "eu-central-1", "DescribeKey"),
    ):
        assert quotas.bucket(*other) is not one


def test_a_bucket_has_its_operations_rate() -> None:
    quotas = Quotas()
    for operation, rate in RATES.items():
        assert quotas.bucket("111122223333", "eu-central-1", operation).rate == rate


def test_who_waited_for_a_shut_bucket_is_let_go_at_its_rate() -> None:
    clock = Clock()
    shared = TokenBucket(5, clock=clock, sleep=lambda _: None)
    shared.throttled()
    waits = [shared.take() for _ in range(64)]
    assert max(sum(1 for w in waits if start <= w < start + 1) for start in range(1, 14)) <= 6
