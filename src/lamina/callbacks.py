"""`lamina.callbacks`: what is told of training, epoch by epoch; see `lamina.training.callbacks`."""

from lamina.training.callbacks import *  # noqa: F403
from lamina.training.callbacks import __all__ as __all__
