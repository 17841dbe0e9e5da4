"""LAMINA_COMPARE with several engines: right programs pass, and the node that differs is named."""

import numpy as np
import pytest

import lamina as lm
from engine_names import needs_jax
from lamina.errors import ComparisonError
from small_networks import KINDS, trained

pytestmark = needs_jax


@pytest.mark.parametrize(("name", "other"), [("xla", True), ("llvm", "xla")])
def test_training_passes_and_has_the_losses_of_uncompared_training(name, other):
    with lm.settings(engine=name, cache=False):
        losses, *_ = trained("perceptron", epochs=2, rows=32)
        with lm.settings(compare=other):
            found, *_ = trained("perceptron", epochs=2, rows=32)
    np.testing.assert_allclose(found, losses, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "other"), [("xla", True), ("xla", "llvm"), ("llvm", "xla")])
def test_every_network_passes(kind, name, other):
    with lm.settings(engine=name, compare=other, cache=False):
        trained(kind)


def wrong_tanh(monkeypatch):
    """Let the xla engine compute tanh(x) as logistic(x)."""
    from lamina.engines.xla import translate

    monkeypatch.setitem(translate.ROWS, "tanh", translate.ROWS["logistic"])


def test_a_wrong_node_of_xla_is_named_and_not_those_after_it(monkeypatch):
    wrong_tanh(monkeypatch)
    x = np.random.default_rng(0).normal(size=(20, 20)).astype(np.float32)
    f = lm.compile(lambda x: lm.sum(lm.tanh(x @ x) @ x, axis=0), engine="xla")
    for other in (True, "llvm"):
        with (
            lm.settings(compare=other, cache=False),
            pytest.raises(ComparisonError, match=r"xla engine computed tanh : float32\[20, 20]"),
        ):
            lm.compile(f.function, engine="xla")(x)


def test_llvm_compared_with_a_wrong_xla_names_the_node(monkeypatch):
    wrong_tanh(monkeypatch)
    x = np.random.default_rng(0).normal(size=(20, 20)).astype(np.float32)
    with (
        lm.settings(compare="xla", engine="llvm", cache=False),
        pytest.raises(ComparisonError, match=r"computed tanh .* by the xla engine"),
    ):
        lm.compile(lambda x: lm.sin(lm.tanh(x @ x) @ x))(x)


def test_the_wrong_node_within_the_loop_of_a_fit_is_named(monkeypatch):
    wrong_tanh(monkeypatch)
    model = lm.Sequential([lm.Input((3,)), lm.layers.Dense(4, "tanh"), lm.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("f")
    with (
        lm.settings(compare=True, engine="xla", cache=False),
        pytest.raises(ComparisonError, match=r"the xla engine computed tanh : float32\[batch, 4]"),
    ):
        model.fit(x, x[:, :1], verbose=0)
