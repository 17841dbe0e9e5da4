"""FeatureSpace: a table of named columns as one array, or a dict of arrays, for a network."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, Unpack, cast

import numpy as np

from lamina import operations as ops
from lamina.arguments import Checks, Integer, integer, one_of
from lamina.configuration import plain, restored
from lamina.errors import ArgumentError, describe, unknown_name
from lamina.layers._base.host import HostLayer, as_strings
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import UnnamedOptions
from lamina.layers.core import Identity, Input
from lamina.layers.encoding import Discretization, encoded
from lamina.layers.hashed_crossing import HashedCrossing
from lamina.layers.hashing import Hashing
from lamina.layers.integer_lookup import IntegerLookup
from lamina.layers.preprocessing import Normalization, Rescaling
from lamina.layers.string_lookup import StringLookup
from lamina.tensor import Tensor, as_tensor

__all__ = ["FeatureSpace"]

OWNER = "FeatureSpace"
ADAPTABLE = (Discretization, IntegerLookup, Normalization, StringLookup)


class Feature:
    """A column: its dtype, the layer that it goes through, and the form in which it leaves.

    Args:
        dtype: dtype of the data, such as "float32", "int32" or "string".
        preprocessor: layer, such as `StringLookup` with integers as outputs.
        output_mode: "one_hot" (of the integers of the layer), "int" or "float".
    """

    def __init__(self, dtype: str, preprocessor: Layer, output_mode: str) -> None:
        self.dtype, self.preprocessor = dtype, preprocessor
        self.output_mode = one_of(OWNER, "output_mode", output_mode, ("one_hot", "int", "float"))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal feature as JSON data."""
        layer = self.preprocessor
        config = plain(layer)
        if isinstance(layer, Normalization) and layer.input_mean is None and layer.is_adapted:
            found = {name: getattr(layer, name).numpy().tolist() for name in ("mean", "variance")}
            config["config"].update(found)
        return {"dtype": self.dtype, "preprocessor": config, "output_mode": self.output_mode}

    @property
    def size(self) -> int:
        """The number of integers that the layer returns."""
        layer = self.preprocessor
        if isinstance(layer, (IntegerLookup, StringLookup)):  # also a TextVectorization
            return layer.vocabulary_size()
        if isinstance(layer, Discretization):
            return len(layer.bin_boundaries or ()) + 1
        if isinstance(layer, (Hashing, HashedCrossing)):
            return layer.num_bins
        raise ArgumentError(
            f"{OWNER}: one_hot needs a layer with a known number of integers, such as a lookup "
            f"(got {describe(layer)})",
            hint="give the feature output_mode='float' or 'int'",
        )


class Cross:
    """Combinations of columns, hashed to a number of bins.

    Args:
        feature_names: names of the columns, at least two.
        crossing_dim: number of bins.
        output_mode: "one_hot" or "int".
    """

    def __init__(
        self, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> None:
        self.feature_names = tuple(feature_names)
        self.crossing_dim = integer(OWNER, "crossing_dim", crossing_dim, 1)
        self.output_mode = one_of(OWNER, "output_mode", output_mode, ("one_hot", "int"))

    @property
    def name(self) -> str:
        """The names of the columns, joined by _X_."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal cross as JSON data."""
        return {
            "feature_names": list(self.feature_names),
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }


class FeatureSpace(HostLayer):
    """Conversion of a table of named columns (numbers, categories, strings) to arrays.

    The layer runs on data, before a compiled program: in `Dataset.map`, as the first layer of a
    Sequential, or in a functional model between `get_inputs()` and `get_encoded_features()`. Such
    models take dicts of columns in `fit` and `predict`.

    Args:
        features: dictionary from name to feature: "float", "float_rescaled", "float_normalized",
            "float_discretized", "integer_categorical", "string_categorical", "integer_hashed",
            "string_hashed", or the result of the method of this name.
        output_mode: "concat" for one array of all features, or "dict" for one for each.
        crosses: tuples of names of features whose combinations are features too, or results of
            `cross`.
        crossing_dim: number of bins of crosses given as tuples.
        hashing_dim: number of bins of features given as "integer_hashed" or "string_hashed".
        num_discretization_bins: number of bins of features given as "float_discretized".
        name: name of the layer.
        **kwargs: `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        dict of (batch,) or (batch, 1) -> (batch, features), or a dict of (batch, ...) by name;
        dict of numbers and strings -> the same without the batch

    Raises:
        ArgumentError: for an unknown feature, or one with integers as outputs in "concat".
        StateError: if a feature has to be adapted first.

    Example:
        >>> import lamina as lm
        >>> from lamina import keras
        >>> table = {"age": [20.0, 40.0], "city": ["Ulm", "Bonn"]}
        >>> space = keras.utils.FeatureSpace(
        ...     {"age": "float_normalized", "city": "string_categorical"})
        >>> space.adapt(lm.data.Dataset.from_tensor_slices(table).batch(2))
        >>> space(table).tolist()
        [[-1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]]
    """

    argument_checks: ClassVar[Checks] = dict.fromkeys(
        ("crossing_dim", "hashing_dim", "num_discretization_bins"), Integer(1)
    )
    # what they have learned is in the configuration
    _unseen: ClassVar[frozenset[str]] = HostLayer._unseen | {
        "_encoded",
        "_inputs",
        "features",
        "preprocessors",
    }

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Sequence[Any] | None = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
        **kwargs: Unpack[UnnamedOptions],
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not isinstance(features, Mapping) or not features:
            raise ArgumentError(
                f"{OWNER}: expected at least one feature by its name, got {describe(features)}"
            )
        self.output_mode = one_of(OWNER, "output_mode", output_mode, ("concat", "dict"))
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {key: self._as_feature(value) for key, value in features.items()}
        self.crosses = [self._as_cross(cross) for cross in _listed(crosses)]
        self.preprocessors = {key: each.preprocessor for key, each in self.features.items()}
        self.crossers = {
            cross.name: HashedCrossing(cross.crossing_dim, name=cross.name)
            for cross in self.crosses
        }
        self._inputs: dict[str, Any] | None = None
        self._encoded: Any = None
        modes: dict[str, Any] = {**self.features, **{cross.name: cross for cross in self.crosses}}
        whole = [key for key, each in modes.items() if each.output_mode == "int"]
        if self.output_mode == "concat" and whole:
            raise ArgumentError(
                f"{OWNER}: the integers of {whole[0]!r} cannot be joined with numbers "
                "(expected output_mode 'one_hot' or 'float' in features of 'concat')",
                hint="make the FeatureSpace with output_mode='dict'",
            )

    def _as_feature(self, value: Any) -> Feature:
        if isinstance(value, Mapping):  # of a configuration
            return Feature(**{name: restored(each) for name, each in value.items()})
        if isinstance(value, Feature):
            return value
        made: dict[str, Callable[[], Feature]] = {
            "float": self.float,
            "float_rescaled": self.float_rescaled,
            "float_normalized": self.float_normalized,
            "float_discretized": lambda: self.float_discretized(self.num_discretization_bins),
            "integer_categorical": self.integer_categorical,
            "string_categorical": self.string_categorical,
            "integer_hashed": lambda: self.integer_hashed(self.hashing_dim),
            "string_hashed": lambda: self.string_hashed(self.hashing_dim),
        }
        if not isinstance(value, str) or value not in made:
            raise unknown_name("kind of feature", value, made)
        return made[value]()

    def _as_cross(self, value: Any) -> Cross:
        if isinstance(value, Mapping):  # of a configuration
            value = Cross(**value)
        if not isinstance(value, (Cross, tuple, list)):
            raise ArgumentError(
                f"{OWNER}: expected the names of features as a cross, got {describe(value)}"
            )
        cross = value if isinstance(value, Cross) else Cross(value, self.crossing_dim)
        for name in cross.feature_names:
            if name not in self.features:
                raise unknown_name("feature of a cross", name, self.features)
        return cross

    # ---- kinds of features ---------------------------------------------------------------------
    @classmethod
    def cross(
        cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> Cross:
        """Return the combinations of columns, hashed.

        Args:
            feature_names: names of the columns.
            crossing_dim: number of bins.
            output_mode: "one_hot" or "int".
        """
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Layer, output_mode: str) -> Feature:
        """Return a column that goes through a layer of the caller's own.

        Args:
            dtype: dtype of the data, such as "string".
            preprocessor: layer.
            output_mode: "one_hot", "int" or "float".
        """
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Return a column of numbers that stay as they are.

        Args:
            name: beginning of the layer's name.
        """
        return Feature("float32", Identity(name=_named(name)), "float")

    @classmethod
    def float_rescaled(
        cls, scale: builtins.float = 1.0, offset: builtins.float = 0.0, name: str | None = None
    ) -> Feature:
        """Return a column of numbers, multiplied and shifted.

        Args:
            scale: factor.
            offset: added to the product.
            name: beginning of the layer's name.
        """
        layer = Rescaling(scale, offset, name=_named(name))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Return a column of numbers, shifted and scaled to mean 0 and variance 1.

        Args:
            name: beginning of the layer's name.
        """
        return Feature("float32", Normalization(name=_named(name)), "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int | None,
        bin_boundaries: Sequence[builtins.float] | None = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of numbers as bins with equally many samples.

        Args:
            num_bins: number of bins that `adapt` finds.
            bin_boundaries: boundaries of bins, in place of `num_bins`.
            output_mode: "one_hot" or "int".
            name: beginning of the layer's name.
        """
        given = None if bin_boundaries is not None else num_bins
        layer = Discretization(bin_boundaries, given, name=_named(name))
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of integers that stand for categories.

        Args:
            max_tokens: largest number of categories, unknown ones included; None sets no limit.
            num_oov_indices: number of categories for unknown integers.
            output_mode: "one_hot" or "int".
            name: beginning of the layer's name.
        """
        label = _named(name)
        layer = IntegerLookup(max_tokens, num_oov_indices, name=label)
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of strings that stand for categories.

        Args:
            max_tokens: largest number of categories, unknown ones included; None sets no limit.
            num_oov_indices: number of categories for unknown strings.
            output_mode: "one_hot" or "int".
            name: beginning of the layer's name.
        """
        label = _named(name)
        return Feature("string", StringLookup(max_tokens, num_oov_indices, name=label), output_mode)

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a column of strings, hashed to bins.

        Args:
            num_bins: number of bins.
            output_mode: "one_hot" or "int".
            name: beginning of the layer's name.
        """
        return Feature("string", Hashing(num_bins, name=_named(name)), output_mode)

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a column of integers, hashed to bins.

        Args:
            num_bins: number of bins.
            output_mode: "one_hot" or "int".
            name: beginning of the layer's name.
        """
        return Feature("int32", Hashing(num_bins, name=_named(name)), output_mode)

    # ---- learning ------------------------------------------------------------------------------
    def adapt(self, dataset: Iterable[Any]) -> None:
        """Learn vocabularies, boundaries, means and variances: one pass for each feature.

        Args:
            dataset: Dataset, or another iterable that can be repeated, of dicts of columns, batched
                or not; or a dict of whole columns.
        """
        batches = [dataset] if isinstance(dataset, Mapping) else dataset
        for name, feature in self.features.items():
            layer = feature.preprocessor
            if not isinstance(layer, ADAPTABLE) or _is_given(layer):
                continue
            cast(Any, layer).adapt(_Column(batches, name, feature))

    # ---- using it ------------------------------------------------------------------------------
    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, Mapping):
            raise ArgumentError(
                f"{self._label()}: expected a dict of columns by name, got {describe(inputs)}"
            )
        missing = [name for name in self.features if name not in inputs]
        if missing:
            raise ArgumentError(
                f"{self._label()}: no data for the features {missing} (got {sorted(inputs)})"
            )
        single = all(np.ndim(inputs[name]) == 0 for name in self.features)
        columns = {n: _column(inputs[n], each) for n, each in self.features.items()}
        prepared = {n: as_tensor(self.preprocessors[n](x)) for n, x in columns.items()}
        found = {n: self._formed(n, prepared[n], each) for n, each in self.features.items()}
        for cross in self.crosses:
            bins = self.crossers[cross.name]([prepared[n] for n in cross.feature_names])
            is_hot = cross.output_mode == "one_hot"
            found[cross.name] = encoded_floats(bins, cross.crossing_dim) if is_hot else bins
        if single:
            found = {n: x[0] for n, x in found.items()}
        if self.output_mode == "dict":
            return found
        return ops.concat([ops.astype(x, self._compute_dtype) for x in found.values()], axis=-1)

    def _formed(self, name: str, values: Tensor, feature: Feature) -> Tensor:
        if feature.output_mode != "one_hot":
            is_float = feature.output_mode == "float"
            return ops.astype(values, self._compute_dtype) if is_float else values
        if not values.dtype.is_integer:
            raise ArgumentError(
                f"{self._label()}: one_hot of {name!r} needs integers (got {values.dtype})",
                hint="give the feature output_mode='float'",
            )
        return encoded_floats(values, feature.size)

    # ---- in models -----------------------------------------------------------------------------
    def get_inputs(self) -> dict[str, Any]:
        """Return the Inputs of the features by name, for a model that takes raw columns."""
        if self._inputs is None:
            self._inputs = {
                name: Input((1,), dtype=feature.dtype, name=name)
                for name, feature in self.features.items()
            }
        return self._inputs

    def get_encoded_features(self) -> Any:
        """Return the symbolic tensor, or the dict of them, that this layer makes of `get_inputs()`;
        also the input of a model for data that are encoded already.

        Raises:
            StateError: before `adapt`.
        """
        if self._encoded is None:
            self._encoded = self(self.get_inputs())
        return self._encoded

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal layer as JSON data, with what `adapt` has learned."""
        return {
            "features": {name: each.get_config() for name, each in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [cross.get_config() for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
            "dtype": self.dtype,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the layer that `get_config` described.

        Args:
            config: dictionary that `get_config` returned.
        """
        return cls(**config)


def encoded_floats(values: Tensor, size: int) -> Tensor:
    """Return integers (batch, 1) as rows of 0 and 1."""
    return encoded(values, "one_hot", size, as_tensor(0.0).dtype)


class _Column:
    """The batches of one feature, for `adapt`."""

    def __init__(self, batches: Any, name: str, feature: Feature) -> None:
        self.batches, self.name, self.feature = batches, name, feature

    def __iter__(self) -> Iterator[Any]:
        for batch in self.batches:
            table = batch[0] if isinstance(batch, tuple) else batch
            yield _column(table[self.name], self.feature)


def _column(values: Any, feature: Feature) -> np.ndarray:
    """The data of a feature as (batch, 1)."""
    if feature.dtype == "string":
        array = as_strings(values.numpy() if hasattr(values, "numpy") else values)
    else:
        array = np.asarray(values, feature.dtype)
    return array.reshape(-1, 1) if array.ndim < 2 else array


def _listed(crosses: Any) -> Sequence[Any]:
    if crosses is None or isinstance(crosses, (tuple, list)):
        return crosses or ()
    raise ArgumentError(f"{OWNER}: expected a list of crosses, got {describe(crosses)}")


def _is_given(layer: Any) -> bool:
    """Whether the layer was made with what `adapt` would learn."""
    if isinstance(layer, Normalization):
        return layer.input_mean is not None
    if isinstance(layer, Discretization):
        return layer.num_bins is None
    return bool(layer._was_given)


def _named(name: str | None) -> str | None:
    return None if name is None else f"{name}_preprocessor"
