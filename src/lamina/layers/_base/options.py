"""Types of the keyword arguments that layers pass on to their base classes, for type checkers.

FirstShape         of `Layer`, further ways to give the shape of the inputs
LayerOptions       of `Layer`
OwnPenalty         of `Layer`, for layers that take `activity_regularizer` themselves
TableOptions       of `Layer`, for layers that take `input_dim` themselves
UnnamedOptions     of `Layer`, for layers that take `name` themselves
ImageOptions       of layers over images that take `data_format` themselves
CellOptions        of recurrent cells
RecurrentOptions   of recurrent layers that create their cell
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from lamina.annotations import ConstraintLike, DTypeLike, InitializerLike, RegularizerLike
from lamina.dtype_policies import DTypePolicy
from lamina.seeding import SeedLike

Shape = Sequence[int | None] | None


class _WithBatch(TypedDict, total=False):
    batch_input_shape: Shape
    batch_shape: Shape
    batch_size: int | None


class FirstShape(_WithBatch, total=False):
    input_dim: int | None


class _Common(TypedDict, total=False):
    name: str | None
    trainable: bool
    autocast: bool
    dtype: DTypeLike | DTypePolicy | Mapping[str, Any]
    input_shape: Shape


class OwnPenalty(_Common, FirstShape, total=False):
    pass


class TableOptions(_Common, _WithBatch, total=False):
    activity_regularizer: RegularizerLike


class LayerOptions(OwnPenalty, total=False):
    activity_regularizer: RegularizerLike


class UnnamedOptions(FirstShape, total=False):
    trainable: bool
    dtype: DTypeLike | DTypePolicy | Mapping[str, Any]
    input_shape: Shape
    activity_regularizer: RegularizerLike


class PlainOptions(FirstShape, total=False):
    trainable: bool
    input_shape: Shape
    activity_regularizer: RegularizerLike


class ImageOptions(LayerOptions, total=False):
    bounding_box_format: str | None


class PlacedImageOptions(ImageOptions, total=False):
    data_format: str | None


class RandomImageOptions(PlacedImageOptions, total=False):
    seed: SeedLike


class CellOptions(LayerOptions, total=False):
    kernel_initializer: InitializerLike
    recurrent_initializer: InitializerLike
    bias_initializer: InitializerLike
    kernel_regularizer: RegularizerLike
    recurrent_regularizer: RegularizerLike
    bias_regularizer: RegularizerLike
    kernel_constraint: ConstraintLike
    recurrent_constraint: ConstraintLike
    bias_constraint: ConstraintLike
    dropout: float
    recurrent_dropout: float
    seed: SeedLike


class RecurrentOptions(CellOptions, total=False):
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool
    zero_output_for_mask: bool


class LSTMOptions(RecurrentOptions, total=False):
    unit_forget_bias: bool


class GRUOptions(RecurrentOptions, total=False):
    reset_after: bool


class LSTMCellOptions(CellOptions, total=False):
    unit_forget_bias: bool
