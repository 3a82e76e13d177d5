"""The short form of the campaign; ``make faults`` is the long one."""

import pytest

from tests.faults import shim

WHY_NOT = shim.missing()
pytestmark = pytest.mark.skipif(
    bool(WHY_NOT), reason=f"{WHY_NOT}; tests/protocol/test_atomic_write.py covers single writes"
)


def test_no_fault_and_no_kill_loses_anything(tmp_path):
    command = ("-m", "tests.faults.campaign", "--calls", "5", "--kills", "6")
    done = shim.python(shim.built(tmp_path), *command, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert " 0 lost" in done.stdout
    assert "30 injected faults, " in done.stdout
