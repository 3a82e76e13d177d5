"""A farm of machines, measured on one: python -m benchmarks.farm."""
