"""Winograd's convolutions: values, where they are chosen, their error against float64."""

from dataclasses import replace

import numpy as np
import pytest

import lamina as lm
from lamina.autodiff import gradients
from lamina.engines.llvm.pipeline import run_passes, until
from lamina.engines.llvm.target.target import target, using
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import Extent, TensorType, float32
from lamina.settings import settings

HALF_UNIT = 2.0**-24  # of float32


def legalized(graph):
    return run_passes(graph, {}, passes=until("distribute_maps"))


def graph(batch, extent, features, trains=False):
    x = parameter(TensorType((batch, extent, extent, features), float32), "x")
    kernel = parameter(TensorType((3, 3, features, features), float32), "kernel")
    ones = {"window_strides": (1, 1), "lhs_dilation": (1, 1), "rhs_dilation": (1, 1)}
    places = {"lhs_spec": (0, 3, 1, 2), "rhs_spec": (3, 2, 0, 1), "out_spec": (0, 3, 1, 2)}
    y = ops.convolution(x, kernel, padding=((1, 1), (1, 1)), **ones, **places)
    return Graph([x, kernel], gradients([y], [y], [x, kernel]) if trains else [y])


def counted(graph, op):
    return sum(n.op == op for n in legalized(graph).nodes())


def test_winograd_is_chosen_if_saved_products_outweigh_moved_memory():
    batch = Extent.symbol("batch")
    assert counted(graph(32, 8, 256), "dot_general") == 1
    assert counted(graph(32, 32, 32), "dot_general") == 1  # few features, but rows stay in a cache
    assert counted(graph(32, 64, 256), "dot_general") == 0  # too much memory
    assert counted(graph(1, 4, 512), "dot_general") == 0  # too few tiles for the number of weights
    assert counted(graph(batch, 8, 256), "dot_general") == 0  # may be single images
    assert counted(graph(batch, 8, 256, trains=True), "dot_general") == 3  # and both gradients
    with settings(winograd=False):
        assert counted(graph(32, 8, 256), "dot_general") == 0


def arrays(extent, inputs, outputs, batch=6):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(batch, extent, extent, inputs)).astype("float32")
    kernel = rng.normal(size=(3, 3, inputs, outputs)) / np.sqrt(9 * inputs)
    return x, kernel.astype("float32")


# a whole number of tiles, odd extents, cut padding, features that fill no register
CASES = [(8, "same"), (7, "same"), (9, "valid"), (8, ((2, -1), (0, 3)))]


@pytest.mark.parametrize(("extent", "padding"), CASES)
def test_values_gradients_and_threads(extent, padding):
    always = replace(target(), costs=replace(target().costs, winograd_gain=0))
    x, kernel = map(lm.asarray, arrays(extent, 5, 19, 2))

    def loss(x, kernel):
        y = lm.nn.relu(lm.nn.conv(x, kernel, padding=padding) + 0.1)
        return lm.sum(lm.sin(y)), y

    both = lm.value_and_grad(loss, argnums=(0, 1), has_aux=True)
    (_, y), expected = both(x, kernel)
    found = []
    for threads in (1, 2, 3):
        with settings(threads=threads, cache=False), using(always):
            (_, mine), slopes = lm.compile(both)(x, kernel)
            found.append([a.numpy() for a in (mine, *slopes)])
    for one, right in zip(found[0], (y, *expected), strict=True):
        scale = float(np.abs(right.numpy()).max())
        np.testing.assert_allclose(one, right.numpy(), rtol=1e-4, atol=1e-5 * scale)
    assert len({tuple(a.tobytes() for a in arrays) for arrays in found}) == 1


def test_the_error_of_winograd_is_that_of_a_direct_sum():
    """As docs/engines.md states it: in half units of the last place of the root mean square."""
    x, kernel = arrays(8, 256, 256)
    given = x, kernel, np.random.default_rng(8).normal(size=x.shape).astype("float32")

    def both(x, kernel, g):
        y = lm.nn.conv(x, kernel, padding="same")
        return y, lm.grad(lambda k: lm.sum(lm.nn.conv(x, k, padding="same") * g))(kernel)

    exact = [r.numpy() for r in both(*(lm.asarray(a.astype("float64")) for a in given))]
    for winograd in (False, True):
        with settings(winograd=winograd):
            found = lm.compile(lambda *given: both(*given))(*map(lm.asarray, given))
        for result, right in zip(found, exact, strict=True):
            error, size = result.numpy() - right, np.sqrt(np.mean(right**2)) * HALF_UNIT
            assert np.sqrt(np.mean(error**2)) < 16 * size
            assert np.abs(error).max() < 180 * size
