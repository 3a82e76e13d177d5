"""Measurements that are too long for tests. Each prints a table and writes JSON."""
