"""Score Jacobian Chaining: the optimisation loop, the score estimator, the schedules and the regularisers."""
