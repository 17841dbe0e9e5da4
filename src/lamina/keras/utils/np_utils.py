"""`keras.utils.np_utils`: two functions of `keras.utils`, by their module before Keras 3."""

from lamina import namespaces
from lamina.errors import deprecated
from lamina.keras.utils import normalize, to_categorical

__all__ = ["normalize", "to_categorical"]

namespaces.declare(__name__)
deprecated("keras.utils.np_utils", "keras.utils.to_categorical and normalize")
