"""`keras.wrappers`: models as estimators of scikit-learn, for its pipelines and searches."""

from typing import TYPE_CHECKING

from lamina import namespaces

if TYPE_CHECKING:
    from lamina.sklearn.keras_wrappers import (
        SKLearnClassifier as SKLearnClassifier,
    )
    from lamina.sklearn.keras_wrappers import (
        SKLearnRegressor as SKLearnRegressor,
    )
    from lamina.sklearn.keras_wrappers import (
        SKLearnTransformer as SKLearnTransformer,
    )

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]

namespaces.declare(__name__, {name: f"lamina.sklearn.keras_wrappers:{name}" for name in __all__})
