"""The base class of the estimators: parameters, the network of a fit, and its data."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from lamina import layers, optimizers
from lamina.callbacks import Callback
from lamina.errors import ArgumentError, describe
from lamina.models import Model, Sequential
from lamina.operations import random_keys
from lamina.sklearn.options import call_model, check_routed, is_routed, routed

WHOLE = 1024  # rows up to which a batch of the built-in network holds all of them
BATCH = 32
EPOCHS = 200  # of the built-in network; a user's own has one epoch, as `Model.fit`
UNITS = 64  # of its hidden layer
RATE = 0.01
WEIGHTED = "mean_with_sample_weight"  # how losses that estimators choose are reduced


class Estimator(BaseEstimator, ABC):  # type: ignore[misc]
    """The base class of the estimators; not used by itself.

    `model` is a function that returns a network, compiled or not, or a network. The function may
    name an argument `meta`, a dictionary with "n_features_in_", "X_shape_", "n_outputs_", and for
    classes "n_classes_" and "target_type_". Each `fit` trains another network; a network that was
    given is copied.
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
        warm_start: bool = False,
        random_state: Any = None,
        **options: Any,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_split = validation_split
        self.callbacks = callbacks
        self.shuffle = shuffle
        self.verbose = verbose
        self.warm_start = warm_start
        self.random_state = random_state
        self.__dict__.update(options)

    # ---- parameters ----------------------------------------------------------------------------
    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name, those with a prefix included.

        Args:
            deep: return the parameters of estimators among the parameters as well.
        """
        return {**super().get_params(deep), **self._more()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, and return the estimator.

        Args:
            **params: parameters, also such as `model__units`.
        """
        self.__dict__.update({name: value for name, value in params.items() if is_routed(name)})
        super().set_params(**{n: v for n, v in params.items() if not is_routed(n)})
        return self

    def _more(self) -> dict[str, Any]:
        """The parameters that were given as `**options`."""
        named = self._get_param_names()
        return {
            name: value
            for name, value in vars(self).items()
            if name not in named and not name.startswith("_") and not name.endswith("_")
        }

    # ---- the network ---------------------------------------------------------------------------
    def _meta(self) -> dict[str, Any]:
        """Facts about the data for a function that makes the network."""
        names = ("n_features_in_", "X_shape_", "n_outputs_", "n_classes_", "target_type_")
        return {name: vars(self)[name] for name in names if name in vars(self)}

    def _network(self, default: Callable[..., Model], dtype: str) -> Model:
        """A network that is compiled, and not trained yet."""
        given, options = self.model, routed(vars(self), "model")
        own = given is None
        if isinstance(given, Model):
            network = copy.deepcopy(given)
        elif own:
            network = call_model(type(self).__name__, default, options, {"dtype": dtype})
        elif callable(given):
            offered = {"meta": self._meta(), "compile_kwargs": self._compile_options(None, own)}
            network = call_model(type(self).__name__, given, options, offered)
        else:
            raise ArgumentError(
                f"{type(self).__name__}: model: expected a function that returns a network, or a "
                f"network, got {describe(given)}"
            )
        if not isinstance(network, Model):
            raise ArgumentError(
                f"{type(self).__name__}: model: the function returned {describe(network)}, "
                "expected a network"
            )
        if not network.compiled:
            network.compile(**self._compile_options(network, own))
        return network

    def _compile_options(self, network: Model | None, own: bool) -> dict[str, Any]:
        rate = {"learning_rate": RATE} if own else {}
        options = {**rate, **routed(vars(self), "optimizer")}
        optimizer = self.optimizer
        if isinstance(optimizer, str) and options:
            optimizer = type(optimizers.get(optimizer))(**options)
        elif not isinstance(optimizer, str):
            optimizer = copy.deepcopy(optimizer)
        loss = self.loss
        if loss is None and network is not None:
            loss = self._loss = self._loss_for(network)
        more = routed(vars(self), "compile")
        return {"optimizer": optimizer, "loss": loss, "metrics": self.metrics, **more}

    @abstractmethod
    def _loss_for(self, network: Model) -> Any:
        """The loss that goes with the targets and this network; with weights it divides by their
        sum, so that a row of weight 2 counts like two rows."""

    # ---- fitting -------------------------------------------------------------------------------
    def _train(
        self,
        x: np.ndarray,
        y: np.ndarray,
        sample_weight: Any,
        default: Callable[..., Model],
        goes_on: bool,
        epochs: int | None = None,
        **more: Any,
    ) -> None:
        """Fit a network to prepared data; with `goes_on` the one that there is."""
        check_routed(type(self).__name__, self._more())
        own = self.model is None
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        with random_keys.seeded(seed):
            if not (goes_on and hasattr(self, "model_")):
                self._loss = None  # chosen here
                self.model_ = self._network(default, str(x.dtype))
                self.history_: dict[str, list[float]] = {}
            options = {
                "batch_size": self.batch_size,
                "epochs": epochs or self.epochs or (EPOCHS if own else 1),
                "validation_split": self.validation_split,
                "callbacks": _fresh(self.callbacks),
                "shuffle": self.shuffle,
                "verbose": self.verbose,
                "seed": seed,
                **more,
                **routed(vars(self), "fit"),
            }
            if options["batch_size"] is None and own:
                options["batch_size"] = len(x) if len(x) <= WHOLE else BATCH
            if sample_weight is not None:
                x, y, sample_weight = _weighted(x, y, sample_weight)
                if self._loss is None:  # another loss divides by the number of rows
                    sample_weight = sample_weight * (len(x) / sample_weight.sum())
            history = self.model_.fit(x, y, sample_weight=sample_weight, **options)
        for name, values in history.history.items():
            self.history_.setdefault(name, []).extend(values)

    def _checked(
        self, x: Any, y: Any, reset: bool, **options: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        x, y = validate_data(self, x, y, reset=reset, allow_nd=True, dtype=_DTYPES, **options)
        if reset:
            self.X_shape_ = x.shape
        return x, y

    def _outputs(self, x: Any) -> np.ndarray:
        check_is_fitted(self)
        x = validate_data(self, x, reset=False, allow_nd=True, dtype=_DTYPES)
        options = {"verbose": 0, **routed(vars(self), "predict")}
        return np.asarray(self.model_.predict(x, **options))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")


_DTYPES = (np.float64, np.float32)  # others become the first


def _weighted(x: np.ndarray, y: np.ndarray, weight: Any) -> tuple[Any, ...]:
    """The data without rows of weight 0, and the weights of the others."""
    weight = _check_sample_weight(weight, x, dtype=x.dtype)
    kept = weight != 0
    if not kept.all():
        x, y, weight = x[kept], y[kept], weight[kept]
    return x, y, weight


def _fresh(callbacks: Any) -> Any:
    """Copies, since callbacks remember what they saw."""
    if callbacks is None or isinstance(callbacks, Callback):
        return copy.deepcopy(callbacks)
    return [copy.deepcopy(each) for each in callbacks]


def perceptron(outputs: int, activation: str | None, dtype: str, units: int = UNITS) -> Model:
    """The built-in network: one hidden layer."""
    return Sequential(
        [
            layers.Flatten(dtype=dtype),
            layers.Dense(units, activation="relu", dtype=dtype),
            layers.Dense(outputs, activation=activation, dtype=dtype),
        ]
    )
