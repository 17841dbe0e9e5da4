"""LaminaClassifier: a network as a classifier of scikit-learn."""

from __future__ import annotations

from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from lamina.losses import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy
from lamina.models import Model
from lamina.sklearn.base import WEIGHTED, Estimator, perceptron

MULTILABEL = "multilabel-indicator"
CATEGORICAL = "categorical_crossentropy"


class LaminaClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """A network as a classifier of scikit-learn: labels may be strings.

    The network has one output with a sigmoid for two classes, or one with a softmax for each class;
    for several labels of a row, a sigmoid for each.

    Args:
        model: function that returns a network, compiled or not, or a network; None is a network
            with one hidden layer. The function may name an argument `meta`, a dictionary with
            "n_features_in_", "n_classes_", "target_type_", "n_outputs_" and "X_shape_".
        optimizer: name or Optimizer, for a network that is not compiled.
        loss: name or Loss; None is the cross-entropy that goes with the network's outputs.
        metrics: list of metrics, for a network that is not compiled.
        batch_size: rows of one batch; None is 32, of the built-in network all up to 1024 rows.
        epochs: passes over the data; None is 1, of the built-in network 200.
        validation_split: fraction of the rows held out and evaluated after each epoch.
        callbacks: a Callback or several; each fit uses copies.
        shuffle: use another order of rows in each epoch.
        verbose: 0 prints nothing, 1 a live line, 2 one line for each epoch.
        class_weight: dictionary from label to weight, "balanced", or None.
        warm_start: continue with the network of the fit before.
        random_state: integer or RandomState, from which the network's weights and all draws come.
        **options: arguments by prefix: `model__` of the function, `optimizer__`, `compile__`,
            `fit__` and `predict__`.

    Raises:
        MissingExtraError: if scikit-learn is not installed.

    Example:
        >>> import numpy as np
        >>> from lamina.sklearn import LaminaClassifier  # doctest: +SKIP
        >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])  # doctest: +SKIP
        >>> LaminaClassifier(random_state=0).fit(x, list("aabb")).predict([[0.2]])  # doctest: +SKIP
        array(['a'], dtype='<U1')
    """

    def __init__(
        self,
        model: Any = None,
        *,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        validation_split: float = 0.0,
        callbacks: Any = None,
        shuffle: bool = True,
        verbose: Any = 0,
        class_weight: Any = None,
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
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train a network, and return the estimator.

        Args:
            X: inputs (rows, features), or (rows, ...) for networks that take more axes.
            y: labels (rows,), or 0 and 1 for each label (rows, labels).
            sample_weight: weight of each row, array (rows,); None weights all alike.
        """
        return self._fit(X, y, sample_weight, goes_on=self.warm_start)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one epoch more, and return the estimator.

        Args:
            X: inputs (rows, features).
            y: labels (rows,).
            classes: all labels, if the first call does not have all; sorted.
            sample_weight: weight of each row, array (rows,); None weights all alike.
        """
        return self._fit(X, y, sample_weight, goes_on=True, classes=classes, epochs=1)

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        goes_on: bool,
        classes: Any = None,
        epochs: int | None = None,
    ) -> Self:
        goes_on = goes_on and hasattr(self, "model_")
        X, y = self._checked(X, y, reset=not goes_on, multi_output=True)
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind != MULTILABEL:
            y = column_or_1d(y, warn=True)
        if not goes_on:
            self._note_classes(y if classes is None else np.asarray(classes), kind)
        targets = y if self.target_type_ == MULTILABEL else self.encoder_.transform(y)
        if self.class_weight is not None:
            factors = compute_sample_weight(self.class_weight, y)
            sample_weight = factors if sample_weight is None else factors * sample_weight
        default = partial(perceptron, self.n_outputs_, self._activation())
        self._train(X, self._as_targets(targets, X), sample_weight, default, goes_on, epochs)
        return self

    def _note_classes(self, labels: np.ndarray, kind: str) -> None:
        if kind == MULTILABEL:
            self.target_type_, self.n_outputs_ = kind, labels.shape[1]
            self.classes_ = np.arange(labels.shape[1])
        else:
            self.encoder_ = LabelEncoder().fit(labels)
            self.classes_ = self.encoder_.classes_
            if len(self.classes_) < 2:
                raise ValueError(
                    f"{type(self).__name__}: y holds 1 class, {self.classes_[0]!r}, expected at "
                    "least 2 classes"
                )
            self.target_type_ = "binary" if len(self.classes_) == 2 else "multiclass"
            self.n_outputs_ = 1 if self.target_type_ == "binary" else len(self.classes_)
        self.n_classes_ = len(self.classes_)

    def _activation(self) -> str:
        return "softmax" if self.target_type_ == "multiclass" else "sigmoid"

    def _as_targets(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        if self.target_type_ == MULTILABEL:
            return y.astype(x.dtype)
        if isinstance(self.loss, CategoricalCrossentropy) or self.loss == CATEGORICAL:
            return np.eye(self.n_classes_, dtype=x.dtype)[y]
        return y.astype(np.int64)

    def _loss_for(self, network: Model) -> Any:
        width = network.output_shape[-1] if network.built else self.n_outputs_
        if self.target_type_ != MULTILABEL and width > 1:
            return SparseCategoricalCrossentropy(reduction=WEIGHTED)
        return BinaryCrossentropy(reduction=WEIGHTED)

    # ---- predicting ----------------------------------------------------------------------------
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (rows, classes), or of each label.

        Args:
            X: inputs (rows, features).
        """
        found = self._outputs(X).astype(np.float64)
        if self._gives_logits():
            found = _softmax(found) if found.shape[-1] > 1 else 1 / (1 + np.exp(-found))
        if self.target_type_ == MULTILABEL:
            return found
        if found.shape[-1] == 1 or found.ndim == 1:
            found = found.reshape(-1, 1)
            return np.hstack([1 - found, found])
        probabilities: np.ndarray = found / found.sum(axis=-1, keepdims=True)
        return probabilities

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable label of each row; of several labels, 0 and 1 for each.

        Args:
            X: inputs (rows, features).
        """
        found = self.predict_proba(X)
        if self.target_type_ == MULTILABEL:
            return (found > 0.5).astype(np.int64)
        labels: np.ndarray = self.classes_[found.argmax(axis=-1)]
        return labels

    def _gives_logits(self) -> bool:
        written = (self.model_.get_compile_config() or {}).get("loss")
        loss = written.get("is") if isinstance(written, dict) else None
        return isinstance(loss, dict) and bool(loss["config"].get("from_logits", False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    found: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return found
