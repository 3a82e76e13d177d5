"""That the other tests need no network can be relied on."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

OUTSIDE = ("192.0.2.1", 80)
"""An address that is nobody's (RFC 5737)."""

ROOT = Path(__file__).resolve().parents[2]


def test_a_connection_to_another_machine_is_refused():
    with pytest.raises(AssertionError, match=OUTSIDE[0]):
        socket.create_connection(OUTSIDE, timeout=1)


def test_this_machine_answers_itself():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
        pass


def _has_namespaces():
    return shutil.which("unshare") and subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(
    not _has_namespaces(), reason="no network namespaces here; no_network covers the tests' own process"
)
def test_child_processes_have_no_network_either():
    code = f"import socket; socket.create_connection({OUTSIDE}, timeout=5)"
    command = [ROOT / "scripts" / "offline.sh", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert "Network is unreachable" in done.stderr
