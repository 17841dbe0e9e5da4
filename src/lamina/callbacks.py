"""`lamina.callbacks`: objects that `fit` calls at epochs and batches; see
`lamina.training.callbacks`."""

from lamina import namespaces
from lamina.elsewhere import CALLBACKS
from lamina.training.callbacks import *  # noqa: F403
from lamina.training.callbacks import __all__ as __all__

namespaces.declare(__name__, instead=CALLBACKS)
