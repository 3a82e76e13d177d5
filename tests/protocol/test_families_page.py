"""The page of the text-to-image pipelines says what their table says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_table_says():
    script = [sys.executable, str(ROOT / "scripts" / "families_page.py"), "--check"]
    told = subprocess.run(script, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
