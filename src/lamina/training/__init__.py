"""Training: steps as programs, fit, evaluate and predict, callbacks and progress."""

from lamina.callbacks.history import History
from lamina.training.trainer import Trainer

__all__ = ["History", "Trainer"]
