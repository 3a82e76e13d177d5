# SPDX-License-Identifier: GPL-3.0-or-later
"""The fused ray marcher: kernels for CPUs and CUDA, compiled on first use by NVIDIA Warp."""
