"""Estimators of scikit-learn that train networks: pipelines, grid search and cross-validation.

    from lamina.sklearn import LaminaClassifier, LaminaRegressor, LaminaTransformer

Needs scikit-learn: pip install scikit-learn.
"""

from lamina import namespaces
from lamina.errors import need_extra

need_extra("sklearn", "sklearn", "lamina.sklearn")

from lamina.sklearn.classifier import LaminaClassifier  # noqa: E402
from lamina.sklearn.regressor import LaminaRegressor  # noqa: E402
from lamina.sklearn.transformer import LaminaTransformer  # noqa: E402

__all__ = ["LaminaClassifier", "LaminaRegressor", "LaminaTransformer"]

namespaces.declare(__name__)
