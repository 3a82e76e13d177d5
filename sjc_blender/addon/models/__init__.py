# SPDX-License-Identifier: GPL-3.0-or-later
"""The models to choose from: listing, download and deletion, by the engine as a child process."""
