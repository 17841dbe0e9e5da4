"""State of metrics and optimizers by the names of Keras: variables, functions of state, options."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.errors import ArgumentError, NotBuiltError
from lamina.keras import metrics, optimizers

GRADIENT = lm.asarray([1.0, 6.0])


# ---- metrics -----------------------------------------------------------------------------------
def test_counts_are_variables_of_the_metric_under_their_own_names():
    precision = metrics.Precision(name="p")
    assert [v.name for v in precision.variables] == ["true_positives", "false_positives"]
    precision.update_state([0, 1, 1], [0.9, 0.8, 0.1])
    assert (precision.true_positives.numpy(), precision.false_positives.numpy()) == ([1.0], [1.0])
    auc = metrics.AUC(num_thresholds=None, thresholds=[0.5])
    assert (
        auc.true_positives.shape == (3,)
        and metrics.SensitivityAtSpecificity(0.4).specificity == 0.4
    )


def test_functions_of_the_state_of_a_metric_leave_it_unchanged():
    mean = metrics.Mean()
    mean.update_state([8.0])
    first = mean.stateless_reset_state()
    state = mean.stateless_update_state(first, [1.0, 3.0])
    assert [v.item() for v in state] == [4.0, 2.0]
    assert mean.stateless_result(state).item() == 2.0 and mean.result().item() == 8.0
    with pytest.raises(ArgumentError, match="stateless_result: values of 1 variables"):
        mean.stateless_result(state[:1])


def test_metrics_and_losses_have_the_dtype_of_floatx_or_of_a_policy():
    keras.config.set_floatx("float16")
    try:
        assert metrics.Mean()([1.0]).dtype == "float16"
    finally:
        keras.config.set_floatx("float32")
    policy = keras.DTypePolicy("mixed_float16")
    assert metrics.Mean(dtype=policy)([1.0]).dtype == "float16"
    assert keras.losses.MeanSquaredError(dtype=policy)([[1.0]], [[0.0]]).dtype == "float16"


# ---- optimizers --------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [optimizers.SGD, optimizers.Adam, optimizers.Muon])
def test_update_step_of_an_optimizer_updates_one_variable_as_apply_does(kind):
    a, b = lm.Variable([1.0, 2.0]), lm.Variable([1.0, 2.0])
    kwargs = {"adam_weight_decay": None} if kind is optimizers.Muon else {}
    one, other = kind(0.5, **kwargs), kind(0.5, **kwargs)
    one.build([a])
    one.update_step(GRADIENT, a, 0.5)
    other.apply([GRADIENT], [b])
    np.testing.assert_array_equal(a, b)


def test_state_of_an_optimizer_is_set_from_that_of_another():
    x = lm.Variable([1.0, 2.0])
    first, second = optimizers.Adam(), optimizers.Adam()
    first.apply([GRADIENT], [x])
    with pytest.raises(NotBuiltError, match="set_weights before the state exists"):
        second.set_weights(first.variables)
    second.build([x])
    second.set_weights(first.variables)
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a, b)


def test_muon_scales_steps_by_the_size_of_the_matrix():
    x = lm.ones((4, 2))
    np.testing.assert_allclose(optimizers.Muon(rms_rate=0.2).lr_adjust(x), 0.4 * x.numpy())
    assert optimizers.Muon(rms_rate=None).lr_adjust(x) is x


def test_a_scaled_optimizer_names_options_that_belong_to_the_inner_one():
    scaled = optimizers.LossScaleOptimizer
    scaled(optimizers.SGD(), dynamic=True, use_ema=False, clipnorm=None)
    for options, text in (
        ({"clipnorm": 0.5}, "clipnorm has no effect here"),
        ({"ema_momentum": 0.5}, "ema_momentum has no effect here"),
        ({"dynamic": False}, "the scale is always dynamic"),
        ({"foo": 1}, "unknown argument 'foo'"),
    ):
        with pytest.raises(ValueError, match=text):
            scaled(optimizers.SGD(), **options)


def test_only_the_outermost_loss_scale_divides_gradients():
    x = lm.Variable([2.0])
    inner = optimizers.SGD(0.1, loss_scale_factor=100.0)
    scaled = optimizers.LossScaleOptimizer(inner, initial_scale=4.0)
    scaled.apply([lm.asarray([4.0])], [x])
    np.testing.assert_allclose(x, [1.9])
    many = optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(0.1, loss_scale_factor=2.0)), loss_scale_factor=5.0
    )
    many.apply([lm.asarray([10.0])], [x])
    np.testing.assert_allclose(x, [1.7], rtol=1e-6)
    nested = optimizers.MultiOptimizer(lambda variable: scaled)
    with pytest.raises(ArgumentError, match="MultiOptimizer: expected a plain optimizer"):
        nested.build([x])


def test_an_overwritten_variable_takes_the_gradient_of_the_scaled_loss_as_it_is():
    x = lm.Variable([1.0, 2.0])
    x.overwrite_with_gradient = True
    optimizers.LossScaleOptimizer(optimizers.SGD()).apply([GRADIENT], [x])
    np.testing.assert_array_equal(x, GRADIENT)


def test_apply_gradients_warns_of_variables_without_a_gradient():
    a, b = lm.Variable([1.0], name="a"), lm.Variable([1.0, 1.0], name="b")
    with pytest.warns(UserWarning, match="no gradient for the variables a"):
        optimizers.SGD(1.0).apply_gradients([(None, a), (GRADIENT, b)])
    assert a.numpy() == [1.0] and b.numpy().tolist() == [0.0, -5.0]
