"""Reverse-mode gradients: graph to graph, one row a primitive, of any order."""

from lamina.autodiff.reverse import gradients

__all__ = ["gradients"]
