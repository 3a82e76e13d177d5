# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures and videos of a finished job."""
