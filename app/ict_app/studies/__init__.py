"""Ablations and the benchmark."""
