"""LaminaRegressor: a network as a regressor of scikit-learn."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.exceptions import DataConversionWarning

from lamina.losses import MeanSquaredError
from lamina.models import Model
from lamina.sklearn.base import WEIGHTED, Estimator, perceptron


class LaminaRegressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A network as a regressor of scikit-learn, for one or several targets.

    Args:
        model: function that returns a network, compiled or not, or a network; None is a network
            with one hidden layer. The function may name an argument `meta`, a dictionary with
            "n_features_in_", "n_outputs_" and "X_shape_".
        optimizer: name or Optimizer, for a network that is not compiled.
        loss: name or Loss; None is the mean squared error.
        metrics: list of metrics, for a network that is not compiled.
        batch_size: rows of one batch; None is 32, of the built-in network all up to 1024 rows.
        epochs: passes over the data; None is 1, of the built-in network 200.
        validation_split: fraction of the rows held out and evaluated after each epoch.
        callbacks: a Callback or several; each fit uses copies.
        shuffle: use another order of rows in each epoch.
        verbose: 0 prints nothing, 1 a live line, 2 one line for each epoch.
        warm_start: continue with the network of the fit before.
        random_state: integer or RandomState, from which the network's weights and all draws come.
        **options: arguments by prefix: `model__` of the function, `optimizer__`, `compile__`,
            `fit__` and `predict__`.

    Raises:
        MissingExtraError: if scikit-learn is not installed.

    Example:
        >>> import numpy as np
        >>> from lamina.sklearn import LaminaRegressor  # doctest: +SKIP
        >>> x = np.linspace(-1, 1, 50)[:, None]  # doctest: +SKIP
        >>> regressor = LaminaRegressor(random_state=0).fit(x, x[:, 0])  # doctest: +SKIP
        >>> regressor.score(x, x[:, 0]) > 0.9  # doctest: +SKIP
        True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a network, and return the estimator.

        Args:
            X: inputs (rows, features), or (rows, ...) for networks that take more axes.
            y: targets (rows,) or (rows, targets).
            sample_weight: weight of each row, array (rows,); None weights all alike.
        """
        return self._fit(X, y, sample_weight, goes_on=self.warm_start)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch more, and return the estimator.

        Args:
            X: inputs (rows, features).
            y: targets (rows,) or (rows, targets).
            sample_weight: weight of each row, array (rows,); None weights all alike.
        """
        return self._fit(X, y, sample_weight, goes_on=True, epochs=1)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, goes_on: bool, epochs: int | None = None
    ) -> Self:
        goes_on = goes_on and hasattr(self, "model_")
        X, y = self._checked(X, y, reset=not goes_on, multi_output=True, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            text = "y is a column of shape (rows, 1), a vector (rows,) was expected: y.ravel()"
            warnings.warn(text, DataConversionWarning, stacklevel=3)
            y = y.ravel()
        if not goes_on:
            self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
            self._is_vector = y.ndim == 1
        default = partial(perceptron, self.n_outputs_, None)
        self._train(X, y.astype(X.dtype), sample_weight, default, goes_on, epochs)
        return self

    def _loss_for(self, network: Model) -> Any:
        return MeanSquaredError(reduction=WEIGHTED)

    def predict(self, X: Any) -> np.ndarray:
        """Return the predictions, (rows,) or (rows, targets) like the targets of `fit`.

        Args:
            X: inputs (rows, features).
        """
        found = self._outputs(X)
        return found.reshape(len(found)) if self._is_vector else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
