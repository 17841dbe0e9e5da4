"""Weights in files are called by attributes: layers may be made in any order."""

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.errors import FileFormatError, ShapeError
from lamina.layers._base.saved_names import saved_weights
from lamina.saving import container, safetensors, weights

X = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)


class AFirst(lm.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.a = L.Dense(3)
        self.b = L.Dense(3)

    def call(self, x):
        return self.a(x) - 2 * self.b(x)


class BFirst(AFirst):
    def __init__(self, **kwargs):
        lm.Model.__init__(self, **kwargs)
        self.b = L.Dense(3)
        self.a = L.Dense(3)


class Lists(lm.Model):
    def __init__(self, is_turned=False):
        super().__init__()
        if is_turned:
            self.tail = {"y": L.Dense(3), "x": L.Dense(3)}
            self.blocks = [L.Dense(3), L.Dense(3)]
        else:
            self.blocks = [L.Dense(3), L.Dense(3)]
            self.tail = {"x": L.Dense(3), "y": L.Dense(3)}

    def call(self, x):
        return self.blocks[0](x) + 2 * self.blocks[1](x) + 3 * self.tail["x"](x) - self.tail["y"](x)


class Unnamed(L.Layer):
    """Weights without names, made in one order or the other."""

    def __init__(self, is_turned=False, **kwargs):
        super().__init__(**kwargs)
        self.is_turned = is_turned

    def build(self, input_shape):
        for name in ("second", "first") if self.is_turned else ("first", "second"):
            setattr(self, name, self.add_weight((input_shape[-1],), initializer="uniform"))

    def call(self, x):
        return x * self.first - x * x * self.second


class Nested(lm.Model):
    def __init__(self, inner, is_turned=False):
        super().__init__()
        if is_turned:
            self.scale = Unnamed(is_turned)
        self.net = lm.Sequential([L.Dense(3, name="in"), inner])
        self.scale = getattr(self, "scale", None) or Unnamed(is_turned)

    def call(self, x):
        return self.scale(self.net(x))


PAIRS = {
    "attributes": (AFirst, BFirst),
    "lists and dicts": (Lists, lambda: Lists(is_turned=True)),
    "unnamed weights": (
        lambda: lm.Sequential([Unnamed()]),
        lambda: lm.Sequential([Unnamed(is_turned=True)]),
    ),
    "models inside": (
        lambda: Nested(AFirst(name="inner")),
        lambda: Nested(BFirst(name="inner"), is_turned=True),
    ),
}


@pytest.mark.parametrize("kind", PAIRS)
@pytest.mark.parametrize("ending", [".safetensors", ".lamina"])
def test_weights_fit_a_model_whose_layers_were_made_in_another_order(kind, ending, tmp_path):
    first, second = (make() for make in PAIRS[kind])
    expected = first.predict(X, verbose=0)
    second.predict(X, verbose=0)
    (first.save_weights if ending == ".safetensors" else first.save)(tmp_path / f"w{ending}")
    second.load_weights(tmp_path / f"w{ending}")
    assert np.array_equal(second.predict(X, verbose=0), expected)


def test_a_whole_model_loads_into_a_class_that_makes_its_layers_in_another_order(tmp_path):
    model = AFirst()
    model.compile("adam", "mse")
    model.fit(X, X, epochs=3, verbose=0, seed=1)
    model.save(tmp_path / "m.lamina")
    loaded = lm.load_model(tmp_path / "m.lamina", custom_objects={"AFirst": BFirst})
    assert type(loaded) is BFirst
    assert np.array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    for each in (model, loaded):  # the optimizer's state belongs to the same weights
        each.fit(X, X, epochs=5, initial_epoch=3, verbose=0, seed=1)
    np.testing.assert_allclose(
        loaded.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6
    )


def test_names_in_files():
    model = Nested(AFirst(name="inner"))
    model.predict(X, verbose=0)
    assert sorted(saved_weights(model)) == [
        "net/in/bias", "net/in/kernel", "net/inner/a/bias", "net/inner/a/kernel",
        "net/inner/b/bias", "net/inner/b/kernel", "scale/first", "scale/second",
    ]  # fmt: skip


def test_every_weight_is_in_the_file_once_also_where_layers_are_shared():
    class Shared(lm.Model):
        def __init__(self):
            super().__init__()
            self.all = [L.Dense(3), L.Dense(3)]
            self.second = self.all[1]
            self.other = lm.Sequential([self.all[0]])

        def call(self, x):
            return self.other(self.second(x))

    model = Shared()
    model.predict(X, verbose=0)
    named = saved_weights(model)
    assert {id(v) for v in named.values()} == {id(v) for v in model.weights}
    assert sorted(named) == ["all/0/bias", "all/0/kernel", "second/bias", "second/kernel"]


def test_a_mismatch_names_everything_that_is_missing_unexpected_or_of_another_shape(tmp_path):
    class Other(lm.Model):
        def __init__(self):
            super().__init__()
            self.a, self.c = L.Dense(4), L.Dense(3)

        def call(self, x):
            return self.c(x) + self.a(x)[:, :3]

    model, other = AFirst(), Other()
    for each in (model, other):
        each.predict(X, verbose=0)
    model.save_weights(tmp_path / "w.safetensors")
    before = other.get_weights()
    with pytest.raises(ShapeError) as raised:
        other.load_weights(tmp_path / "w.safetensors")
    for line in (
        "a/kernel: shape (3, 3) in the file, (3, 4) in the model",
        "c/kernel (3, 3) is not in the file",
        "b/kernel (3, 3) is in the file, and not in the model",
    ):
        assert line in str(raised.value)
    assert all(np.array_equal(p, q) for p, q in zip(before, other.get_weights(), strict=True))


# ---- files of earlier versions -----------------------------------------------------------------
def as_before(model, path):
    """Weights as earlier versions wrote them: layers of one class are counted."""
    arrays = weights.arrays(model.named_weights())
    path.write_bytes(safetensors.write(arrays, {"format": "lamina model 1"}))


class Unlike(AFirst):
    def __init__(self, **kwargs):
        lm.Model.__init__(self, **kwargs)
        self.a, self.b = L.Dense(3), L.Dense(3, use_bias=False)


@pytest.mark.parametrize("make", [Unlike, lambda: lm.Sequential([L.Dense(3), L.Dense(3)])])
def test_a_file_of_an_earlier_version_is_read_where_it_has_one_meaning(make, tmp_path):
    model, other = make(), make()
    expected = model.predict(X, verbose=0)
    other.predict(X, verbose=0)
    as_before(model, tmp_path / "w.safetensors")
    other.load_weights(tmp_path / "w.safetensors")
    assert np.array_equal(other.predict(X, verbose=0), expected)


def test_a_file_of_an_earlier_version_that_has_two_meanings_is_refused_with_a_way_out(tmp_path):
    import safetensors.numpy as reference

    model, other = AFirst(), AFirst()
    expected = model.predict(X, verbose=0)
    other.predict(X, verbose=0)
    path = tmp_path / "w.safetensors"
    as_before(model, path)
    with pytest.raises(FileFormatError, match=r"'a' and 'b' of AFirst .* are alike"):
        other.load_weights(path)
    arrays = reference.load_file(path)
    other.set_weights([arrays[name] for name in other.named_weights()])  # what the hint says
    assert np.array_equal(other.predict(X, verbose=0), expected)


def test_optimizer_state_of_an_earlier_version_is_read_by_number(tmp_path, monkeypatch):
    from lamina.saving import models

    model = lm.Sequential([lm.Input((3,)), L.Dense(3), L.Dense(3)])
    model.compile("adam", "mse")
    model.fit(X, X, epochs=2, verbose=0, seed=1)
    path = tmp_path / "m.lamina"
    with monkeypatch.context() as before:
        before.setattr(
            models, "state_by_weight", lambda model, optimizer: models.numbered(optimizer)
        )
        before.setattr(container, "NAMES", {})
        model.save(path)
    loaded = lm.load_model(path)
    for mine, theirs in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        assert np.array_equal(mine.numpy(), theirs.numpy())
