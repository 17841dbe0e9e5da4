"""`keras.datasets`: the data sets of `lamina.datasets`, also as modules of this one."""

import sys

from lamina import datasets, namespaces
from lamina.datasets import *  # noqa: F403
from lamina.datasets import __all__ as __all__

# `from lamina.keras.datasets.mnist import load_data` finds them here, as `os.path` is found
sys.modules.update({f"{__name__}.{name}": getattr(datasets, name) for name in __all__})

namespaces.declare(__name__)
