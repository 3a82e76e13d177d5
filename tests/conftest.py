"""What all tests share: no network but this machine's own, and an interpreter that ends."""

import faulthandler
import ipaddress
import os
import socket
from pathlib import Path

import pytest

EXIT_SECONDS = 120
SLOW_TESTS = Path(__file__).with_name("slow_tests.txt")
"""Written by ``scripts/slow_tests.py``."""


def pytest_collection_modifyitems(items):
    """Mark what was slow when it was measured; `make test-quick` leaves it out."""
    slow = frozenset(SLOW_TESTS.read_text(encoding="utf-8").split())
    for item in items:
        if item.nodeid.partition("[")[0] in slow:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse every connection that leaves this machine; `scripts/offline.sh` does so for child processes too."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_own(address[0]):
            raise AssertionError(f"The test opens a connection to {address[0]}: tests need no network.")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def own_surroundings():
    """Put back what a test changes of the environment: a model that is loaded switches the hub off for its process."""
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


def _is_own(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def pytest_unconfigure():
    """Give the interpreter a time limit for its end: Blender's module hangs there while a timer is registered."""
    faulthandler.dump_traceback_later(EXIT_SECONDS, exit=True)
