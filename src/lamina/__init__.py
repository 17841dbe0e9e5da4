"""Lamina: deep learning in Python, compiled on the machine you own."""

from lamina.version import __version__

__all__ = ["__version__"]
