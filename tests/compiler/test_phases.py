"""Convolutions of a spread-out input, split into phases: values, work, memory, threads."""

import math

import numpy as np
import pytest

import lamina as lm
from lamina.autodiff import gradients
from lamina.engines.llvm.graph.partitions import is_partitioned
from lamina.engines.llvm.pipeline import run_passes, until
from lamina.engines.llvm.target.target import target
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import Extent, TensorType, float32
from lamina.settings import settings
from lamina.tensor import bind


def legalized(graph):
    return run_passes(graph, {}, passes=until("distribute_maps"))


def specs(rank):
    """Channels last, kernels (window..., inputs, outputs)."""
    space = tuple(range(1, rank + 1))
    rhs = (rank + 1, rank, *range(rank))
    return {"lhs_spec": (0, rank + 1, *space), "rhs_spec": rhs, "out_spec": (0, rank + 1, *space)}


def convolved(x, w, strides, padding, spread, dilation, **groups):
    how = {"window_strides": strides, "padding": padding, "lhs_dilation": spread}
    return bind("convolution", x, w, **how, rhs_dilation=dilation, **specs(len(strides)), **groups)


# x, w, strides, padding, spread, dilation, groups
BY_FEATURES, BY_BATCH = {"feature_group_count": 2}, {"batch_group_count": 2}
CASES = [
    ((2, 4, 5, 3), (3, 3, 3, 5), (1, 1), ((1, 2), (2, 1)), (2, 2), (1, 1), {}),
    ((2, 4, 5, 3), (1, 1, 3, 4), (1, 1), ((0, 1), (0, 1)), (2, 2), (1, 1), {}),  # a shortcut's
    ((1, 5, 4, 2), (2, 3, 2, 3), (1, 1), ((-1, 3), (1, -2)), (2, 3), (1, 1), {}),
    ((2, 6, 5, 4), (3, 2, 2, 6), (1, 1), ((2, 2), (0, 0)), (3, 1), (2, 1), BY_FEATURES),
    ((4, 5, 5, 3), (3, 3, 3, 4), (1, 2), ((1, 1), (2, 0)), (2, 3), (3, 2), BY_BATCH),
    ((2, 7, 3), (4, 3, 2), (2,), ((3, 3),), (4,), (2,), {}),
    ((2, 7, 3), (4, 3, 2), (2,), ((3, 3),), (2,), (1,), {}),  # one phase of every second tap
    ((1, 3, 2, 3, 2), (2, 3, 2, 2, 3), (1,) * 3, ((1, 1), (2, 2), (1, 0)), (2,) * 3, (1,) * 3, {}),
    ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), ((3, 3), (0, 2)), (2, 2), (1, 1), {}),  # mostly zeros
    ((1, 3, 3, 2), (3, 3, 2, 2), (1, 1), ((2, 2), (2, 2)), (6, 6), (1, 1), {}),  # too many phases
    ((2, 6, 5, 3), (2, 1, 3, 4), (2, 2), ((-1, -1), (0, -2)), (1, 1), (1, 1), {}),  # cut only
    ((2, 2, 3, 3), (1, 1, 3, 4), (1, 1), ((-3, 4), (2, -2)), (1, 1), (1, 1), {}),  # all cut off
]


@pytest.mark.parametrize(("x", "w", "strides", "padding", "spread", "dilation", "groups"), CASES)
def test_phases_are_the_convolution(x, w, strides, padding, spread, dilation, groups):
    rng = np.random.default_rng(3)
    x, w = (lm.asarray(rng.normal(size=s).astype("float32")) for s in (x, w))

    def f(x, w):
        return lm.tanh(convolved(x, w, strides, padding, spread, dilation, **groups))

    expected = f(x, w).numpy()
    found = []
    for threads in (1, 2, 3):
        with settings(threads=threads):
            found.append(lm.compile(f)(x, w).numpy())
    np.testing.assert_allclose(found[0], expected, rtol=1e-4, atol=1e-5)
    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()


# ---- what is computed --------------------------------------------------------------------------
def gradient_graph(then=lambda g, x: g, extent=8):
    """The gradient to the input of a strided 3x3 convolution, and what comes `then`."""
    x = parameter(TensorType((Extent.symbol("batch"), extent, extent, 4), float32), "x")
    kernel = parameter(TensorType((3, 3, 4, 6), float32), "kernel")
    plain = {"lhs_dilation": (1, 1), "rhs_dilation": (1, 1), **specs(2)}
    y = ops.convolution(x, kernel, window_strides=(2, 2), padding=((0, 1), (0, 1)), **plain)
    (g,) = gradients([y], [y], [x])
    return Graph([x, kernel], [then(g, x)])


def products(graph):
    """Multiplications in convolutions, for one image."""
    found = 0
    for node in graph.nodes():
        if node.op == "convolution":
            window = math.prod(node.args[1].shape[:-1])
            found += window * math.prod(node.shape[1:])
    return found


def test_no_inserted_zero_is_multiplied():
    graph = legalized(gradient_graph())
    inputs, outputs, taps = 4, 6, 9
    assert products(graph) == 2 * (4 * 4) * taps * inputs * outputs  # forward and back alike
    assert not any(any(n.params["interior_padding"]) for n in graph.nodes() if n.op == "pad")


def test_the_gradient_to_the_kernel_of_a_transposed_convolution_is_one_convolution():
    x = parameter(TensorType((Extent.symbol("batch"), 5, 4, 4), float32), "x")
    kernel = parameter(TensorType((3, 3, 4, 6), float32), "kernel")
    plain = {"window_strides": (1, 1), "rhs_dilation": (1, 1), **specs(2)}
    y = ops.convolution(x, kernel, lhs_dilation=(2, 2), padding=((1, 2), (2, 1)), **plain)
    (g,) = gradients([y], [ops.fill(1.0, y)], [kernel])
    nodes = legalized(Graph([x, kernel], [g])).nodes()
    (found,) = (n for n in nodes if n.op == "convolution")
    assert math.prod(found.shape) == 9 * 4 * 6
    assert {found.args[1].shape[d] for d in found.params["rhs_spec"][2:]} == {5, 4}


def test_elementwise_epilogues_are_computed_in_the_phases():
    graph = legalized(gradient_graph(lambda g, x: ops.reverse(ops.multiply(g, x), dimensions=(1,))))
    (joint,) = (n for n in graph.nodes() if is_partitioned(n))
    assert {n.op for n in graph.nodes() if joint in n.args} == {"reshape"}
    assert sum(n.op == "multiply" for n in graph.nodes()) == 4
    read_twice = gradient_graph(lambda g, x: ops.multiply(g, ops.reverse(g, dimensions=(1,))))
    assert sum(n.op == "multiply" for n in legalized(read_twice).nodes()) == 1


def test_a_convolution_with_more_phases_than_the_limit_is_not_decomposed():
    x = parameter(TensorType((1, 3, 3, 2), float32), "x")
    kernel = parameter(TensorType((3, 3, 2, 2), float32), "kernel")
    how = {"window_strides": (1, 1), "rhs_dilation": (1, 1), **specs(2)}
    padding = ((2, 2), (2, 2))
    for spread in (5, 6):
        node = ops.convolution(x, kernel, padding=padding, lhs_dilation=(spread, spread), **how)
        count = sum(n.op == "convolution" for n in legalized(Graph([x, kernel], [node])).nodes())
        assert count == (
            9 if spread**2 <= target().costs.phases else 1
        )  # of 25 phases, 9 have a tap


# ---- memory ------------------------------------------------------------------------------------
def arrays(*shapes):
    rng = np.random.default_rng(4)
    return [lm.asarray(rng.normal(size=s).astype("float32")) for s in shapes]


def agree(f, *given):
    compiled = lm.compile(f)(*given)
    for one, other in zip(compiled, f(*given), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-5)


def test_two_gradients_meet_in_the_phases():
    def loss(x, kernel, short):
        wide = lm.nn.conv(lm.nn.relu(x), kernel, 2, "same")
        return lm.sum(lm.sin(wide) * lm.nn.conv(lm.nn.relu(x), short, 2, "same"))

    given = arrays((3, 8, 6, 4), (3, 3, 4, 5), (1, 1, 4, 5))
    agree(lambda *xs: lm.grad(loss, argnums=(0, 1, 2))(*xs), *given)


def test_a_loop_carries_and_updates_a_value_made_in_parts():
    x, kernel = arrays((2, 4, 4, 3), (2, 2, 3, 3))

    def step(state, _):
        small = lm.nn.conv(state, kernel, 2)
        return lm.tanh(state + lm.nn.conv_transpose(small, kernel, 2)), lm.sum(small)

    agree(lambda x: lm.scan(step, x, None, length=3), x)


def test_a_transposed_convolution_trains_in_place():
    kernel = lm.Variable(np.full((2, 2, 3, 4), 0.1, np.float32))
    (x,) = arrays((2, 3, 3, 4))

    def step(x):
        loss = lambda k: lm.sum(lm.nn.conv_transpose(x, k, 2) ** 2)  # noqa: E731
        kernel.assign(kernel.read() - 0.01 * lm.grad(loss)(kernel.read()))
        return lm.sum(kernel.read())

    with settings(engine="numpy"):
        expected = [float(lm.compile(step)(x)) for _ in range(3)]
    kernel.assign(np.full((2, 2, 3, 4), 0.1, np.float32))
    compiled = lm.compile(step)
    np.testing.assert_allclose([float(compiled(x)) for _ in range(3)], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "w"), [((31, 0, 0), (1, 0, 16)), ((2, 0, 3), (2, 3, 4)), ((2, 3, 3), (0, 3, 4))]
)
def test_windows_and_inputs_of_nothing_give_zeros(x, w):
    def f(x, w):
        return convolved(x, w, (1,), ((0, 0) if 0 in w.shape else (3, 3),), (2,), (1,))

    given = [lm.asarray(np.ones(shape, np.float32)) for shape in (x, w)]
    np.testing.assert_array_equal(lm.compile(f)(*given).numpy(), f(*given).numpy())
