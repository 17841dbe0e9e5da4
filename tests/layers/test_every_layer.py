"""Every exported layer passes `check_layer` (tests/check_layer.py)."""

import inspect

import numpy as np
import pytest

import lamina as lm
from check_layer import check_layer, check_saving
from lamina import layers as L

RNG = np.random.default_rng(0)
FLAT = RNG.normal(size=(4, 6)).astype("float32")
STEPS = RNG.normal(size=(4, 8, 6)).astype("float32")
IMAGES = RNG.normal(size=(3, 8, 8, 4)).astype("float32")
COLORS = IMAGES[..., :3]
VOLUMES = RNG.normal(size=(2, 6, 6, 6, 2)).astype("float32")
TOKENS = RNG.integers(0, 9, (4, 8)).astype("int32")
FILM = RNG.normal(size=(2, 3, 6, 2)).astype("float32")
FILM2 = RNG.normal(size=(2, 3, 6, 6, 2)).astype("float32")
FILM3 = RNG.normal(size=(2, 3, 4, 4, 4, 1)).astype("float32")
BY_RANK = {1: STEPS, 2: IMAGES, 3: VOLUMES}
ADAPTED = L.Normalization()
ADAPTED.adapt(FLAT)

# name -> (arguments of the layer, inputs, further arguments of check_layer)
ROWS = {
    "Activation": (("tanh",), [FLAT], {}),
    "ActivityRegularization": ((0.1,), [FLAT], {}),
    "Add": ((), [FLAT, FLAT[::-1]], {}),
    "AdditiveAttention": ((), [STEPS, STEPS[:, :5]], {}),
    "AlphaDropout": ((0.5,), [FLAT], {}),
    "Attention": ((), [STEPS, STEPS[:, :5]], {}),
    "Average": ((), [FLAT, FLAT[::-1]], {}),
    "BatchNormalization": ((), [STEPS], {}),
    "Bidirectional": ((L.LSTM(3),), [STEPS], {"differentiable": False}),
    "CategoryEncoding": ((9,), [TOKENS], {"differentiable": False}),
    "CenterCrop": ((4, 4), [IMAGES], {}),
    "Concatenate": ((), [FLAT, FLAT[::-1]], {}),
    "ConvLSTM1D": ((2, 3), [FILM], {}),
    "ConvLSTM2D": ((2, 3), [FILM2], {}),
    "ConvLSTM3D": ((2, 2), [FILM3], {}),
    "Dense": ((5,), [FLAT], {}),
    "DepthwiseConv1D": ((3,), [STEPS], {}),
    "DepthwiseConv2D": ((3,), [IMAGES], {}),
    "Discretization": (([-1.0, 0.0, 1.0],), [FLAT], {"differentiable": False}),
    "Dot": ((1,), [FLAT, FLAT[::-1]], {}),
    "Dropout": ((0.5,), [FLAT], {}),
    "ELU": ((), [FLAT], {}),
    "EinsumDense": (("abc,cd->abd", (None, 5)), [STEPS], {}),
    "Embedding": ((9, 4), [TOKENS], {"differentiable": False}),
    "Flatten": ((), [IMAGES], {}),
    "GRU": ((3,), [STEPS], {}),
    "GaussianDropout": ((0.5,), [FLAT], {}),
    "GaussianNoise": ((0.5,), [FLAT], {}),
    "GroupNormalization": ((2,), [IMAGES], {}),
    "Identity": ((), [FLAT], {}),
    "IntegerLookup": ((None, 1, None, 0, [1, 5]), [TOKENS], {"differentiable": False}),
    "LSTM": ((3,), [STEPS], {}),
    "Lambda": ((lambda x: x * 2,), [FLAT], {"differentiable": False, "saved": False}),
    "LayerNormalization": ((), [STEPS], {}),
    "LeakyReLU": ((), [FLAT], {}),
    "Masking": ((), [STEPS], {}),
    "Maximum": ((), [FLAT, FLAT[::-1]], {}),
    "Minimum": ((), [FLAT, FLAT[::-1]], {}),
    "MultiHeadAttention": ((2, 3), [STEPS, STEPS[:, :5]], {}),
    "Multiply": ((), [FLAT, FLAT[::-1]], {}),
    "Normalization": ((-1, 0.5, 2.0), [FLAT], {}),
    "PReLU": ((), [FLAT], {}),
    "Permute": (((2, 1),), [STEPS], {}),
    "PixelShuffle": ((2,), [IMAGES], {}),
    "PositionEmbedding": ((8,), [STEPS], {}),
    "RMSNormalization": ((), [STEPS], {}),
    "RNN": ((L.SimpleRNNCell(3),), [STEPS], {"differentiable": False}),
    "RandomBrightness": ((0.2,), [IMAGES], {"random": True, "differentiable": False}),
    "RandomContrast": ((0.2,), [IMAGES], {"random": True, "differentiable": False}),
    "RandomCrop": ((4, 4), [IMAGES], {"random": True, "differentiable": False}),
    "RandomFlip": ((), [IMAGES], {"random": True, "differentiable": False}),
    "RandomRotation": ((0.1,), [IMAGES], {"random": True, "differentiable": False}),
    "RandomTranslation": ((0.1, 0.1), [IMAGES], {"random": True, "differentiable": False}),
    "RandomZoom": ((0.1,), [IMAGES], {"random": True, "differentiable": False}),
    "ReLU": ((), [FLAT], {}),
    "RepeatVector": ((3,), [FLAT], {}),
    "Rescaling": ((0.5, 1.0), [FLAT], {}),
    "Reshape": (((3, 2),), [FLAT], {}),
    "Resizing": ((5, 5), [IMAGES], {}),
    "SeparableConv1D": ((5, 3), [STEPS], {}),
    "SeparableConv2D": ((5, 3), [IMAGES], {}),
    "SimpleRNN": ((3,), [STEPS], {}),
    "SinePositionEncoding": ((), [STEPS], {}),
    "Softmax": ((), [FLAT], {}),
    "Subtract": ((), [FLAT, FLAT[::-1]], {}),
    "TimeDistributed": ((L.Dense(3),), [STEPS], {"differentiable": False}),
    "TokenAndPositionEmbedding": ((9, 8, 4), [TOKENS], {"differentiable": False}),
    "TransformerDecoder": ((8, 2), [STEPS], {}),
    "TransformerEncoder": ((8, 2), [STEPS], {}),
    "UnitNormalization": ((), [FLAT], {}),
    "AugMix": ((), [COLORS], {"random": True, "differentiable": False}),
    "AutoContrast": ((), [IMAGES], {"differentiable": False}),
    "ContrastLimitedAdaptiveHistogramEqualization": (
        ((0, 255), 4.0, (2, 2)),
        [IMAGES],
        {"differentiable": False},
    ),
    "CutMix": ((), [IMAGES], {"random": True, "differentiable": False}),
    "Equalization": ((), [IMAGES], {"random": True, "differentiable": False}),
    "MaxNumBoundingBoxes": ((3,), [IMAGES], {}),
    "MixUp": ((), [IMAGES], {"random": True, "differentiable": False}),
    "Pipeline": (  # its layers keep their dtype: no difference of float64
        ([L.Rescaling(0.5), L.CenterCrop(4, 4)],),
        [IMAGES],
        {"differentiable": False},
    ),
    "RandAugment": ((), [COLORS], {"random": True, "differentiable": False}),
    "RandomColorDegeneration": ((0.5,), [COLORS], {"random": True, "differentiable": False}),
    "RandomColorJitter": (
        ((0, 255), 0.2, 0.2, 0.2, 0.2),
        [COLORS],
        {"random": True, "differentiable": False},
    ),
    "RandomElasticTransform": ((), [IMAGES], {"random": True, "differentiable": False}),
    "RandomErasing": ((), [IMAGES], {"random": True, "differentiable": False}),
    "RandomGaussianBlur": ((), [IMAGES], {"random": True, "differentiable": False}),
    "RandomGrayscale": ((), [COLORS], {"random": True, "differentiable": False}),
    "RandomHue": ((0.2,), [COLORS], {"random": True, "differentiable": False}),
    "RandomInvert": ((), [IMAGES], {"random": True, "differentiable": False}),
    "RandomPerspective": ((), [IMAGES], {"random": True, "differentiable": False}),
    "RandomPosterization": ((4,), [IMAGES], {"random": True, "differentiable": False}),
    "RandomSaturation": ((0.2,), [COLORS], {"random": True, "differentiable": False}),
    "RandomSharpness": ((0.5,), [IMAGES], {"random": True, "differentiable": False}),
    "RandomShear": ((0.3, 0.2), [IMAGES], {"random": True, "differentiable": False}),
    "Solarization": ((0.2, 0.5), [IMAGES], {"random": True, "differentiable": False}),
    "GroupQueryAttention": ((3, 4, 2), [STEPS, STEPS[:, :5]], {}),
    "MelSpectrogram": ((16, 8), [FLAT.repeat(8, 1)], {"random": True, "differentiable": False}),
    "ReversibleEmbedding": ((9, 4), [TOKENS], {"differentiable": False}),
    "STFTSpectrogram": (("log", 6), [np.tile(STEPS[..., :2], (1, 3, 1))], {"tolerance": 1e-3}),
    "SpectralNormalization": ((L.Dense(3),), [FLAT], {"differentiable": False}),
}
for rank, data in BY_RANK.items():
    ROWS |= {
        f"AdaptiveAveragePooling{rank}D": ((2,), [data], {}),
        f"AdaptiveMaxPooling{rank}D": ((2,), [data], {}),
        f"AveragePooling{rank}D": ((2,), [data], {}),
        f"Conv{rank}D": ((5, 3), [data], {}),
        f"Conv{rank}DTranspose": ((5, 3, 2), [data], {}),
        f"Cropping{rank}D": ((1,), [data], {}),
        f"GlobalAveragePooling{rank}D": ((), [data], {}),
        f"GlobalMaxPooling{rank}D": ((), [data], {}),
        f"MaxPooling{rank}D": ((2,), [data], {}),
        f"SpatialDropout{rank}D": ((0.5,), [data], {}),
        f"UpSampling{rank}D": ((2,), [data], {}),
        f"ZeroPadding{rank}D": ((1,), [data], {}),
    }

# not layers of arrays -> the reason
ELSEWHERE = {
    "GRUCell": "a cell: checked through RNN in test_recurrent.py",
    "LSTMCell": "a cell",
    "SimpleRNNCell": "a cell",
    "StackedRNNCells": "a cell",
    "FeatureSpace": "a dictionary of columns: test_feature_space.py",
    "HashedCrossing": "strings: test_text_layers.py",
    "Hashing": "strings: test_text_layers.py",
    "StringLookup": "strings",
    "TextVectorization": "strings",
    "InputLayer": "made by Input",
    "InputSpec": "no layer",
    "Layer": "the base class",
    "Wrapper": "a base class",
}


def classes():
    """The exported layers by the name of their class, without aliases."""
    found = (getattr(L, name) for name in L.__all__)
    return {c.__name__: c for c in found if inspect.isclass(c)}


def test_every_exported_layer_is_checked_or_has_a_reason():
    assert set(classes()) == set(ROWS) | set(ELSEWHERE)


def _again(argument):
    """A new layer equal to an argument, or new ones for a list of layers."""
    if isinstance(argument, list):
        return [_again(each) for each in argument]
    return L.deserialize(L.serialize(argument)) if isinstance(argument, L.Layer) else argument


def maker(name):
    """A function that makes the layer of a row; nested layers are new ones."""
    args = ROWS[name][0]

    def make():
        fresh = [_again(a) for a in args]
        return classes()[name](*fresh)

    return make


@pytest.mark.parametrize("name", sorted(ROWS))
def test_layer_meets_the_contract_of_layers(name):
    _, inputs, options = ROWS[name]
    check_layer(maker(name), *inputs, **options)


@pytest.mark.parametrize("name", sorted(set(ROWS) - {"Lambda"}))
def test_saved_layer_predicts_the_same_bits(name, tmp_path):
    check_saving(maker(name), *ROWS[name][1], path=str(tmp_path / "model.lamina"))


# ---- 16 bits ------------------------------------------------------------------------------------
ROUNDING = {"bfloat16": 2.0**-8, "float16": 2.0**-11}  # of one operation, relative
# layers whose results at 16 bits are others -> the reason
COARSE = {
    "Discretization": "numbers near a boundary change their bin",
    "IntegerLookup": "computes with integers",
    "Lambda": "computes in the dtype of its function",
    **dict.fromkeys((n for n in ROWS if n.startswith("Random")), "images are changed at random"),
    **dict.fromkeys(("AugMix", "CutMix", "MixUp", "Pipeline", "RandAugment"), "at random"),
    "ContrastLimitedAdaptiveHistogramEqualization": "counts of levels of gray",
    "Equalization": "counts of levels of gray",
    "STFTSpectrogram": "logarithms of small magnitudes",
    "Solarization": "pixels near the threshold",
}


def of_policy(name, policy):
    """The layer of a row, and those inside it, with a dtype."""
    layer = maker(name)()
    config = layer.get_config() | {"dtype": policy}
    for key, value in config.items():
        if isinstance(value, dict) and "config" in value and "dtype" in value["config"]:
            config[key] = value | {"config": value["config"] | {"dtype": policy}}
    return type(layer).from_config(config)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16", "float16"])
@pytest.mark.parametrize("name", sorted(set(ROWS) - set(COARSE)))
def test_layer_of_16_bits_rounds_the_results_of_float32(name, policy):
    inputs = ROWS[name][1]
    given = inputs[0] if len(inputs) == 1 else list(inputs)
    arguments = (
        (given,) if name not in ("GroupQueryAttention", "MultiHeadAttention") else tuple(inputs)
    )
    wide, half = of_policy(name, "float32"), of_policy(name, policy)
    expected = np.asarray(wide(*arguments))
    half(*arguments)  # builds
    half.set_weights(wide.get_weights())
    found = half(*arguments)
    mixed = policy.startswith("mixed_")
    dtype = policy.removeprefix("mixed_")
    assert found.dtype == dtype and half.compute_dtype == dtype
    kept = {w.dtype.name for w in half.weights if w.dtype.is_float}
    assert kept <= {"float32" if mixed else dtype}
    largest = np.abs(expected).max()
    error = np.abs(np.asarray(lm.astype(found, "float32")) - expected).max()
    assert error <= 8 * ROUNDING[dtype] * max(largest, 1e-3)
