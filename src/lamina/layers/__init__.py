"""Layers: functions of tensors with weights, or with different behavior in training."""

from typing import TYPE_CHECKING

from lamina import namespaces
from lamina.layers import (
    activation,
    adaptive_pooling,
    attention,
    augmentation,
    batch_normalization,
    convolution,
    convolutional_recurrent,
    core,
    depthwise_convolution,
    einsum_dense,
    embedding,
    encoding,
    feature_space,
    global_pooling,
    hashed_crossing,
    hashing,
    integer_lookup,
    masking,
    merging,
    merging_functions,
    mixing,
    multi_head_attention,
    normalization,
    padding,
    pooling,
    preprocessing,
    random_colors,
    random_filters,
    random_geometry,
    random_images,
    random_warps,
    recurrent,
    recurrent_cells,
    recurrent_layers,
    regularization,
    reshaping,
    reversible_embedding,
    spectral_normalization,
    spectrograms,
    stacked_cells,
    string_lookup,
    text_vectorization,
    transformer,
    transposed_convolution,
    value_curves,
    wrappers,
)
from lamina.layers._base.layer import Layer as Layer
from lamina.layers._base.serializing import deserialize as deserialize
from lamina.layers._base.serializing import serialize as serialize
from lamina.layers._base.spec import InputSpec as InputSpec
from lamina.layers.activation import *  # noqa: F403
from lamina.layers.adaptive_pooling import *  # noqa: F403
from lamina.layers.attention import *  # noqa: F403
from lamina.layers.augmentation import *  # noqa: F403
from lamina.layers.batch_normalization import *  # noqa: F403
from lamina.layers.convolution import *  # noqa: F403
from lamina.layers.convolutional_recurrent import *  # noqa: F403
from lamina.layers.core import *  # noqa: F403
from lamina.layers.depthwise_convolution import *  # noqa: F403
from lamina.layers.einsum_dense import *  # noqa: F403
from lamina.layers.embedding import *  # noqa: F403
from lamina.layers.encoding import *  # noqa: F403
from lamina.layers.feature_space import *  # noqa: F403
from lamina.layers.global_pooling import *  # noqa: F403
from lamina.layers.hashed_crossing import *  # noqa: F403
from lamina.layers.hashing import *  # noqa: F403
from lamina.layers.integer_lookup import *  # noqa: F403
from lamina.layers.masking import *  # noqa: F403
from lamina.layers.merging import *  # noqa: F403
from lamina.layers.merging_functions import *  # noqa: F403
from lamina.layers.mixing import *  # noqa: F403
from lamina.layers.multi_head_attention import *  # noqa: F403
from lamina.layers.normalization import *  # noqa: F403
from lamina.layers.padding import *  # noqa: F403
from lamina.layers.pooling import *  # noqa: F403
from lamina.layers.preprocessing import *  # noqa: F403
from lamina.layers.random_colors import *  # noqa: F403
from lamina.layers.random_filters import *  # noqa: F403
from lamina.layers.random_geometry import *  # noqa: F403
from lamina.layers.random_images import *  # noqa: F403
from lamina.layers.random_warps import *  # noqa: F403
from lamina.layers.recurrent import *  # noqa: F403
from lamina.layers.recurrent_cells import *  # noqa: F403
from lamina.layers.recurrent_layers import *  # noqa: F403
from lamina.layers.regularization import *  # noqa: F403
from lamina.layers.reshaping import *  # noqa: F403
from lamina.layers.reversible_embedding import *  # noqa: F403
from lamina.layers.spectral_normalization import *  # noqa: F403
from lamina.layers.spectrograms import *  # noqa: F403
from lamina.layers.stacked_cells import *  # noqa: F403
from lamina.layers.string_lookup import *  # noqa: F403
from lamina.layers.text_vectorization import *  # noqa: F403
from lamina.layers.transformer import *  # noqa: F403
from lamina.layers.transposed_convolution import *  # noqa: F403
from lamina.layers.value_curves import *  # noqa: F403
from lamina.layers.wrappers import *  # noqa: F403

if not TYPE_CHECKING:  # mypy cannot follow these sums, and would export the first list only
    __all__ = ["InputSpec", "Layer", "deserialize", "serialize"]
    __all__ += activation.__all__
    __all__ += adaptive_pooling.__all__
    __all__ += attention.__all__
    __all__ += augmentation.__all__
    __all__ += batch_normalization.__all__
    __all__ += convolution.__all__
    __all__ += convolutional_recurrent.__all__
    __all__ += core.__all__
    __all__ += depthwise_convolution.__all__
    __all__ += einsum_dense.__all__
    __all__ += embedding.__all__
    __all__ += encoding.__all__
    __all__ += feature_space.__all__
    __all__ += global_pooling.__all__
    __all__ += hashed_crossing.__all__
    __all__ += hashing.__all__
    __all__ += integer_lookup.__all__
    __all__ += masking.__all__
    __all__ += merging.__all__
    __all__ += merging_functions.__all__
    __all__ += mixing.__all__
    __all__ += multi_head_attention.__all__
    __all__ += normalization.__all__
    __all__ += padding.__all__
    __all__ += pooling.__all__
    __all__ += preprocessing.__all__
    __all__ += random_colors.__all__
    __all__ += random_filters.__all__
    __all__ += random_geometry.__all__
    __all__ += random_images.__all__
    __all__ += random_warps.__all__
    __all__ += recurrent.__all__
    __all__ += recurrent_cells.__all__
    __all__ += recurrent_layers.__all__
    __all__ += regularization.__all__
    __all__ += reshaping.__all__
    __all__ += reversible_embedding.__all__
    __all__ += spectral_normalization.__all__
    __all__ += spectrograms.__all__
    __all__ += stacked_cells.__all__
    __all__ += string_lookup.__all__
    __all__ += text_vectorization.__all__
    __all__ += transformer.__all__
    __all__ += transposed_convolution.__all__
    __all__ += value_curves.__all__
    __all__ += wrappers.__all__
    __all__.sort()

namespaces.declare(__name__)
