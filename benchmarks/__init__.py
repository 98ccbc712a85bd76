"""Benchmarks: each prints its figures beside a peer's, measured in one run, and can write them as JSON."""
