"""Optimizers against their published rules in NumPy, and what all have in common."""

import json

import numpy as np
import pytest

import lamina as lm
from lamina import optimizers
from lamina.errors import ArgumentError, RangeError, ShapeError, StateError, UnknownNameError
from lamina.optimizers import schedules

rng = np.random.default_rng(3)
X0 = [rng.normal(size=(3, 4)), rng.normal(size=5)]
GRADIENTS = [[rng.normal(size=(3, 4)), rng.normal(size=5)] for _ in range(6)]


# ---- the rules, in float64 ---------------------------------------------------------------------
def sgd(x, gs, a=0.1):
    for g in gs:
        x = x - a * g
    return x


def momentum(x, gs, a=0.1, mu=0.9, nesterov=False):
    v = 0.0
    for g in gs:
        v = mu * v - a * g
        x = x + (mu * v - a * g if nesterov else v)
    return x


def rmsprop(x, gs, a=0.01, rho=0.9, mu=0.0, centered=False):
    v = mean = s = 0.0
    for g in gs:
        v, mean = rho * v + (1 - rho) * g**2, rho * mean + (1 - rho) * g
        s = mu * s + a * g / np.sqrt(v - (mean**2 if centered else 0) + 1e-7)
        x = x - s
    return x


def adagrad(x, gs, a=0.1):
    v = 0.1
    for g in gs:
        v = v + g**2
        x = x - a * g / np.sqrt(v + 1e-7)
    return x


def adadelta(x, gs, a=1.0, rho=0.95):
    v = s = 0.0
    for g in gs:
        v = rho * v + (1 - rho) * g**2
        d = -np.sqrt(s + 1e-7) / np.sqrt(v + 1e-7) * g
        s = rho * s + (1 - rho) * d**2
        x = x + a * d
    return x


def adam(x, gs, a=0.01, b1=0.9, b2=0.999, amsgrad=False, decay=0.0):
    m = v = top = 0.0
    for t, g in enumerate(gs, 1):
        x = x - a * decay * x
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        top = np.maximum(top, v)
        root = np.sqrt(top if amsgrad else v)
        x = x - a * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (root + 1e-7)
    return x


def adamax(x, gs, a=0.01, b1=0.9, b2=0.999):
    m = u = 0.0
    for t, g in enumerate(gs, 1):
        m, u = b1 * m + (1 - b1) * g, np.maximum(b2 * u, np.abs(g))
        x = x - a / (1 - b1**t) * m / (u + 1e-7)
    return x


def nadam(x, gs, a=0.01, b1=0.9, b2=0.999):
    m = v = 0.0
    product = 1.0
    for t, g in enumerate(gs, 1):
        now, after = (b1 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
        product *= now
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        ahead = after * m / (1 - product * after) + (1 - now) * g / (1 - product)
        x = x - a * ahead / (np.sqrt(v / (1 - b2**t)) + 1e-7)
    return x


def lion(x, gs, a=0.01, b1=0.9, b2=0.99):
    m = 0.0
    for g in gs:
        x, m = x - a * np.sign(b1 * m + (1 - b1) * g), b2 * m + (1 - b2) * g
    return x


def ftrl(x, gs, a=0.1, l1=0.01, l2=0.02):
    n, z = 0.1, 0.0
    for g in gs:
        root, before, n = np.sqrt(n + g**2), np.sqrt(n), n + g**2
        z = z + g - (root - before) / a * x
        x = (np.clip(z, -l1, l1) - z) / (root / a + 2 * l2)
    return x


def lamb(x, gs, a=0.01, b1=0.9, b2=0.999):
    m = v = 0.0
    for t, g in enumerate(gs, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        r = m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + 1e-7)
        x = x - a * np.linalg.norm(x) / np.linalg.norm(r) * r
    return x


def adafactor(x, gs, a=0.01):
    row = column = v = 0.0
    for t, g in enumerate(gs, 1):
        b = 1 - t**-0.8
        rho, squares = min(a, 1 / np.sqrt(t)), g**2 + 1e-30
        if g.ndim == 2:
            row = b * row + (1 - b) * squares.mean(1)
            column = b * column + (1 - b) * squares.mean(0)
            v = np.outer(row, column) / row.mean()
        else:
            v = b * v + (1 - b) * squares
        u = g / np.sqrt(v)
        u = u / max(1, np.sqrt((u**2).mean()))
        x = x - max(1e-3, np.sqrt((x**2).mean())) * rho * u
    return x


RULES = [
    (lambda: optimizers.SGD(0.1), sgd),
    (lambda: optimizers.SGD(0.1, momentum=0.9), momentum),
    (
        lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        lambda x, gs: momentum(x, gs, nesterov=True),
    ),
    (lambda: optimizers.RMSprop(0.01), rmsprop),
    (lambda: optimizers.RMSprop(0.01, momentum=0.5), lambda x, gs: rmsprop(x, gs, mu=0.5)),
    (
        lambda: optimizers.RMSprop(0.01, centered=True),
        lambda x, gs: rmsprop(x, gs, centered=True),
    ),
    (lambda: optimizers.Adagrad(0.1), adagrad),
    (lambda: optimizers.Adadelta(1.0), adadelta),
    (lambda: optimizers.Adam(0.01), adam),
    (lambda: optimizers.Adam(0.01, amsgrad=True), lambda x, gs: adam(x, gs, amsgrad=True)),
    (lambda: optimizers.AdamW(0.01, weight_decay=0.1), lambda x, gs: adam(x, gs, decay=0.1)),
    (lambda: optimizers.Adamax(0.01), adamax),
    (lambda: optimizers.Nadam(0.01), nadam),
    (lambda: optimizers.Lion(0.01), lion),
    (
        lambda: optimizers.Ftrl(
            0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.02
        ),
        ftrl,
    ),
    (lambda: optimizers.Lamb(0.01), lamb),
    (lambda: optimizers.Adafactor(0.01), adafactor),
]
NAMES = [f"{rule.__name__}-{k}" for k, (_, rule) in enumerate(RULES)]


def steps(optimizer, dtype="float64", gradients=GRADIENTS, apply=None):
    """The variables after one step for each list of gradients."""
    variables = [lm.Variable(x, dtype=dtype, name=f"x{k}") for k, x in enumerate(X0)]
    apply = apply or optimizer.apply
    for gs in gradients:
        apply([lm.asarray(g.astype(dtype)) for g in gs], variables)
    return variables


@pytest.mark.parametrize(("make", "rule"), RULES, ids=NAMES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-6), ("float32", 3e-5)])
def test_rule(make, rule, dtype, tolerance):
    for k, variable in enumerate(steps(make(), dtype)):
        expected = rule(X0[k], [gs[k] for gs in GRADIENTS])
        np.testing.assert_allclose(variable.numpy(), expected, rtol=tolerance, atol=tolerance)
        assert variable.dtype == dtype


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
@pytest.mark.parametrize(("make", "rule"), RULES, ids=NAMES)
def test_a_compiled_step_is_the_same(make, rule, engine):
    """One program serves all steps: nothing of a step's number is part of it."""
    optimizer = make()
    variables = [lm.Variable(x, dtype="float64", name=f"x{k}") for k, x in enumerate(X0)]
    optimizer.build(variables)
    with lm.settings(engine=engine):
        before = lm.compile_stats().count
        f = lm.compile(lambda *gs: optimizer.apply(list(gs), variables))
        for gs in GRADIENTS:
            f(*(lm.asarray(g) for g in gs))
        assert lm.compile_stats().count == before + 1
    for eager, compiled in zip(steps(make()), variables, strict=True):
        np.testing.assert_allclose(compiled.numpy(), eager.numpy(), rtol=1e-12)
    assert int(optimizer.iterations.numpy()) == len(GRADIENTS)


@pytest.mark.parametrize(("make", "rule"), RULES, ids=NAMES)
def test_accumulated_gradients_update_with_their_mean(make, rule):
    optimizer = make()
    config = {**optimizer.get_config(), "gradient_accumulation_steps": 3}
    accumulating = type(optimizer).from_config(config)
    variables = steps(accumulating, gradients=GRADIENTS[:2])
    for x, variable in zip(X0, variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), x)
    variables = steps(accumulating.from_config(config))
    for k, variable in enumerate(variables):
        means = [sum(gs[k] for gs in GRADIENTS[i : i + 3]) / 3 for i in (0, 3)]
        np.testing.assert_allclose(variable.numpy(), rule(X0[k], means), rtol=1e-6, atol=1e-7)
    assert int(accumulating.iterations.numpy()) == 0


@pytest.mark.parametrize(("make", "rule"), RULES, ids=NAMES)
def test_configurations_go_there_and_back(make, rule):
    optimizer = make()
    written = json.loads(json.dumps(optimizers.serialize(optimizer)))
    again = optimizers.deserialize(written)
    assert again.get_config() == optimizer.get_config()
    for a, b in zip(steps(again), steps(optimizer), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


OPTIONS = [
    {"clipnorm": 0.5, "weight_decay": 0.01},
    {"global_clipnorm": 0.5, "use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2},
    {"clipvalue": 0.5, "gradient_accumulation_steps": 2, "use_ema": True},
    {"learning_rate": schedules.CosineDecay(0.001, 4, warmup_target=0.1, warmup_steps=2)},
]


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options))
def test_options_in_a_compiled_step(options, engine):
    optimizer = optimizers.Adam(**options)
    variables = [lm.Variable(x.astype("float32"), name=f"x{k}") for k, x in enumerate(X0)]
    optimizer.build(variables)
    with lm.settings(engine=engine):
        f = lm.compile(lambda *gs: optimizer.apply(list(gs), variables))
        for gs in GRADIENTS:
            f(*(lm.asarray(g.astype("float32")) for g in gs))
    for eager, compiled in zip(
        steps(optimizers.Adam(**options), "float32"), variables, strict=True
    ):
        np.testing.assert_allclose(compiled.numpy(), eager.numpy(), rtol=1e-5, atol=1e-6)


# ---- what all have in common -------------------------------------------------------------------
def test_clipping():
    g = [np.array([3.0, 4.0]), np.array([0.0, 12.0])]

    def moved(**clip):
        variables = [lm.Variable(np.zeros(2)) for _ in g]
        optimizers.SGD(1.0, **clip).apply(g, variables)
        return [-v.numpy() for v in variables]

    np.testing.assert_allclose(moved(clipvalue=3.5), [[3, 3.5], [0, 3.5]])
    np.testing.assert_allclose(moved(clipnorm=5.0), [[3, 4], [0, 5]])
    np.testing.assert_allclose(moved(clipnorm=100.0), g)
    np.testing.assert_allclose(moved(global_clipnorm=6.5), np.array(g) / 2)
    np.testing.assert_allclose(moved(global_clipnorm=14.0), g)
    zero = [lm.Variable(np.ones(2))]
    optimizers.SGD(1.0, clipnorm=1.0).apply([np.zeros(2)], zero)
    np.testing.assert_array_equal(zero[0].numpy(), 1.0)


def test_weight_decay_and_what_is_left_out():
    kernel, bias = lm.Variable(np.ones(2), name="kernel"), lm.Variable(np.ones(2), name="bias")
    optimizer = optimizers.SGD(0.5, weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([np.zeros(2), np.zeros(2)], [kernel, bias])
    np.testing.assert_allclose(kernel.numpy(), 0.95)
    np.testing.assert_allclose(bias.numpy(), 1.0)


def test_averages_of_the_variables():
    x, values = lm.Variable(np.array([0.0])), []
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    for _ in range(3):
        optimizer.apply([np.array([-1.0])], [x])
        values.append(x.numpy().item())
    assert values == [1.0, 2.0, 3.0]
    optimizer.finalize_variable_values([x])
    assert x.numpy().item() == 0.5 * (0.5 * 1.0 + 0.5 * 2.0) + 0.5 * 3.0


def test_averages_take_the_variables_place():
    x = lm.Variable(np.array([0.0]))
    options = {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}
    optimizer = optimizers.SGD(1.0, **options)
    values = []
    for _ in range(3):
        optimizer.apply([np.array([-1.0])], [x])
        values.append(x.numpy().item())
    assert values == [1.0, 1.5, 2.5]


def test_constraints_hold_after_each_step():
    x = lm.Variable(np.array([0.5]))
    x.constraint = lambda value: lm.maximum(value, 0.0)
    optimizers.SGD(1.0).apply([np.array([2.0])], [x])
    assert x.numpy().item() == 0.0


def test_loss_scale():
    x = lm.Variable(np.array([0.0]))
    optimizer = optimizers.SGD(1.0, loss_scale_factor=8.0)
    optimizer.apply([np.array([8.0])], [x])
    assert x.numpy().item() == -1.0
    assert optimizer.scale_loss(lm.asarray(2.0)).item() == 16.0


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
def test_the_rate_changes_without_compiling(engine):
    optimizer, x = optimizers.SGD(0.5), lm.Variable(np.array([0.0]))
    optimizer.build([x])
    with lm.settings(engine=engine):
        f = lm.compile(lambda g: optimizer.apply([g], [x]))
        f(lm.asarray(np.array([1.0])))
        before = lm.compile_stats().count
        optimizer.learning_rate = 0.25
        f(lm.asarray(np.array([1.0])))
        assert lm.compile_stats().count == before
    assert x.numpy().item() == -0.75
    assert optimizer.get_config()["learning_rate"] == 0.25


def test_the_rate_follows_a_schedule():
    schedule = schedules.PiecewiseConstantDecay([0, 1], [1.0, 0.5, 0.25])
    for rate in (schedule, lambda step: schedule(step)):
        optimizer, x = optimizers.SGD(rate), lm.Variable(np.array([0.0]))
        for expected in (-1.0, -1.5, -1.75):
            optimizer.apply([np.array([1.0])], [x])
            assert x.numpy().item() == expected
    optimizer = optimizers.SGD(schedule)
    with pytest.raises(StateError, match="follows PiecewiseConstantDecay"):
        optimizer.learning_rate = 0.1
    again = optimizers.deserialize(json.loads(json.dumps(optimizers.serialize(optimizer))))
    assert again.learning_rate.item() == 1.0


def test_state():
    x = lm.Variable(np.zeros((2, 3)), name="kernel")
    optimizer = optimizers.Adam()
    assert not optimizer.built
    optimizer.build([x])
    optimizer.build([x])
    assert [v.name for v in optimizer.variables] == [
        "iteration",
        "learning_rate",
        "kernel_momentum",
        "kernel_velocity",
    ]
    assert [v.shape for v in optimizer.variables] == [(), (), (2, 3), (2, 3)]
    assert not any(v.trainable for v in optimizer.variables)


def test_apply_gradients_takes_pairs():
    x = lm.Variable(np.array([1.0]))
    optimizer = optimizers.SGD(0.5)
    optimizer.apply_gradients([(np.array([1.0]), x)])
    optimizer.apply([np.array([1.0])])
    assert x.numpy().item() == 0.0


def test_names():
    for name in ("sgd", "SGD", "rmsprop", "RMSprop", "adam", "adamw", "AdamW", "nadam", "lion"):
        assert optimizers.get(name).name == name.lower()
    adam = optimizers.get({"class_name": "Adam", "config": {"learning_rate": 0.5}})
    assert adam.get_config()["learning_rate"] == 0.5
    assert optimizers.get(adam) is adam
    with pytest.raises(UnknownNameError, match="did you mean 'adam'"):
        optimizers.get("adm")


def test_refusals():
    x, y = lm.Variable(np.zeros(2), name="x"), lm.Variable(np.zeros(2), name="y")
    optimizer = optimizers.SGD()
    with pytest.raises(StateError, match="needs to know the variables"):
        optimizer.apply([np.zeros(2)])
    optimizer.build([x])
    with pytest.raises(StateError, match="none of the variables"):
        optimizer.apply([np.zeros(2)], [y])
    with pytest.raises(ShapeError, match=r"shape \(3,\), 'x' has \(2,\)"):
        optimizer.apply([np.zeros(3)], [x])
    with pytest.raises(ArgumentError, match="2 gradients for 1 variables"):
        optimizer.apply([np.zeros(2), np.zeros(2)], [x])
    with pytest.raises(ArgumentError, match="no variable has a gradient"):
        optimizer.apply([None], [x])
    with pytest.raises(ArgumentError, match="only one kind of clipping"):
        optimizers.SGD(clipnorm=1.0, clipvalue=1.0)
    with pytest.raises(RangeError, match="momentum must be 0 to 1"):
        optimizers.SGD(momentum=1.5)
    with pytest.raises(RangeError, match="learning_rate must be 0 or above"):
        optimizers.SGD(-0.1)
    with pytest.raises(RangeError, match="finite in float32"):
        optimizers.SGD(1e308)
    with pytest.raises(UnknownNameError, match="did you mean 'beta_1'"):
        optimizers.Adam(beta1=0.1)
    with pytest.raises(ArgumentError, match="takes the step"):
        optimizers.Adam(lambda: 0.1)
    with pytest.raises(ArgumentError, match="expected a number, a schedule"):
        optimizers.Adam("fast")
