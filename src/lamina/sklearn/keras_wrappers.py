"""The estimators of `keras.wrappers`: a compiled model, or a function, with Keras' arguments.

`lamina.sklearn` has estimators that choose network, loss and seed themselves.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from lamina.errors import ArgumentError, StateError
from lamina.models import Model, clone_model

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


class _Wrapped(BaseEstimator):
    """A model with the methods of an estimator.

    `model_` is the fitted model, `history_` what its `fit` returned.
    """

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: Mapping[str, Any] | None = None,
        fit_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        self.model, self.warm_start = model, warm_start
        self.model_kwargs, self.fit_kwargs = model_kwargs, fit_kwargs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags

    def __sklearn_clone__(self) -> Self:
        model = copy.deepcopy(self.model) if isinstance(self.model, Model) else self.model
        return type(self)(model, self.warm_start, self.model_kwargs, self.fit_kwargs)

    @property
    def epoch_(self) -> int:
        """The number of epochs that the model was trained."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Self:
        """Train a copy of the model, or the model itself with `warm_start`.

        Args:
            X: samples, array (rows, features).
            y: targets, array (rows,) or (rows, outputs).
            **kwargs: arguments of `Model.fit`.
        """
        X, y = self._validated(X, y)
        y = self._encoded(y)
        model = self._made(X, y)
        if not model.compiled or not model.loss:
            raise StateError(
                f"{type(self).__name__}: expected a model compiled with optimizer and loss",
                hint="call model.compile(...) first",
            )
        self.history_ = model.fit(X, y, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return predictions for samples, in the form of the targets.

        Args:
            X: samples, array (rows, features).
        """
        return self._decoded(self._outputs(X))

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return np.asarray(self.model_.predict(X, verbose=0))

    def _validated(self, X: Any, y: Any) -> tuple[Any, Any]:
        return validate_data(self, X, y, multi_output=True)

    def _made(self, X: Any, y: Any) -> Any:
        if not isinstance(self.model, Model):
            return self.model(X=X, y=y, **(self.model_kwargs or {}))
        if self.warm_start:
            return self.model
        return clone_model(self.model)

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        self._is_flat = y.ndim == 1
        return y.reshape(-1, 1) if self._is_flat else y

    def _decoded(self, outputs: np.ndarray) -> np.ndarray:
        return outputs[:, 0] if self._is_flat and outputs.ndim == 2 else outputs


class SKLearnClassifier(ClassifierMixin, _Wrapped):
    """A classifier of scikit-learn; the model learns one-hot targets.

    Args:
        model: compiled model, which is copied before it is trained; or function (X, y, **kwargs)
            that returns one.
        warm_start: train the model itself, and continue with its weights.
        model_kwargs: further arguments of the function.
        fit_kwargs: arguments of `Model.fit`.

    Raises:
        MissingExtraError: if scikit-learn is not installed.

    Example:
        >>> import numpy as np
        >>> import lamina as lm
        >>> from lamina import keras
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(2, "softmax")])
        >>> model.compile("adam", "categorical_crossentropy")
        >>> classifier = keras.wrappers.SKLearnClassifier(model, fit_kwargs={"verbose": 0})
        >>> classifier.fit(np.eye(2), ["no", "yes"]).predict(np.eye(2)).shape
        (2,)
    """

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the outputs of the model.

        Args:
            X: samples, array (rows, features).
        """
        return self._outputs(X)

    predict_proba = decision_function

    def _encoded(self, y: np.ndarray) -> np.ndarray:
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ArgumentError(
                "SKLearnClassifier: Only binary and multiclass target types are supported (got "
                f"{kind})"
            )
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ArgumentError("Classifier can't train when only one class is present.")
        return np.eye(len(self.classes_), dtype=np.float32)[numbers.reshape(-1)]

    def _decoded(self, outputs: np.ndarray) -> np.ndarray:
        return self.classes_[outputs.argmax(axis=1)]


class SKLearnRegressor(RegressorMixin, _Wrapped):
    """A regressor of scikit-learn.

    Args:
        model: compiled model, which is copied before it is trained; or function (X, y, **kwargs)
            that returns one.
        warm_start: train the model itself, and continue with its weights.
        model_kwargs: further arguments of the function.
        fit_kwargs: arguments of `Model.fit`.

    Raises:
        MissingExtraError: if scikit-learn is not installed.

    Example:
        >>> import numpy as np
        >>> import lamina as lm
        >>> from lamina import keras
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> regressor = keras.wrappers.SKLearnRegressor(model, fit_kwargs={"verbose": 0})
        >>> regressor.fit(np.eye(2), [1.0, 2.0]).predict(np.eye(2)).shape
        (2,)
    """


class SKLearnTransformer(TransformerMixin, _Wrapped):
    """A transformer of scikit-learn: the outputs of a model as features.

    Args:
        model: compiled model, which is copied before it is trained; or function (X, y, **kwargs)
            that returns one.
        warm_start: train the model itself, and continue with its weights.
        model_kwargs: further arguments of the function.
        fit_kwargs: arguments of `Model.fit`.

    Raises:
        MissingExtraError: if scikit-learn is not installed.

    Example:
        >>> import numpy as np
        >>> import lamina as lm
        >>> from lamina import keras
        >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(3)])
        >>> model.compile("adam", "mse")
        >>> transformer = keras.wrappers.SKLearnTransformer(model, fit_kwargs={"verbose": 0})
        >>> transformer.fit(np.eye(2), np.ones((2, 3))).transform(np.eye(2)).shape
        (2, 3)
    """

    def transform(self, X: Any) -> np.ndarray:
        """Return the outputs of the model for samples.

        Args:
            X: samples, array (rows, features).
        """
        return self._outputs(X)
