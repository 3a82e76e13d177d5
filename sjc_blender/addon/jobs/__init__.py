# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs: the queue, starting and resuming, the history, the import of results."""
