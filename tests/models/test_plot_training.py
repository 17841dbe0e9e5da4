"""Plots of training: histograms, gradients, landscapes, optimizer paths, live curves, searches."""

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.errors import ArgumentError, NotBuiltError, RangeError, ShapeError, UnknownNameError
from lamina.plot import live
from lamina.plot.distributions import _gradients
from lamina.plot.landscape import Plane, _along, _around, directions, landscape
from lamina.plot.objective import first_rows
from lamina.plot.paths import trace
from lamina.plot.surfaces import SURFACES
from lamina.tune import Params, Results, Trial
from lamina.tune.results import explained

pytest.importorskip("matplotlib")

RNG = np.random.default_rng(0)
X, Y = RNG.random((32, 4)), np.arange(32) % 3


def network(**how):
    lm.set_seed(0)
    model = lm.Sequential(
        [
            lm.Input((4,)),
            L.Dense(8, "tanh", name="first", **how),
            L.BatchNormalization(name="norm"),
            L.Dropout(0.5),
            L.Dense(3, "softmax", name="last"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def state(model):
    return [np.array(v.numpy()) for v in model.named_weights().values()]


# ---- weights -----------------------------------------------------------------------------------
def test_weights_have_a_histogram_each_with_shape_deviation_and_zeros():
    model = network()
    kernel = model.get_layer("first").kernel
    kernel.assign(np.where(RNG.random((4, 8)) < 0.5, 0, kernel.numpy()))
    figure = lm.plot.weights(model, "first")
    assert titles(figure) == ["first/kernel", "first/bias"]
    values = kernel.numpy()
    zeros = (np.abs(values) <= np.abs(values).max() / 1000).mean()
    assert texts(figure.axes[0]) == [f"4x8, deviation {values.std():.2g}, {zeros:.0%} near 0"]
    assert sum(p.get_height() for p in figure.axes[0].patches) == 32


def test_weights_of_a_layer_and_of_many_layers():
    layer = L.Dense(3)
    layer.build((None, 2))
    assert titles(lm.plot.weights(layer)) == ["kernel", "bias"]
    deep = lm.Sequential([lm.Input((2,)), *[L.Dense(2) for _ in range(20)]])
    figure = lm.plot.weights(deep)
    assert len(titles(figure)) == 24
    assert figure.get_suptitle() == "the first 24 of 40 arrays"


def test_weights_that_are_not_finite_are_counted():
    model = network()
    kernel = model.get_layer("last").kernel
    kernel.assign(np.full(kernel.shape, np.nan, np.float32))
    assert "24 not finite" in texts(lm.plot.weights(model, ["last"]).axes[0])[0]


def test_errors_of_weights():
    with pytest.raises(NotBuiltError, match="begin with Input"):
        lm.plot.weights(lm.Sequential([L.Dense(1)]))
    with pytest.raises(UnknownNameError, match="did you mean 'first'"):
        lm.plot.weights(network(), "frist")
    with pytest.raises(ArgumentError, match="expected a model or a layer"):
        lm.plot.weights(np.ones(3))
    with pytest.raises(ArgumentError, match="more than one element"):
        lm.plot.weights(network(), layers=[])


# ---- gradients ---------------------------------------------------------------------------------
def test_gradients_are_those_of_a_training_step():
    model = lm.Sequential([lm.Input((4,)), L.Dense(5, "relu"), L.Dense(1)])
    model.compile(lm.optimizers.SGD(1.0), "mse")
    y = RNG.random((32, 1))
    found = _gradients(model, X, y, 32)
    before = {name: v.numpy().copy() for name, v in model.named_weights().items()}
    model.fit(X, y, batch_size=32, shuffle=False, verbose=0)
    for name, v in model.named_weights().items():
        np.testing.assert_allclose(before[name] - v.numpy(), found[name], rtol=1e-4, atol=1e-6)


def test_gradients_have_a_row_for_each_array_and_change_nothing():
    model = network()
    before = state(model)
    figure = lm.plot.gradients(model, X, Y)
    (axes,) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [n for n in model.named_weights() if "moving" not in n]
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_share_of_gradients_that_are_zero_is_given():
    model = lm.Sequential(
        [lm.Input((4,)), L.Dense(8, "relu", bias_initializer="zeros"), L.Dense(1)]
    )
    model.compile("sgd", "mse")
    dead = model.layers[0].bias
    dead.assign(np.float32([-9] * 6 + [9] * 2))
    (axes,) = lm.plot.gradients(model, X, X[:, :1], model.layers[0].name).axes
    assert texts(axes) == ["75%", "75%", "zeros"]


def test_errors_of_gradients():
    with pytest.raises(ArgumentError, match="has no loss yet"):
        lm.plot.gradients(lm.Sequential([lm.Input((4,)), L.Dense(1)]), X, Y)
    with pytest.raises(ArgumentError, match="expected a model"):
        lm.plot.gradients(3, X, Y)
    with pytest.raises(ValueError, match=r"labels|classes"):
        lm.plot.gradients(network(), X, Y + 7)


def test_first_rows_take_lists_frames_and_nested_inputs():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    assert first_rows(frame, 1).tolist() == [[1.0, 3.0]]
    assert first_rows([[1.0, 2.0], [3.0, 4.0]], 1).tolist() == [[1.0, 2.0]]
    both = first_rows([np.ones((3, 2)), np.zeros((3, 1))], 2)
    assert [each.shape for each in both] == [(2, 2), (2, 1)]
    assert first_rows({"x": np.ones(3)}, 2)["x"].dtype == lm.float32


def test_gradients_of_a_data_set_are_those_of_its_first_batch():
    model = network()
    batches = lm.data.Dataset.from_tensor_slices((X.astype("f"), Y)).batch(8)
    whole = lm.plot.gradients(model, X[:8], Y[:8]).axes[0]
    first = lm.plot.gradients(model, batches).axes[0]
    medians = [[line.get_xdata()[0] for line in axes.lines] for axes in (whole, first)]
    np.testing.assert_allclose(*medians)
    with pytest.raises(ArgumentError, match=r"expected batches \(x, y\)"):
        lm.plot.gradients(model, lm.data.Dataset.from_tensor_slices(X.astype("f")).batch(8))


# ---- the landscape -----------------------------------------------------------------------------
def test_the_landscape_holds_the_losses_at_the_displaced_weights():
    model = network(kernel_regularizer="l2")
    x, y = first_rows(X, 32), first_rows(Y, 32)
    model.evaluate(x, y, verbose=0)
    found = landscape(model, x, y, _around(model, 0.5, 3, seed=3))
    assert found[1, 1] == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)
    rng = np.random.default_rng(3)
    centers = [v.numpy().copy() for v in model.trainable_weights]
    first, second = directions(centers, rng), directions(centers, rng)
    for v, c, d, e in zip(model.trainable_weights, centers, first, second, strict=True):
        v.assign(c + 0.5 * d - 0.5 * e)
    assert found[0, 2] == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-5)


def test_directions_have_the_norms_of_the_filters_and_vectors_stay():
    centers = [RNG.random((3, 3, 2, 5)).astype("f"), np.ones(5, "f"), np.zeros((2, 3), "f")]
    kernel, bias, zero = directions(centers, np.random.default_rng(0))
    sizes = np.linalg.norm(centers[0].reshape(-1, 5), axis=0)
    np.testing.assert_allclose(np.linalg.norm(kernel.reshape(-1, 5), axis=0), sizes, rtol=1e-5)
    assert not bias.any() and not zero.any()


@pytest.mark.parametrize("kind", ["contour", "surface"])
def test_a_landscape_is_drawn_and_the_model_is_unchanged(kind, tmp_path):
    model, path = network(), tmp_path / "landscape.png"
    before = state(model)
    lm.plot.loss_landscape(model, X, Y, points=5, kind=kind, path=path)
    assert path.stat().st_size > 10_000
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_path_is_drawn_in_the_plane_in_which_the_weights_moved():
    model = network()
    path = [model.get_weights()]
    take = lm.callbacks.LambdaCallback(on_epoch_end=lambda *_: path.append(model.get_weights()))
    model.fit(X, Y, epochs=4, verbose=0, callbacks=[take])
    plane = _along(model, path, 5)
    np.testing.assert_allclose(plane.path[-1], 0, atol=1e-6)
    first, second = (np.concatenate([d.ravel() for d in each]) for each in plane.directions)
    np.testing.assert_allclose(
        [first @ first, second @ second, first @ second], [1, 1, 0], atol=1e-5
    )
    trainable = [id(v) for v in model.trainable_weights]
    kept = [k for k, v in enumerate(model.weights) if id(v) in trainable]
    moved = [np.concatenate([(w[k] - path[-1][k]).ravel() for k in kept]) for w in path]
    np.testing.assert_allclose(np.array(moved) @ np.stack([first, second], axis=1), plane.path,
                               atol=1e-5)  # fmt: skip
    for steps, at in zip(plane.steps, plane.path.T, strict=True):
        assert steps[0] < at.min() and at.max() < steps[-1]
    (axes, _) = lm.plot.loss_landscape(model, X, Y, weights=path, points=5).axes
    assert axes.get_xlabel().startswith("principal direction 1, ")
    np.testing.assert_allclose(axes.lines[1].get_xydata(), plane.path)


def test_losses_on_a_path_in_two_dimensions_are_those_of_its_weights():
    model = network()
    x, y = first_rows(X, 32), first_rows(Y, 32)
    center = model.get_weights()
    rng = np.random.default_rng(0)
    first, second = (directions(center, rng) for _ in range(2))
    path = [
        [c + a * d + b * e for c, d, e in zip(center, first, second, strict=True)]
        for a, b in ((1, 0), (0.5, 0.5), (0, 0.2), (0, 0))
    ]
    model.evaluate(x, y, verbose=0)
    plane = _along(model, path, 3)
    for weights, (a, b) in zip(path, plane.path, strict=True):
        at = Plane(plane.directions, (np.float32([a]), np.float32([b])))
        (found,) = landscape(model, x, y, at).ravel()
        model.set_weights(weights)
        assert found == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-4)
        model.set_weights(center)


def test_errors_of_the_landscape():
    weights = network().get_weights()
    with pytest.raises(ShapeError, match="2 results, expected 3 or more"):
        lm.plot.loss_landscape(network(), X, Y, weights=[weights] * 2)
    with pytest.raises(ShapeError, match=r"weights\[0\] has other shapes"):
        lm.plot.loss_landscape(network(), X, Y, weights=[weights[1:]] * 3)
    with pytest.raises(RangeError, match="all weights are those of the model"):
        lm.plot.loss_landscape(network(), X, Y, weights=[weights] * 3)
    with pytest.raises(RangeError, match="span is 0"):
        lm.plot.loss_landscape(network(), X, Y, span=0)
    with pytest.raises(ValueError, match="'contour' or 'surface'"):
        lm.plot.loss_landscape(network(), X, Y, kind="3d")
    with pytest.raises(ValueError, match="points"):
        lm.plot.loss_landscape(network(), X, Y, points=2)
    broken = network()
    broken.get_layer("last").kernel.assign(np.full((8, 3), np.nan, np.float32))
    with pytest.raises(RangeError, match="not finite at any point"):
        lm.plot.loss_landscape(broken, X, Y, points=3)


# ---- paths of optimizers -----------------------------------------------------------------------
@pytest.mark.parametrize("name", SURFACES)
def test_the_minima_of_a_surface_are_minima(name):
    surface = SURFACES[name]
    lowest = []
    for minimum in surface.minima:
        at = lm.asarray(np.array(minimum, np.float64))
        lowest.append(float(surface.function(at[0], at[1])))
        around = at.numpy()[:, None] + RNG.standard_normal((2, 500)) * 0.05
        values = surface.function(*(lm.asarray(each) for each in around)).numpy()
        assert values.min() > lowest[-1] - 1e-4
        assert (np.array([surface.x, surface.y])[:, 0] < at.numpy()).all()
    np.testing.assert_allclose(lowest, lowest[0], atol=1e-4)
    grid = np.meshgrid(np.linspace(*surface.x, 99), np.linspace(*surface.y, 99))
    values = surface.function(*(lm.asarray(each) for each in grid)).numpy()
    assert values.min() >= lowest[0] - 1e-4


def test_a_path_is_that_of_the_update_rule():
    bowl, at = SURFACES["bowl"], np.array([-4.5, 1.5])
    found = trace(bowl, lm.optimizers.SGD(0.05), at, 10)
    for place in found:
        np.testing.assert_allclose(place, at, rtol=1e-5, atol=1e-6)
        at = at - 0.05 * np.array([at[0], 20 * at[1]])


def test_a_path_ends_where_it_diverges_and_the_optimizer_keeps_its_state():
    rule = lm.optimizers.SGD(0.2, momentum=0.9)
    assert 1 < len(trace(SURFACES["bowl"], rule, (1, 1), 50)) < 50
    assert not rule.built


def test_optimizers_are_named_by_class_and_rate():
    rules = [lm.optimizers.SGD(0.01), lm.optimizers.SGD(0.02), "adam"]
    figure = lm.plot.optimizer_paths("beale", rules, steps=3)
    assert [t.get_text() for t in figure.legends[0].texts] == ["SGD 0.01", "SGD 0.02", "Adam 0.001"]
    assert figure.get_suptitle() == "beale"
    named = lm.plot.optimizer_paths(lambda x, y: x**2 + y**2, {"mine": rules[0]}, steps=3)
    assert [t.get_text() for t in named.legends[0].texts] == ["mine"]


def test_a_start_outside_of_the_section_is_shown_and_divergence_is_named():
    figure = lm.plot.optimizer_paths("beale", lm.optimizers.SGD(0.5), start=(40, 40), steps=5)
    assert figure.axes[0].get_xlim()[1] > 40
    assert [t.get_text() for t in figure.legends[0].texts] == ["SGD 0.5 (diverges)"]
    assert figure.axes[1].lines[0].get_marker() == "o"


def test_errors_of_optimizer_paths():
    with pytest.raises(UnknownNameError, match="did you mean 'rosenbrock'"):
        lm.plot.optimizer_paths("rosenbrok")
    with pytest.raises(ArgumentError, match="a name or a function"):
        lm.plot.optimizer_paths(3)
    with pytest.raises(ArgumentError, match="start is"):
        lm.plot.optimizer_paths("beale", start=(1, 2, 3))
    with pytest.raises(UnknownNameError, match="optimizer"):
        lm.plot.optimizer_paths("beale", "adm")
    with pytest.raises(ArgumentError, match="no optimizer"):
        lm.plot.optimizer_paths("beale", [])


# ---- curves ------------------------------------------------------------------------------------
def test_runs_are_drawn_side_by_side_on_one_scale():
    runs = {str(k): {"loss": [2.0, k], "val_loss": [2.5, 1.0]} for k in range(7)}
    figure = lm.plot.history(runs, "loss", separate=True)
    drawn = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in drawn] == list(runs)
    assert len({axes.get_ylim() for axes in drawn}) == 1
    assert [t.get_text() for t in figure.legends[0].texts] == ["training", "validation"]


def test_epochs_whose_values_are_not_finite_are_marked():
    (axes,) = lm.plot.history({"loss": [1.0, np.nan, 0.5, np.inf]}).axes
    curve, crosses = axes.lines
    np.testing.assert_array_equal(curve.get_ydata(), [1.0, np.nan, 0.5, np.nan])
    assert curve.get_marker() == "o" and crosses.get_xdata().tolist() == [2, 4]
    assert crosses.get_label() == "training: not finite"


def test_histories_are_lists_of_runs_and_frames_without_their_column_of_epochs():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"epoch": [0, 1], "loss": [2.0, 1.0], "lr": [0.1, 0.1]})
    figure = lm.plot.history([frame, {"loss": [3.0, 2.0]}])
    assert titles(figure) == ["loss"]
    shown = [text.get_text() for text in figure.axes[0].get_legend().texts]
    assert shown == ["run 1, training", "run 2, training"]


def test_runs_with_different_seeds_are_drawn_as_their_mean_in_a_band():
    seeds = [{"loss": [2.0, 1.0, 0.5]}, {"loss": [4.0, 3.0]}]
    (axes,) = lm.plot.history({"sgd": seeds, "adam": {"loss": [1.0, 0.5]}}).axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[3.0, 2.0], [1.0, 0.5]]
    (band,) = axes.collections
    ends = band.get_paths()[0].get_extents()
    assert (ends.ymin, ends.ymax) == (1.0, 4.0)


@pytest.mark.filterwarnings("error")
def test_many_runs_and_many_metrics_fit_into_the_figure(tmp_path):
    runs = {f"run {k}": {"loss": [2.0, 1.0], "val_loss": [2.5, k]} for k in range(24)}
    figure = lm.plot.history(runs, path=tmp_path / "runs.png")
    assert [t.get_text() for t in figure.legends[0].texts] == list(runs)
    metrics = lm.plot.history({f"m{k}": [1, 2] for k in range(10)}, path=tmp_path / "metrics.png")
    width, height = metrics.get_size_inches()
    assert 1 < width / height < 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": 0.5}, "'loss' is 0.5, expected a list"),
        ({"loss": ["0.5"]}, "'loss' holds texts"),
        ({"loss": "0.5"}, "'loss' is '0.5', expected a list"),
    ],
)
def test_values_of_a_history_that_are_not_numbers_raise(given, message):
    with pytest.raises(ArgumentError, match=message):
        lm.plot.history(given)


def test_live_curves_write_a_figure_after_each_epoch(tmp_path):
    path = tmp_path / "curves.png"
    curves = lm.plot.LiveCurves(every=0, path=path)
    seen = []
    look = lm.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(path.exists()))
    history = network().fit(X, Y, epochs=2, verbose=0, callbacks=[curves, look])
    assert seen == [True, True]
    assert curves.history == history.history
    assert path.read_bytes().startswith(b"\x89PNG")


def test_live_curves_check_their_path_before_the_first_epoch(tmp_path):
    curves = lm.plot.LiveCurves(path=tmp_path / "none" / "curves.png")
    model = network()
    before = state(model)
    with pytest.raises(ArgumentError, match="does not exist"):
        model.fit(X, Y, verbose=0, callbacks=[curves])
    for a, b in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_live_curves_draw_seldom_and_the_last_epoch(tmp_path):
    curves = lm.plot.LiveCurves(every=1000, path=tmp_path / "curves.png")
    network().fit(X, Y, epochs=5, verbose=0, callbacks=[curves])
    assert curves.drawn == 2  # the first epoch, and the last


def test_live_curves_replace_one_output_of_a_notebook(monkeypatch):
    class Handle:
        shown: list = []

        def update(self, content, raw):
            self.shown.append(content["image/png"])

    curves = lm.plot.LiveCurves(every=0)
    curves._handle = handle = Handle()
    monkeypatch.setattr(live, "is_notebook", lambda stream: True)
    for epoch in range(2):
        curves.on_epoch_end(epoch, {"loss": 1.0})
    assert len(handle.shown) == 2 and handle.shown[0].startswith(b"\x89PNG")


def test_live_curves_continue_after_a_checkpoint(tmp_path):
    curves = lm.plot.LiveCurves()
    curves.set_state({"history": {"loss": [3.0]}})
    curves.on_epoch_end(1, {"loss": 2.0})
    assert curves.get_state() == {"history": {"loss": [3.0, 2.0]}}


# ---- searches ----------------------------------------------------------------------------------
def results(count=16):
    trials = []
    for k in range(count):
        params = Params(units=16 * (1 + k % 3), rate=10.0 ** -(1 + k // 4), rule="ab"[k % 2])
        value = 0.1 * (k // 4) + 0.001 * (k % 3)
        curve = [value + 1, value]
        trials.append(Trial(k, params, 0, 2, value, [{"loss": curve}], "complete"))
    return Results(trials, "loss", lower=True)


@pytest.mark.parametrize("kind", ["curves", "best", "slices", "parallel"])
def test_a_search_is_drawn_in_each_kind(kind, tmp_path):
    path = tmp_path / "search.png"
    lm.plot.search(results(), kind=kind, path=path)
    lm.plot.search(results(1), kind=kind)
    assert path.stat().st_size > 8000


def test_the_best_value_so_far_is_a_step_curve():
    found = results(6)
    for trial, value in zip(found.trials, [3.0, 4, np.nan, 2, 5, 1], strict=True):
        trial.value = value
    (axes,) = lm.plot.search(found, kind="best").axes
    assert axes.lines[1].get_ydata().tolist() == [3, 3, 3, 2, 2, 1]


def test_slices_have_a_panel_and_the_importance_of_each_hyperparameter():
    figure = lm.plot.search(results(), kind="slices")
    assert [axes.get_xlabel() for axes in figure.axes if axes.axison] == ["units", "rate", "rule"]
    shown = titles(figure)
    assert shown[1] == f"explains {results().importance()['rate']:.0%}"
    assert figure.axes[1].get_xscale() == "log"
    (single,) = lm.plot.search(results(), "rate").axes
    assert single.get_xlabel() == "rate"


def test_importance_is_epsilon_squared_of_the_ranks():
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    assert explained(list("aaaabbbb"), values) > 0.7
    assert explained(list("abababab"), values) == 0.0
    assert explained([0.1] * 8, values) == 0.0
    assert np.isnan(explained(list("ab"), values[:2]))
    assert explained(list("aabb") * 2, np.ones(8)) == 0.0
    many = np.arange(40.0)
    assert explained(many.tolist(), many) > 0.9


def test_errors_of_search_plots():
    with pytest.raises(UnknownNameError, match="did you mean 'rate'"):
        lm.plot.search(results(), "rat")
    with pytest.raises(ArgumentError, match="no trial is complete"):
        lm.plot.search(Results([Trial(0, Params(a=1), 0)], "loss", True))
    with pytest.raises(ArgumentError, match=r"what `lm\.tune\.search` returned"):
        lm.plot.search({"loss": [1]})
    with pytest.raises(ValueError, match="'parallel'"):
        lm.plot.search(results(), kind="bars")
