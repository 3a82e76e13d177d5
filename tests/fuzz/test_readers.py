"""Every reader of outside data gives a value, None or an SjcError, within a second and 200 MB."""

import resource
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import near
from tests.fuzz.reader import ALLOWED
from tests.fuzz.readers import readers

READERS = readers()
SECONDS, MEGABYTES = 1.0, 200


@pytest.fixture(scope="module", autouse=True)
def _warm():
    """Let hypothesis read the constants of all modules once, which is memory of its own."""

    @settings(max_examples=5, database=None, suppress_health_check=list(HealthCheck))
    @given(near(b"[1]"))
    def draw(content):
        pass

    draw()


@pytest.mark.parametrize("reader", READERS, ids=[reader.name for reader in READERS])
def test_the_examples_are_read_within_a_second(reader):
    for example in reader.examples:
        began = time.perf_counter()
        reader.run(example)
        assert time.perf_counter() - began < 10  # the first call imports


DEEP = {"lists": b"[" * 100_000, "objects": b'{"a":' * 50_000, "digits": b'{"version": 1' + b"0" * 5000 + b"}"}


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("reader", READERS, ids=[reader.name for reader in READERS])
def test_what_is_nested_or_long_beyond_measure_is_refused(reader, kind):
    began = time.process_time()
    reader.run(DEEP[kind])
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize("reader", READERS, ids=[reader.name for reader in READERS])
def test_whatever_the_bytes_there_is_a_value_or_a_sentence(reader):
    reader.run(reader.examples[0])
    slowest = [0.0]

    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.one_of([near(example) for example in reader.examples]))
    def check(content):
        # Time of the processor, of which a busy machine takes none away.
        began = time.process_time()
        answer = reader.run(content)
        slowest[0] = max(slowest[0], time.process_time() - began)
        if isinstance(answer, ALLOWED):
            assert str(answer).strip()

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    check()
    assert slowest[0] < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES
