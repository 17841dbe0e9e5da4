"""Functions with a custom rule for the gradient, inside of loops and branches."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import VerifyError
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import TensorType, float32
from lamina.settings import settings


@lm.custom_gradient
def cube(x):
    """Its rule calls the function, and so has a rule itself."""
    return x * x * x, lambda g: g * 3.0 * lm.sign(x) * lm.abs(cube(x)) ** (2.0 / 3.0)


def scaled(x, by):
    """Its rule, and nothing else, reads a tensor from around the loop."""
    return lm.custom_gradient(lambda x: (lm.tanh(x), lambda g: g * by))(x)


FUNCTIONS = {
    "softplus": lambda x, by: lm.softplus(x),
    "mish": lambda x, by: lm.nn.mish(x),
    "log_sigmoid": lambda x, by: lm.log_sigmoid(x),
    "log of sigmoid": lambda x, by: lm.log(lm.sigmoid(x)),
    "cross-entropy of logits": lambda x, by: lm.losses.binary_crossentropy(
        lm.ones((1,)), lm.reshape(x, (1,)), from_logits=True
    ),
    "cross-entropy of sigmoid": lambda x, by: lm.losses.binary_crossentropy(
        lm.ones((1,)), lm.sigmoid(lm.reshape(x, (1,)))
    ),
    "a rule that calls itself": lambda x, by: cube(x),
    "a rule that reads from around": scaled,
}


def in_scan(f, w, by):
    return lm.scan(lambda c, x: (f(c * w + x, by) * 0.5, None), 1.0, lm.asarray([0.3, -0.2, 0.1]))[
        0
    ]


def in_nested_scans(f, w, by):
    def outer(c, x):
        scale = x * 0.5
        inner = lm.scan(lambda d, y: (f(d * w + y, by * scale) * 0.5, d), c, lm.stack([x, x * 0.5]))
        return inner[0], lm.sum(inner[1])

    last, sums = lm.scan(outer, 1.0, lm.asarray([0.3, -0.2, 0.1]))
    return last + lm.sum(sums)


def in_cond(f, w, by):
    return lm.cond(w > 0.0, lambda: f(w * 2.0, by), lambda: w * by)


def in_cond_in_scan(f, w, by):
    def body(c, x):
        return lm.cond(c > 0.2, lambda: f(c * w, by) * 0.5, lambda: c + x), c

    last, all_ = lm.scan(body, 1.0, lm.asarray([0.3, 0.2, 0.1, 0.7]))
    return last + lm.sum(all_)


def in_scan_in_cond(f, w, by):
    return lm.cond(w > 0.0, lambda: in_scan(f, w, by), lambda: w)


PLACES = {
    "scan": in_scan,
    "nested scans": in_nested_scans,
    "cond": in_cond,
    "cond in scan": in_cond_in_scan,
    "scan in cond": in_scan_in_cond,
}


@pytest.mark.parametrize("engine", ["llvm", "numpy"])
@pytest.mark.parametrize("place", list(PLACES))
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_compiled_gradients_of_custom_rules_in_loops_and_branches_are_the_eager_ones(
    name, place, engine
):
    def total(w, by):
        return lm.reshape(
            PLACES[place](lambda x, b: lm.reshape(FUNCTIONS[name](x, b), ()), w, by), ()
        )

    w, by = lm.asarray(0.5), lm.asarray(0.8)
    gradient = lm.grad(total)
    with settings(cache=False, check=True, engine=engine):
        found = lm.compile(gradient)(w, by)
    assert found.item() == pytest.approx(gradient(w, by).item(), rel=1e-5)
    assert found.item() != 0


@pytest.mark.parametrize("place", ["scan", "nested scans", "cond"])
@pytest.mark.parametrize("name", ["softplus", "mish", "a rule that calls itself"])
def test_second_gradients_of_custom_rules_in_loops_and_branches_are_the_eager_ones(name, place):
    def total(w, by):
        return PLACES[place](FUNCTIONS[name], w, by)

    w, by = lm.asarray(0.5), lm.asarray(0.8)
    second = lm.grad(lm.grad(total))
    with settings(cache=False, check=True):
        found = lm.compile(second)(w, by)
    assert found.item() == pytest.approx(second(w, by).item(), rel=1e-4)


def test_the_rule_of_a_function_in_a_scan_computes_no_product_a_second_time():
    def total(w, x):
        return lm.sum(lm.scan(lambda c, _: (lm.softplus(c @ w), None), x, length=5)[0])

    recorded, _ = lm.compile(lm.grad(total)).recorded(lm.ones((4, 4)), lm.ones((2, 4)))
    bodies = [n.params["body"] for n in recorded.graph.nodes() if n.op == "scan"]
    products = [sum(n.op == "dot_general" for n in body.nodes()) for body in bodies]
    assert sorted(products) == [1, 2]  # forwards; backwards, to the carry and to the weights


# ---- recurrent layers --------------------------------------------------------------------------
LAYERS = {"SimpleRNN": lm.layers.SimpleRNN, "LSTM": lm.layers.LSTM, "GRU": lm.layers.GRU}


def trained(engine, make):
    data = np.random.default_rng(0)
    x, y = data.normal(size=(6, 5, 3)).astype("float32"), data.normal(size=(6, 2)).astype("float32")
    lm.set_seed(1)
    with settings(cache=False, check=True, engine=engine):
        model = lm.Sequential([lm.Input((5, 3)), make(), lm.layers.Dense(2)])
        model.compile(optimizer=lm.optimizers.SGD(0.05), loss="mse")
        model.fit(x, y, epochs=2, batch_size=3, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.mark.parametrize("activation", ["softplus", "mish", "log_sigmoid"])
@pytest.mark.parametrize("layer", list(LAYERS))
def test_recurrent_layers_with_custom_rules_train_alike_on_both_engines(layer, activation):
    def make():
        return LAYERS[layer](4, activation=activation)

    for found, expected in zip(trained("llvm", make), trained("numpy", make), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", ["LSTM", "GRU"])
def test_wide_recurrent_layers_with_custom_rules_in_their_gates_train(layer):
    def make():
        return LAYERS[layer](64, activation="mish", recurrent_activation="softplus")

    for found, expected in zip(trained("llvm", make), trained("numpy", make), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


# ---- bodies of other graphs --------------------------------------------------------------------
def test_a_loop_or_branch_whose_body_reads_a_parameter_of_another_graph_is_refused():
    scalar = TensorType((), float32)
    outer, c, flag = parameter(scalar, "outer"), parameter(scalar, "c"), parameter(scalar, "f")
    stray = Graph([c], [ops.add(c, ops.negate(outer))], "body")
    test = ops.compare(flag, flag, direction="EQ")
    with pytest.raises(VerifyError, match="scan: body 'body' refers to the parameter 'outer'"):
        ops.scan(flag, body=stray, num_consts=0, num_carry=1, length=3)
    with pytest.raises(VerifyError, match="if: true_branch 'body' refers to the parameter 'outer'"):
        ops.if_(test, flag, true_branch=stray, false_branch=Graph([c], [c], "other"))
    condition = Graph([c], [ops.compare(c, c, direction="NE")], "condition")
    with pytest.raises(VerifyError, match="while: body 'body' refers to the parameter 'outer'"):
        ops.while_(flag, cond=condition, body=stray, num_consts=0)
