"""GradientTape: gradients of a `with` block, to any order, in eager and compiled code."""

import gc
from functools import partial

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, GradientError, StateError


def test_gradients_of_nests_have_their_structure_and_none_where_nothing_depends():
    w, b = lm.Variable(np.ones((3, 2), "float32")), lm.Variable(lm.zeros(2))
    frozen, other = lm.Variable(1.0, trainable=False), lm.Variable(1.0)
    with lm.GradientTape() as tape:
        loss = lm.mean((lm.ones((4, 3)) @ w + b) ** 2) * frozen
    found = tape.gradient(loss, {"w": w, "rest": [b, frozen, other]})
    assert found["w"].tolist() == [[3.0, 3.0]] * 3 and found["rest"][0].tolist() == [3.0, 3.0]
    assert found["rest"][1:] == [None, None]


def test_unconnected_gradients_may_be_zero():
    v, other = lm.Variable(1.0), lm.Variable([1.0, 2.0])
    with lm.GradientTape() as tape:
        y = v * 2.0
    assert tape.gradient(y, other, unconnected_gradients="zero").tolist() == [0.0, 0.0]


def test_a_tape_in_a_tape_gives_second_derivatives():
    x = lm.asarray([1.0, 3.0])
    with lm.GradientTape() as outer:
        outer.watch(x)
        with lm.GradientTape() as inner:
            inner.watch(x)
            y = lm.sum(x**3)
        first = inner.gradient(y, x)
    assert first.tolist() == [3.0, 27.0]
    assert outer.gradient(first, x).tolist() == [6.0, 18.0]


def test_targets_are_summed_and_weighted():
    v = lm.Variable(2.0)
    with lm.GradientTape(persistent=True) as tape:
        a, b = v * v, v * 3.0
        row = v * lm.asarray([1.0, 2.0])
    assert tape.gradient([a, b], v).item() == 7.0
    assert tape.gradient(row, v).item() == 3.0
    assert tape.gradient(row, v, output_gradients=[10.0, 1.0]).item() == 12.0


def test_jacobians_equal_those_of_the_matrix():
    m = np.arange(6, dtype="float32").reshape(2, 3)
    x = lm.asarray([1.0, -2.0, 0.5])
    with lm.GradientTape() as tape:
        tape.watch(x)
        y = lm.asarray(m) @ x
    np.testing.assert_array_equal(tape.jacobian(y, x), m)
    rows = lm.asarray(np.ones((4, 3), "float32"))
    with lm.GradientTape() as tape:
        tape.watch(rows)
        y = rows @ lm.asarray(m.T)
    np.testing.assert_array_equal(tape.batch_jacobian(y, rows), np.broadcast_to(m, (4, 2, 3)))


def test_a_value_read_after_an_assignment_counts_separately():
    v = lm.Variable(2.0)
    with lm.GradientTape() as tape:
        y = v * v
        v.assign(5.0)
        assert v.numpy() == 5.0
        y = y + v * 3.0
    assert y.item() == 19.0 and tape.gradient(y, v).item() == 7.0


def contest(a, b, x):
    """Two steps, each with its tape: the second loss depends on the update of `a`."""
    with lm.GradientTape() as tape:
        loss = lm.sum((a * b * x - 1.0) ** 2)
    a.assign_sub(0.1 * tape.gradient(loss, a) / (1.0 + lm.abs(loss)))
    with lm.GradientTape() as tape:
        tape.watch(x)
        loss = lm.sum((a * b * x + 1.0) ** 2)
    by_b, by_x = tape.gradient(loss, [b, x])
    b.assign_sub(0.1 * by_b)
    return by_b, by_x


@pytest.mark.parametrize("compiled", [False, True])
def test_no_gradient_flows_through_an_update_before_the_tape(compiled):
    """As a generator is trained after its discriminator: in TensorFlow, too, it is a constant."""
    x, a, b = np.float32([0.5, 2.0]), lm.Variable(0.7), lm.Variable(1.5)
    steps = partial(contest, a, b)
    found = (lm.compile(steps) if compiled else steps)(lm.asarray(x))
    slope = 2 * np.sum((0.7 * 1.5 * x - 1) * 1.5 * x)
    new = 0.7 - 0.1 * slope / (1 + np.sum((0.7 * 1.5 * x - 1) ** 2))
    error = 2 * (new * 1.5 * x + 1)
    np.testing.assert_allclose(a.numpy(), new, rtol=1e-6)
    np.testing.assert_allclose(found[0].numpy(), np.sum(error * new * x), rtol=1e-5)
    np.testing.assert_allclose(found[1].numpy(), error * new * 1.5, rtol=1e-5)
    np.testing.assert_allclose(b.numpy(), 1.5 - 0.1 * found[0].numpy(), rtol=1e-6)


def test_two_networks_in_a_train_step_are_trained_as_in_an_eager_loop():
    class Contestants(lm.Model):
        def __init__(self):
            super().__init__()
            self.maker = lm.Sequential([lm.Input((3,)), lm.layers.Dense(4)])
            self.judge = lm.Sequential([lm.Input((4,)), lm.layers.Dense(1)])
            self.rules = [lm.optimizers.Adam(0.01) for _ in range(2)]

        def train_step(self, x):
            loss = lm.losses.BinaryCrossentropy(from_logits=True)
            ((real, fake),) = x
            logs = {}
            for name, labels, part, rule in (
                ("judge", (1.0, 0.0), self.judge, self.rules[0]),
                ("maker", (None, 1.0), self.maker, self.rules[1]),
            ):
                with lm.GradientTape() as tape:
                    said = self.judge(self.maker(fake))
                    value = loss(lm.full(said.shape, labels[1]), said)
                    if labels[0] is not None:
                        said = self.judge(real)
                        value = value + loss(lm.full(said.shape, labels[0]), said)
                slopes = tape.gradient(value, part.trainable_variables)
                rule.apply_gradients(zip(slopes, part.trainable_variables, strict=True))
                logs[name] = value
            return logs

    rng = np.random.default_rng(0)
    x = [rng.normal(size=(20, n)).astype("float32") for n in (4, 3)]
    models = []
    for _ in range(2):
        lm.set_seed(1)
        models.append(Contestants())
        models[-1].compile()
    models[0].fit(x, batch_size=10, epochs=2, shuffle=False, verbose=0)
    for start in (0, 10, 0, 10):
        models[1].train_step(([lm.asarray(a[start : start + 10]) for a in x],))
    for found, expected in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_an_outer_tape_sees_what_was_computed_before_an_inner_tape_watched(compiled):
    def both(x):
        with lm.GradientTape() as outer:
            outer.watch(x)
            before = lm.sum(x**2)
            with lm.GradientTape() as inner:
                inner.watch(x)
                y = lm.sum(x**3)
            first = inner.gradient(y, x)
            total = before + lm.sum(first)
        return first, outer.gradient(total, x)

    first, second = (lm.compile(both) if compiled else both)(lm.asarray([1.0, 3.0]))
    assert first.tolist() == [3.0, 27.0]
    assert second.tolist() == [2.0 + 6.0, 6.0 + 18.0]


def test_only_watched_variables_are_recorded_if_asked():
    v, w = lm.Variable(2.0), lm.Variable(3.0)
    with lm.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(w)
        y = v * w
    assert tape.watched_variables() == (w,)
    assert tape.gradient(y, [v, w])[0] is None


def test_recording_can_be_stopped_and_reset():
    v = lm.Variable(2.0)
    with lm.GradientTape(persistent=True) as tape:
        with tape.stop_recording():
            outside = v * v
        y = v * outside
        before = v * 10.0
        tape.reset()
        after = v * 5.0
    assert tape.gradient(after, v).item() == 5.0 and before.item() == 20.0
    with lm.GradientTape() as tape:
        with tape.stop_recording():
            outside = v * v
        y = v * outside
    assert tape.gradient(y, v).item() == 4.0


def test_tensors_give_up_their_history_with_the_tape():
    v = lm.Variable(2.0)
    for persistent in (False, True):
        with lm.GradientTape(persistent=persistent) as tape:
            kept = v * v
        tape.gradient(kept, v)
        del tape
        gc.collect()
        assert lm.tensor.node_of(kept) is None


def test_mistakes_are_errors():
    v = lm.Variable(2.0)
    with lm.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    with pytest.raises(StateError, match="have been taken") as caught:
        tape.gradient(y, v)
    assert "persistent=True" in caught.value.hint
    with pytest.raises(StateError, match="nothing was recorded"):
        lm.GradientTape().gradient(y, v)
    expected = pytest.raises(ArgumentError, match="expected a tensor or a Variable")
    with lm.GradientTape() as tape, expected:
        tape.watch(2.0)
    with pytest.raises(StateError, match="not recording"):
        tape.watch(v)
    with pytest.raises(GradientError, match="as sources"):
        tape.gradient(y, 2.0)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_training_loop_equals_train_on_batch(compiled):
    def make():
        lm.set_seed(1)
        layers = [lm.Input((4,)), lm.layers.Dense(8, "relu"), lm.layers.BatchNormalization()]
        return lm.Sequential([*layers, lm.layers.Dense(2)])

    x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
    y = np.arange(32) % 2
    loss_of = lm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model, optimizer = make(), lm.optimizers.Adam(0.01)

    def step(x, y):
        with lm.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss

    step = lm.compile(step) if compiled else step
    losses = [float(step(x, y)) for _ in range(3)]
    other = make()
    other.compile(lm.optimizers.Adam(0.01), loss_of)
    np.testing.assert_allclose(losses, [other.train_on_batch(x, y) for _ in range(3)], rtol=1e-5)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
