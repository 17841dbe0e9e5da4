"""Lamina: deep learning in Python, compiled on the machine you own."""

__version__ = "0.1.0"
