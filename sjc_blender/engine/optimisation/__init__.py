# SPDX-License-Identifier: GPL-3.0-or-later
"""Score Jacobian Chaining: the optimisation loop, the score estimator, the schedules and the regularisers."""
