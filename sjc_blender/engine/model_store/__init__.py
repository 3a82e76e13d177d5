# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of the Hugging Face hub: what is in the local cache, downloads into it, deletion. Needs no torch."""
