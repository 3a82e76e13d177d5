"""The page of the settings says what the spec says, and something else for each setting."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_spec_says():
    script = [sys.executable, str(ROOT / "scripts" / "settings_page.py"), "--check"]
    told = subprocess.run(script, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


def test_no_setting_repeats_the_text_of_another():
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    texts = re.findall(r"^\| `[\w.]+` \| .*? \| (.+) \|$", page, re.MULTILINE)
    assert len(texts) > 40
    assert [text for text, count in Counter(texts).items() if count > 1] == []
