"""Every optimizer and schedule against Keras's: same variables and gradients in, same steps out."""

import inspect
import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

import lamina as lm  # noqa: E402
from lamina import optimizers, schedules  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("default")]

rng = np.random.default_rng(2)
X0 = [rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=3).astype("float32")]
GRADIENTS = [
    [rng.normal(size=(4, 3)).astype("float32"), rng.normal(size=3).astype("float32")]
    for _ in range(12)
]

CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("RMSprop", {}),
    ("RMSprop", {"rho": 0.8, "momentum": 0.5, "centered": True}),
    ("Adagrad", {"learning_rate": 0.1}),
    ("Adadelta", {"learning_rate": 1.0}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_1": 0.8, "epsilon": 1e-3}),
    ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.1}),
    ("Adamax", {"learning_rate": 0.01}),
    ("Nadam", {"learning_rate": 0.01}),
    ("Lion", {}),
    ("Ftrl", {"learning_rate": 0.1, "l1_regularization_strength": 0.01, "beta": 0.1}),
    ("Ftrl", {"learning_rate": 0.1, "l2_shrinkage_regularization_strength": 0.1}),
    ("Adafactor", {"learning_rate": 0.01}),
    ("Lamb", {"learning_rate": 0.01}),
    ("Adam", {"clipnorm": 0.5}),
    ("Adam", {"clipvalue": 0.3}),
    ("SGD", {"global_clipnorm": 1.0}),
    ("Adam", {"learning_rate": 0.1, "gradient_accumulation_steps": 3}),
    ("SGD", {"momentum": 0.9, "gradient_accumulation_steps": 4, "clipnorm": 0.5}),
    ("Adam", {"learning_rate": 0.1, "use_ema": True, "ema_momentum": 0.9}),
    ("SGD", {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3}),
    ("SGD", {"loss_scale_factor": 4.0}),
]
IDS = [f"{name}{arguments or ''}" for name, arguments in CASES]


@pytest.mark.parametrize(("name", "arguments"), CASES, ids=IDS)
def test_same_steps(name, arguments):
    ours, theirs = (
        getattr(optimizers, name)(**arguments),
        getattr(keras.optimizers, name)(**arguments),
    )
    mine = [lm.Variable(x) for x in X0]
    yours = [keras.Variable(x) for x in X0]
    for gradients in GRADIENTS:
        ours.apply(gradients, mine)
        theirs.apply([keras.ops.convert_to_tensor(g) for g in gradients], yours)
        for a, b in zip(mine, yours, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-4, atol=2e-5)
    ours.finalize_variable_values(mine)
    theirs.finalize_variable_values(yours)
    for a, b in zip(mine, yours, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-4, atol=2e-5)


LATER = {"LossScaleOptimizer", "MultiOptimizer", "Muon", "Optimizer", "ScheduleFreeAdamW"}


def test_every_keras_optimizer_is_here_and_compared():
    theirs = {name for name in dir(keras.optimizers) if name[0].isupper()}
    missing = theirs - set(optimizers.__all__)
    assert missing <= LATER | {"OptimizerMap"}
    assert set(optimizers.REGISTRY.classes) == {name for name, _ in CASES}


@pytest.mark.parametrize("name", optimizers.REGISTRY.classes)
def test_same_defaults(name):
    theirs = getattr(keras.optimizers, name)().get_config()
    ours = getattr(optimizers, name)().get_config()
    for key in set(theirs) - {"name"}:
        expected = theirs[key]
        assert ours[key] == (pytest.approx(expected) if isinstance(expected, float) else expected)
    own = list(inspect.signature(getattr(optimizers, name).__init__).parameters)
    keras_own = list(inspect.signature(getattr(keras.optimizers, name).__init__).parameters)
    assert own[:-1] == keras_own[: len(own) - 1]


SCHEDULES = [
    ("ExponentialDecay", (0.1, 7, 0.8)),
    ("ExponentialDecay", (0.1, 7, 0.8, True)),
    ("InverseTimeDecay", (0.1, 7, 0.8)),
    ("InverseTimeDecay", (0.1, 7, 0.8, True)),
    ("PiecewiseConstantDecay", ([3, 20], [0.3, 0.2, 0.1])),
    ("PolynomialDecay", (0.1, 20, 0.01, 0.5)),
    ("PolynomialDecay", (0.1, 10, 0.01, 2.0, True)),
    ("CosineDecay", (0.1, 30, 0.1)),
    ("CosineDecay", (0.01, 30, 0.0, "warm", 0.1, 10)),
    ("CosineDecayRestarts", (0.1, 5, 2.0, 0.9, 0.1)),
    ("CosineDecayRestarts", (0.1, 5, 1.0)),
]


@pytest.mark.parametrize(("name", "arguments"), SCHEDULES)
def test_same_schedule(name, arguments):
    ours = getattr(schedules, name)(*arguments)
    theirs = getattr(keras.optimizers.schedules, name)(*arguments)
    for step in (0, 1, 3, 4, 9, 10, 11, 19, 20, 21, 33, 50, 100):
        expected = float(np.asarray(theirs(step)))
        assert ours(step).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_every_keras_schedule_is_here_and_compared():
    theirs = {name for name in dir(keras.optimizers.schedules) if name[0].isupper()}
    assert not theirs - set(schedules.__all__)
    assert theirs - {"LearningRateSchedule"} == {name for name, _ in SCHEDULES}
