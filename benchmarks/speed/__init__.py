"""How long a step takes and how much memory it needs: ``python -m benchmarks.speed``."""
