"""`tf.nn`: activations, losses on logits, convolutions and pooling, with TensorFlow's arguments."""

from __future__ import annotations

from typing import Any

from lamina import activations, nn
from lamina.tensor import Tensor, as_tensor
from lamina.tf import own as lm
from lamina.tf.naming import public, thin

_ACTIVATIONS = "elu gelu relu relu6 selu sigmoid silu softplus softsign swish tanh"


def _per_axis(value: Any, spatial: int, channels_first: bool) -> Any:
    """Strides or windows for the spatial axes: of one number, or of two or four (NHWC)."""
    found = [int(each) for each in value] if isinstance(value, (list, tuple)) else [int(value)]
    if len(found) == spatial + 2:
        found = found[2:] if channels_first else found[1:-1]
    return tuple(found * spatial if len(found) == 1 else found)


def _format(data_format: str | None) -> tuple[str, bool]:
    first = bool(data_format) and str(data_format).startswith("NC")
    return ("channels_first" if first else "channels_last"), first


def _padding(padding: Any, first: bool) -> Any:
    if isinstance(padding, str):
        return padding.lower()
    return [tuple(each) for each in (padding[2:] if first else padding[1:-1])]


def _convolution(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: Any,
    dilations: Any,
    axes: int,
) -> Tensor:
    layout, first = _format(data_format)
    return nn.conv(
        input,
        filters,
        _per_axis(1 if strides is None else strides, axes, first),
        _padding(padding, first),
        layout,
        _per_axis(1 if dilations is None else dilations, axes, first),
    )


def conv1d(
    input: Any,
    filters: Any,
    stride: Any,
    padding: Any,
    data_format: Any = "NWC",
    dilations: Any = None,
    name: Any = None,
) -> Tensor:
    """Return the convolution of sequences."""
    return _convolution(input, filters, stride, padding, data_format, dilations, 1)


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: Any = "NHWC",
    dilations: Any = None,
    name: Any = None,
) -> Tensor:
    """Return the convolution of images."""
    return _convolution(input, filters, strides, padding, data_format, dilations, 2)


def conv3d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: Any,
    data_format: Any = "NDHWC",
    dilations: Any = None,
    name: Any = None,
) -> Tensor:
    """Return the convolution of volumes."""
    return _convolution(input, filters, strides, padding, data_format, dilations, 3)


def convolution(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: Any = None,
    dilations: Any = None,
    name: Any = None,
) -> Tensor:
    """Return the convolution with one to three spatial axes."""
    axes = as_tensor(input).ndim - 2
    return _convolution(input, filters, strides, padding, data_format, dilations, axes)


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: Any = "NHWC",
    dilations: Any = None,
    name: Any = None,
) -> Tensor:
    """Return the transposed convolution of images; filters are (height, width, out, in)."""
    layout, first = _format(data_format)
    steps = _per_axis(strides, 2, first)
    return nn.conv_transpose(input, filters, steps, padding.lower(), None, layout)


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: Any = None,
    dilations: Any = None,
    name: Any = None,
) -> Tensor:
    """Return the convolution of each channel."""
    layout, first = _format(data_format)
    steps = _per_axis(strides, 2, first)
    spacing = _per_axis(1 if dilations is None else dilations, 2, first)
    return nn.depthwise_conv(input, filter, steps, _padding(padding, first), layout, spacing)


def _pooling(function: Any, axes: int | None) -> Any:
    def pooled(
        input: Any,
        ksize: Any,
        strides: Any,
        padding: Any,
        data_format: Any = None,
        name: Any = None,
    ) -> Tensor:
        layout, first = _format(data_format)
        count = as_tensor(input).ndim - 2 if axes is None else axes
        window, steps = _per_axis(ksize, count, first), _per_axis(strides, count, first)
        return function(input, window, steps, _padding(padding, first), layout)

    pooled.__doc__ = function.__doc__
    return pooled


def bias_add(value: Any, bias: Any, data_format: Any = None, name: Any = None) -> Tensor:
    """Return the sum with one number for each channel."""
    if not _format(data_format)[1]:
        return as_tensor(value) + bias
    shape = (-1, *(1 for _ in range(as_tensor(value).ndim - 2)))
    return as_tensor(value) + lm.reshape(bias, shape)


def moments(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: Any = None
) -> tuple[Tensor, Tensor]:
    """Return mean and variance along axes."""
    return nn.moments(x, axes, keepdims=keepdims)


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: Any = None,
) -> Tensor:
    """Return scale * (x - mean) / sqrt(variance + epsilon) + offset."""
    factor = lm.rsqrt(as_tensor(variance) + variance_epsilon)
    factor = factor if scale is None else factor * scale
    centered = (as_tensor(x) - mean) * factor
    return centered if offset is None else centered + offset


def dropout(
    x: Any, rate: Any, noise_shape: Any = None, seed: Any = None, name: Any = None
) -> Tensor:
    """Return x with random elements set to 0 and the others divided by 1 - rate."""
    from lamina.tf.random import key_of

    if noise_shape is None:
        return nn.dropout(x, float(rate), key=key_of(seed))
    shape = tuple(
        n if n is not None else m for n, m in zip(noise_shape, as_tensor(x).shape, strict=True)
    )
    return as_tensor(x) * nn.dropout(lm.ones(shape), float(rate), key=key_of(seed))


def leaky_relu(features: Any, alpha: float = 0.2, name: Any = None) -> Tensor:
    """Return x, and alpha x where x is negative."""
    return activations.leaky_relu(features, alpha)


def softmax(logits: Any, axis: int | None = None, name: Any = None) -> Tensor:
    """Return exp(x) / sum(exp(x)) along an axis, by default the last one."""
    return activations.softmax(logits, axis=-1 if axis is None else axis)


def log_softmax(logits: Any, axis: int | None = None, name: Any = None) -> Tensor:
    """Return the logarithm of the softmax."""
    return activations.log_softmax(logits, axis=-1 if axis is None else axis)


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: Any = None
) -> Tensor:
    """Return -sum(labels * log_softmax(logits)) along an axis."""
    return nn.softmax_cross_entropy_with_logits(
        lm.cast(labels, as_tensor(logits).dtype), logits, axis
    )


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any, name: Any = None) -> Tensor:
    """Return -log_softmax(logits) at each label."""
    return nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: Any = None
) -> Tensor:
    """Return the cross-entropy of labels and sigmoid(logits), elementwise."""
    return nn.sigmoid_cross_entropy_with_logits(labels, logits)


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: Any = None
) -> Tensor:
    """Return the cross-entropy of sigmoid(logits) with a factor for positive labels."""
    y, x = as_tensor(labels), as_tensor(logits)
    weight = 1.0 + (pos_weight - 1.0) * y
    return (1.0 - y) * x + weight * (lm.log1p(lm.exp(-lm.abs(x))) + activations.relu(-x))


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: Any = None) -> Tensor:
    """Return the rows of a table at integer positions."""
    return lm.take(as_tensor(params), as_tensor(ids), axis=0)


def crelu(features: Any, axis: int = -1, name: Any = None) -> Tensor:
    """Return relu(x) and relu(-x), joined along an axis."""
    x = as_tensor(features)
    return lm.concat([activations.relu(x), activations.relu(-x)], axis=axis)


def zero_fraction(value: Any, name: Any = None) -> Tensor:
    """Return the share of zeros."""
    return lm.mean(lm.cast(as_tensor(value) == 0, "float32"))


def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
    name: Any = None,
) -> Tensor:
    """Return x / (bias + alpha * sum of squares of neighboring channels)^beta."""
    x = as_tensor(input)
    padded = lm.pad(lm.square(x), [(0, 0)] * 3 + [(depth_radius, depth_radius)])
    channels = int(x.shape[-1])
    total = padded[..., 0:channels]
    for k in range(1, 2 * depth_radius + 1):
        total = total + padded[..., k : k + channels]
    return x / (bias + alpha * total) ** beta


public(
    __name__,
    {
        **{name: thin(getattr(activations, name), "features") for name in _ACTIVATIONS.split()},
        "l2_loss": thin(nn.l2_loss, "t"),
        "max_pool": _pooling(nn.max_pool, None),
        "max_pool1d": _pooling(nn.max_pool, 1),
        "max_pool2d": _pooling(nn.max_pool, 2),
        "max_pool3d": _pooling(nn.max_pool, 3),
        "avg_pool": _pooling(nn.average_pool, None),
        "avg_pool1d": _pooling(nn.average_pool, 1),
        "avg_pool2d": _pooling(nn.average_pool, 2),
        "avg_pool3d": _pooling(nn.average_pool, 3),
        "depth_to_space": thin(nn.depth_to_space, "input", "block_size"),
        "space_to_depth": thin(nn.space_to_depth, "input", "block_size"),
    },
    {"lamina.tf.math": "l2_normalize top_k in_top_k"},
    {
        "rnn_cell": "lamina.keras.layers.LSTMCell, GRUCell and SimpleRNNCell",
        "dynamic_rnn": "lamina.keras.layers.RNN(cell)",
        "ctc_loss": "lamina.keras.losses.CTC",
        "nce_loss": "tf.nn.sparse_softmax_cross_entropy_with_logits over all classes",
        "sampled_softmax_loss": "tf.nn.sparse_softmax_cross_entropy_with_logits over all classes",
    },
)
