"""`lm.nn`: activations and losses on logits as plain functions, under the names of `tf.nn`."""

from __future__ import annotations

from lamina import namespaces
from lamina import operations as ops
from lamina.activations import (
    celu,
    elu,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparsemax,
    squareplus,
    swish,
    tanh,
    tanh_shrink,
)
from lamina.annotations import ArrayLike, AxisLike
from lamina.elsewhere import NN
from lamina.errors import ArgumentError, DTypeError, RangeError, ShapeError
from lamina.ir.types import same
from lamina.operations import creation, elementwise, gathering, random, reductions, shaping
from lamina.operations.convolution import conv, conv_transpose, depthwise_conv, separable_conv
from lamina.operations.images import depth_to_space, resize, space_to_depth
from lamina.operations.neural import l2_normalize
from lamina.operations.pooling import (
    adaptive_average_pool,
    adaptive_max_pool,
    average_pool,
    max_pool,
)
from lamina.operations.promote import floating
from lamina.operations.sorting import top_k
from lamina.tensor import Tensor, as_tensor

__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "average_pool",
    "celu",
    "conv",
    "conv_transpose",
    "ctc_decode",
    "depth_to_space",
    "depthwise_conv",
    "dropout",
    "elu",
    "embedding_lookup",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "max_pool",
    "mish",
    "moments",
    "relu",
    "relu6",
    "resize",
    "selu",
    "separable_conv",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "silu",
    "soft_shrink",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softplus",
    "softsign",
    "space_to_depth",
    "sparse_plus",
    "sparse_softmax_cross_entropy_with_logits",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "top_k",
]


def softmax_cross_entropy_with_logits(
    labels: ArrayLike, logits: ArrayLike, axis: int = -1
) -> Tensor:
    """Return -sum(labels * log_softmax(logits)) along an axis, without overflow.

    Args:
        labels: probabilities of the classes.
        logits: scores before the softmax, of the same shape.
        axis: axis of the classes.

    Example:
        >>> import lamina as lm
        >>> lm.nn.softmax_cross_entropy_with_logits([[0.0, 1.0]], [[1000.0, 0.0]]).tolist()
        [1000.0]
    """
    x = floating(logits)
    y = as_tensor(labels, x.dtype)
    if not same(y.shape, x.shape):
        raise ShapeError(
            f"softmax_cross_entropy_with_logits: labels have shape {y.shape}, logits {x.shape}",
            hint="for labels that are indices use sparse_softmax_cross_entropy_with_logits",
        )
    return elementwise.negative(
        reductions.sum(elementwise.multiply(y, log_softmax(x, axis=axis)), axis)
    )


def sparse_softmax_cross_entropy_with_logits(labels: ArrayLike, logits: ArrayLike) -> Tensor:
    """Return -log_softmax(logits) at each label, along the last axis.

    Args:
        labels: integer classes, of the shape of `logits` without its last axis.
        logits: scores (..., classes) before the softmax.

    Example:
        >>> import lamina as lm
        >>> lm.nn.sparse_softmax_cross_entropy_with_logits([1], [[1000.0, 0.0]]).tolist()
        [1000.0]
    """
    x, y = floating(logits), as_tensor(labels)
    if not y.dtype.is_integer:
        raise DTypeError(
            f"sparse_softmax_cross_entropy_with_logits: labels must be integers; got {y.dtype}"
        )
    if not same(y.shape, x.shape[:-1]):
        raise ShapeError(
            f"sparse_softmax_cross_entropy_with_logits: labels have shape {y.shape}, expected "
            f"{x.shape[:-1]} for logits of shape {x.shape}"
        )
    picked = gathering.take_along_axis(log_softmax(x), shaping.expand_dims(y, -1), axis=-1)
    return elementwise.negative(shaping.squeeze(picked, -1))


def sigmoid_cross_entropy_with_logits(labels: ArrayLike, logits: ArrayLike) -> Tensor:
    """Return the cross-entropy of labels and sigmoid(logits), elementwise, without overflow.

        max(x, 0) - x y + log(1 + exp(-|x|))

    Args:
        labels: probabilities y in [0, 1].
        logits: scores x before the sigmoid, of the same shape.

    Example:
        >>> import lamina as lm
        >>> lm.nn.sigmoid_cross_entropy_with_logits([0.0, 1.0], [-1000.0, 1000.0]).tolist()
        [0.0, 0.0]
    """
    x = floating(logits)
    y = as_tensor(labels, x.dtype)
    if not same(y.shape, x.shape):
        raise ShapeError(
            f"sigmoid_cross_entropy_with_logits: labels have shape {y.shape}, logits {x.shape}"
        )
    return elementwise.subtract(softplus(x), elementwise.multiply(x, y))


def dropout(x: ArrayLike, rate: float, *, key: ArrayLike | None = None) -> Tensor:
    """Return x with random elements set to 0 and the others divided by 1 - rate.

    Args:
        x: tensor or array-like.
        rate: fraction of the elements set to zero, in [0, 1).
        key: key of the random numbers from `lm.random.key`; None takes the next one of the current
            scope.

    Example:
        >>> import lamina as lm
        >>> lm.nn.dropout(lm.ones(4), 0.0).tolist()
        [1.0, 1.0, 1.0, 1.0]

    Source: Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from
        overfitting.
    """
    if not 0 <= rate < 1:
        raise RangeError(f"dropout: rate must be within 0 and 1 (excluded); got {rate}")
    tensor = floating(x)
    keep = random.bernoulli(tensor.shape, 1.0 - rate, key=key)
    scaled = elementwise.multiply(tensor, 1.0 / (1.0 - rate))
    return elementwise.where(keep, scaled, creation.zeros_like(tensor))


def moments(x: ArrayLike, axes: AxisLike, *, keepdims: bool = False) -> tuple[Tensor, Tensor]:
    """Return mean and variance along axes.

    Args:
        x: tensor or array-like.
        axes: axis, or tuple of axes, to reduce.
        keepdims: keep the reduced axes with extent 1.

    Example:
        >>> import lamina as lm
        >>> [each.item() for each in lm.nn.moments([1.0, 3.0], 0)]
        [2.0, 1.0]
    """
    axis = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    mean = reductions.mean(x, axis, keepdims=keepdims)
    return mean, reductions.var(x, axis, keepdims=keepdims)


def l2_loss(x: ArrayLike) -> Tensor:
    """Return half of the sum of squares, sum(x^2) / 2.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.nn.l2_loss([1.0, 3.0]).item()
        5.0
    """
    return elementwise.multiply(reductions.sum(elementwise.square(floating(x))), 0.5)


def embedding_lookup(params: ArrayLike, ids: ArrayLike) -> Tensor:
    """Return the rows of `params` at integer positions.

    Args:
        params: table (rows, ...), a tensor or array-like.
        ids: integer positions of any shape.

    Shapes:
        (rows, ...), ids -> (*ids.shape, ...)

    Example:
        >>> import lamina as lm
        >>> lm.nn.embedding_lookup([[1.0, 2.0], [3.0, 4.0]], [1, 0]).tolist()
        [[3.0, 4.0], [1.0, 2.0]]
    """
    return gathering.take(params, ids, axis=0)


def ctc_decode(
    inputs: ArrayLike,
    sequence_lengths: ArrayLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """Read the labels of the most probable class of each step, without repetitions and blanks.

    Args:
        inputs: logits (batch, steps, classes).
        sequence_lengths: the number of steps that count in each sample, (batch,).
        strategy: only "greedy", the most probable class of each step.
        beam_width: of another strategy; ignored.
        top_paths: of another strategy; ignored.
        merge_repeated: True makes one label of equal neighbors.
        mask_index: the class that stands for "no label here".

    Returns:
        The labels (1, batch, steps), with -1 after the last, and minus the sum of the logits of
        the classes, (batch, 1), as in Keras.

    Raises:
        ArgumentError: `strategy` is not "greedy".

    Example:
        >>> import lamina as lm
        >>> logits = lm.nn.log_softmax([[[0.0, 9.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]]])
        >>> lm.nn.ctc_decode(logits, [3])[0].tolist()
        [[[1, 2, -1]]]
    """
    if strategy != "greedy":
        raise ArgumentError(f"ctc_decode: strategy is {strategy!r}, expected 'greedy'")
    logits = floating(inputs)
    place = ops.arange(logits.shape[1], dtype="int32")
    is_there = place < ops.expand_dims(as_tensor(sequence_lengths), axis=-1)
    best = ops.where(is_there, ops.astype(ops.argmax(logits, axis=-1), "int32"), mask_index)
    is_label = best != mask_index
    if merge_repeated:
        before = ops.pad(best, ((0, 0), (1, 0)), constant_values=mask_index)[:, :-1]
        is_label = ops.logical_and(is_label, best != before)
    order = ops.argsort(ops.where(is_label, place, 2**30), axis=-1)
    read = ops.take_along_axis(ops.where(is_label, best, -1), order, axis=-1)
    score = -ops.sum(ops.where(is_there, ops.max(logits, axis=-1), 0.0), axis=-1, keepdims=True)
    return ops.expand_dims(read, axis=0), score


namespaces.declare(__name__, instead=NN)
