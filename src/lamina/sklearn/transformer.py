"""LaminaTransformer: what a layer of a network gives, as a transformer of scikit-learn."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from lamina import layers
from lamina.losses import MeanSquaredError
from lamina.models import Model, Sequential
from lamina.sklearn.base import _DTYPES, WEIGHTED, Estimator


class LaminaTransformer(TransformerMixin, Estimator):  # type: ignore[misc]
    """A layer's outputs as features: of an autoencoder, or of a network for another task.

    Args:
        model: function that returns a network, compiled or not, or a network; None is an
            autoencoder with linear layers, the layer "code" of which has `n_components` units.
        layer: name of the layer whose outputs are the features; None is "code" of the built-in
            network, and the last layer of another.
        n_components: features that the built-in network makes.
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
        >>> from lamina.sklearn import LaminaTransformer  # doctest: +SKIP
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(20, 4))  # doctest: +SKIP
        >>> LaminaTransformer(random_state=0).fit_transform(x).shape  # doctest: +SKIP
        (20, 2)
    """

    def __init__(
        self,
        model: Any = None,
        *,
        layer: str | None = None,
        n_components: int = 2,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        validation_split: float = 0.0,
        callbacks: Any = None,
        shuffle: bool = True,
        verbose: Any = 0,
        warm_start: bool = False,
        random_state: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            model,
            optimizer=optimizer,
            loss=loss,
            metrics=metrics,
            batch_size=batch_size,
            epochs=epochs,
            validation_split=validation_split,
            callbacks=callbacks,
            shuffle=shuffle,
            verbose=verbose,
            warm_start=warm_start,
            random_state=random_state,
            **options,
        )
        self.layer = layer
        self.n_components = n_components

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train a network, and return the estimator.

        Args:
            X: inputs (rows, features), or (rows, ...) for networks that take more axes.
            y: targets of the network; None is X itself, as for an autoencoder. The built-in network
                ignores it.
            sample_weight: weight of each row, array (rows,); None weights all alike.
        """
        goes_on = self.warm_start and hasattr(self, "model_")
        X = validate_data(self, X, reset=not goes_on, allow_nd=True, dtype=_DTYPES)
        self.X_shape_ = X.shape
        targets = X if y is None or self.model is None else np.asarray(y)
        default = partial(_autoencoder, X.shape[-1], self.n_components)
        self._train(X, targets, sample_weight, default, goes_on)
        return self

    def _loss_for(self, network: Model) -> Any:
        return MeanSquaredError(reduction=WEIGHTED)

    def transform(self, X: Any) -> np.ndarray:
        """Return the features of each row, (rows, features).

        Args:
            X: inputs (rows, features).
        """
        check_is_fitted(self)
        layer = "code" if self.layer is None and self.model is None else self.layer
        if layer is None:
            return self._outputs(X)
        X = validate_data(self, X, reset=False, allow_nd=True, dtype=_DTYPES)
        return np.asarray(self.model_.representations(X, [layer])[layer])


def _autoencoder(features: int, code: int, dtype: str) -> Model:
    return Sequential(
        [
            layers.Dense(code, dtype=dtype, name="code"),
            layers.Dense(features, dtype=dtype),
        ]
    )
