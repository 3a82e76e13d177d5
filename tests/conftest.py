"""What all tests share: an interpreter that does not end is ended, and says where it hung."""

import faulthandler

EXIT_SECONDS = 120


def pytest_unconfigure():
    """Give the interpreter a time limit for its end: Blender's module hangs there while a timer is registered."""
    faulthandler.dump_traceback_later(EXIT_SECONDS, exit=True)
