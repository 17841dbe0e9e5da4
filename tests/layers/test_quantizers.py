"""Quantizers: integers and floats of 8 bits, and what they stand for, compared with NumPy."""

import numpy as np
import pytest

import lamina as lm
from lamina import quantizers as Q
from lamina.errors import ArgumentError, DTypeError, UnknownNameError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 5)).astype("float32")


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1)])
def test_integers_and_scale_of_the_largest_absolute_value_are_those_of_numpy(axis):
    integers, scale = Q.abs_max_quantize(X, axis)
    expected = np.float32(127) / (np.abs(X).max(axis, keepdims=True) + np.float32(1e-7))
    np.testing.assert_allclose(scale.numpy(), expected, rtol=1e-6)
    np.testing.assert_array_equal(integers.numpy(), np.round(X * scale.numpy()).astype("int8"))
    assert np.abs(integers.numpy() / scale.numpy() - X).max() <= 0.5001 / scale.numpy().min()


def test_zeros_stay_zeros():
    integers, scale = Q.abs_max_quantize(np.zeros((2, 3), "float32"), 0)
    assert not integers.numpy().any()
    assert np.isfinite(scale.numpy()).all()


@pytest.mark.parametrize("rows", [4, 7])
def test_blocks_of_rows_have_scales_and_zero_points_within_half_a_step(rows):
    kernel = X[:rows] + 3.0  # a range that does not hold 0
    integers, scale, zero = Q.abs_max_quantize_grouped_with_zero_point(kernel, 3)
    blocks = np.arange(rows) // 3
    values = (integers.numpy() - zero.numpy().astype(float)[blocks]) * scale.numpy()[blocks]
    assert np.abs(values - kernel).max() <= 1.01 * scale.numpy().max()
    assert integers.dtype == zero.dtype == lm.int8
    assert integers.numpy().min() >= -8
    assert integers.numpy().max() <= 7


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize(("dtype", "low"), [("int8", -8), ("uint8", 0)])
def test_integers_of_4_bits_survive_packing_along_any_axis(axis, dtype, low):
    array = RNG.integers(low, low + 16, (3, 5, 4)).astype(dtype)
    packed, shape, length = Q.pack_int4(array, axis, dtype)
    assert shape[axis] == (array.shape[axis] + 1) // 2
    np.testing.assert_array_equal(Q.unpack_int4(packed, length, axis, dtype).numpy(), array)


def test_packing_refuses_another_dtype():
    with pytest.raises(DTypeError, match="expected an array of int8"):
        Q.pack_int4(X)


def all_numbers(name):
    """All finite numbers of a format of 8 bits, ascending."""
    exponent, fraction, bias = {"float8_e4m3fn": (4, 3, 7), "float8_e5m2": (5, 2, 15)}[name]
    found = {0.0}
    for e in range(2**exponent):
        for f in range(2**fraction):
            is_special = f == 2**fraction - 1 if name == "float8_e4m3fn" else True
            if e == 2**exponent - 1 and is_special:
                continue
            scaled = f / 2**fraction + (e > 0)
            found.add(scaled * 2.0 ** (max(e, 1) - bias))
    return np.array(sorted(found))


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_rounding_to_8_bits_gives_the_nearest_number_of_the_format(name):
    numbers = all_numbers(name)
    x = np.concatenate([numbers, RNG.uniform(0, 500, 300), 10 ** RNG.uniform(-6, 5, 300)])
    x = x.astype("float32")
    nearest = numbers[np.abs(x[:, None].clip(0, numbers[-1]) - numbers).argmin(1)]
    for sign in (1, -1):
        found = Q.quantize_and_dequantize(sign * x, 1.0, name, "float32").numpy()
        np.testing.assert_array_equal(found, sign * nearest.astype("float32"))


def test_scale_of_8_bits_follows_the_largest_value_and_keeps_the_last_without_one():
    assert Q.compute_float8_scale(224.0, 3.0, 448.0).item() == 0.5
    for amax in (0.0, np.inf, np.nan):
        assert Q.compute_float8_scale(amax, 4.0, 448.0).item() == 4.0


def test_simulated_quantization_has_steps_and_gradients_of_inputs_and_bounds():
    x = lm.asarray([-2.0, 0.1, 0.6, 3.0])

    def total(x, low, high):
        return lm.sum(Q.fake_quant_with_min_max_vars(x, low, high, num_bits=2) * weights)

    weights = lm.asarray([1.0, 2.0, 4.0, 8.0])
    found = Q.fake_quant_with_min_max_vars(x, 0.0, 1.0, num_bits=2)
    np.testing.assert_allclose(found.numpy(), [0, 0, 2 / 3, 1], atol=1e-6)
    of_x, of_low, of_high = lm.grad(total, (0, 1, 2))(x, 0.0, 1.0)
    assert of_x.tolist() == [0.0, 2.0, 4.0, 0.0]
    assert (of_low.item(), of_high.item()) == (1.0, 8.0)


def test_quantizers_by_name_and_configuration():
    quantizer = Q.AbsMaxQuantizer(axis=0, value_range=(-8, 7))
    again = Q.deserialize(Q.serialize(quantizer))
    assert (again.axis, tuple(again.value_range)) == ((0,), (-8, 7))
    assert Q.get(None) is None
    assert Q.get("abs_max_quantizer").axis is None
    with pytest.raises(UnknownNameError):
        Q.get("typo")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Q.AbsMaxQuantizer(value_range=(-256, 256)),
        lambda: Q.Int4QuantizationConfig(Q.AbsMaxQuantizer(axis=0), block_size=None),
        lambda: Q.Int4QuantizationConfig(Q.AbsMaxQuantizer(axis=0, value_range=(-8, 7))),
        lambda: Q.Int4QuantizationConfig(block_size=0),
        lambda: Q.Int8QuantizationConfig(Q.AbsMaxQuantizer(output_dtype="int16")),
        lambda: Q.GPTQConfig(None, None, group_size=0),
    ],
)
def test_descriptions_that_contradict_themselves_raise(make):
    with pytest.raises(ArgumentError):
        make()
