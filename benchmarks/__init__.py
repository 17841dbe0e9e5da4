"""Lamina compared with its peers, on the same work, in one run.

`python -m benchmarks` runs the cases of `cases.py` with the contestants of `contestants.py` and
prints ratios; README.md in this folder says how it measures, and how to add to it.
"""
