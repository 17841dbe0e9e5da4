"""Schedules: tiles, vectorization, order of loops."""
