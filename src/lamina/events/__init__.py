"""Event files for TensorBoard: numbers, histograms, images, texts, graphs, hyperparameters.

Lamina writes the format itself, without the package tensorboard.
"""

from lamina import namespaces
from lamina.events.writer import EventWriter

__all__ = ["EventWriter"]

namespaces.declare(__name__)
