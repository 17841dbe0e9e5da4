"""Fusion planning: which values are materialized, by which kernels."""
