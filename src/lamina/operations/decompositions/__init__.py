"""Decompositions of matrices, and what is computed with them.

Each runs in compiled programs on every engine, as loops of primitives over columns or rows, for any
leading axes; outside of programs NumPy computes most of them. Gradients are in closed form.
"""
