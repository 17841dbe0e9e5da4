"""lm.plot: figures show the data; components, t-SNE and layout are right."""

import importlib
import itertools
import re
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.elsewhere import PLOTS
from lamina.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    MissingExtraError,
    RangeError,
    ShapeError,
    UnknownNameError,
)
from lamina.plot.layout import laid_out
from lamina.plot.maps import as_image
from lamina.plot.reduction import gradient, neighborhood, principal_components, tsne

pytest.importorskip("matplotlib")

RNG = np.random.default_rng(0)
RUN = {"loss": [2.0, 1.0, 0.5], "val_loss": [2.5, 1.5, 1.0], "accuracy": [0.1, 0.5, 0.9]}


@pytest.fixture(scope="module")
def model():
    lm.set_seed(0)
    return lm.Sequential(
        [
            lm.Input((8, 8, 3)),
            L.Conv2D(4, 3, activation="relu", name="first"),
            L.Conv2D(20, 3, activation="relu", name="second"),
            L.GlobalAveragePooling2D(name="mean"),
            L.Dense(3, activation="softmax", name="out"),
        ]
    )


def lines(axes):
    return {line.get_label(): line.get_ydata().tolist() for line in axes.lines}


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def images(figure):
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def test_names_of_other_libraries_are_answered_with_those_of_lamina():
    with pytest.raises(AttributeError, match=r"instead: lamina\.plot\.roc"):
        _ = lm.plot.roc_curve
    for name in PLOTS.values():
        assert hasattr(lm.plot, re.fullmatch(r"lamina\.plot\.(\w+)(\(.*)?", name)[1])


# ---- files -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_a_figure_is_saved_in_the_format_of_its_suffix(ending, start, tmp_path):
    path = tmp_path / f"curve.{ending}"
    lm.plot.history(RUN, path=path)
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("path", "message"), [("none/curve.png", r"mkdir\(parents=True\)"), (3, "path is 3")]
)
def test_a_path_that_cannot_be_written_raises(path, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=message):
        lm.plot.history(RUN, path=path)


def test_an_unknown_suffix_raises(tmp_path):
    with pytest.raises(ArgumentError, match=r"end it with one of .*png"):
        lm.plot.history(RUN, path=tmp_path / "curve.doc")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    def missing(name, package=None):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtraError, match="pip install matplotlib pillow"):
        lm.plot.history(RUN)


# ---- curves ------------------------------------------------------------------------------------
def test_history_has_a_panel_for_each_metric():
    figure = lm.plot.history({**RUN, "learning_rate": [0.1, 0.1, 0.1]})
    assert [axes.get_title() for axes in figure.axes] == ["loss", "accuracy"]
    drawn = lines(figure.axes[0])
    assert drawn == {"training": RUN["loss"], "validation": RUN["val_loss"]}
    assert lines(figure.axes[1]) == {"training": RUN["accuracy"]}


def test_history_of_what_fit_returned(model):
    model.compile("adam", "mse")
    history = model.fit(np.ones((4, 8, 8, 3), "f"), np.ones((4, 3), "f"), epochs=2, verbose=0)
    (axes,) = lm.plot.history(history).axes
    assert lines(axes) == {"training": history.history["loss"]}


def test_several_runs_are_compared():
    figure = lm.plot.history({"with": RUN, "without": {"loss": [3.0, 2.0]}}, metrics="loss")
    drawn = lines(figure.axes[0])
    assert list(drawn) == ["with, training", "with, validation", "without, training"]


def test_history_errors():
    with pytest.raises(ArgumentError, match="there are loss, accuracy"):
        lm.plot.history(RUN, metrics="recall")
    with pytest.raises(ArgumentError, match="nothing to draw"):
        lm.plot.history({})
    with pytest.raises(ArgumentError, match="what `fit` returned"):
        lm.plot.history([1, 2])


# ---- confusion ---------------------------------------------------------------------------------
def test_confusion_counts():
    figure = lm.plot.confusion([0, 0, 1, 2], [0, 1, 1, 1], names=["a", "b", "c"])
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert cells == {(0, 0): "1", (1, 0): "1", (1, 1): "1", (1, 2): "1"}
    np.testing.assert_array_equal(images(figure)[0], [[0.5, 0.5, 0], [0, 1, 0], [0, 1, 0]])
    assert figure.get_suptitle() == "accuracy 50.0% of 4 samples"


def test_confusion_of_probabilities_and_rows_with_a_one():
    true, seen = np.eye(3)[[0, 1, 2]], np.array([[0.9, 0.1, 0], [0.2, 0.7, 0.1], [0, 1, 0]])
    figure = lm.plot.confusion(true, seen, normalize=True)
    assert sorted(texts(figure)) == ["1.00"] * 3


@pytest.mark.parametrize(
    ("true", "seen", "kind", "message"),
    [
        ([0, 1], [0], DataError, "2 true labels and 1 predictions"),
        ([0, 1], [0.2, 0.7], DTypeError, "p > 0.5"),
        ([0, -1], [0, 1], DTypeError, "class numbers"),
        (np.zeros((2, 2, 2)), [0, 1], ShapeError, "expected"),
    ],
)
def test_confusion_errors(true, seen, kind, message):
    with pytest.raises(kind, match=message):
        lm.plot.confusion(true, seen)


# ---- filters and maps --------------------------------------------------------------------------
def test_filters_over_three_channels_are_color_images(model):
    drawn = images(lm.plot.filters(model, "first"))
    kernel = model.get_layer("first").kernel.numpy()
    assert len(drawn) == 4
    expected = 0.5 + 0.5 * kernel[..., 1] / np.abs(kernel[..., 1]).max()
    np.testing.assert_allclose(drawn[1], expected, atol=1e-6)


def test_filters_over_other_channels_are_a_row_each(model):
    figure = lm.plot.filters(model.get_layer("second"))
    drawn, kernel = images(figure), model.get_layer("second").kernel.numpy()
    assert len(drawn) == 16 * 4  # 16 of 20 filters over 4 channels
    np.testing.assert_allclose(drawn[4 * 3 + 2], kernel[:, :, 2, 3])
    assert "16 of 20 filters of 3x3 over 4 channels" in figure.get_suptitle()


def test_filters_of_a_sequence():
    layer = L.Conv1D(2, 5)
    layer.build((None, 9, 1))
    assert [each.shape for each in images(lm.plot.filters(layer))] == [(1, 5), (1, 5)]


def test_filters_errors(model):
    with pytest.raises(ArgumentError, match="has no kernel of a convolution"):
        lm.plot.filters(model, "out")
    with pytest.raises(UnknownNameError, match="did you mean 'first'"):
        lm.plot.filters(model, "frist")
    with pytest.raises(ValueError, match="most"):
        lm.plot.filters(model, "first", most=0)
    layer = L.Conv2D(1, 3, kernel_initializer=lm.initializers.Constant(1.0))
    layer.build((None, 8, 8, 1))
    layer.kernel.assign(np.full((3, 3, 1, 1), np.nan, np.float32))
    with pytest.raises(DataError, match="the kernel of"):
        lm.plot.filters(layer)


def test_filters_of_a_model_are_those_of_its_first_convolution(model):
    assert lm.plot.filters(model).get_suptitle().startswith("first: 4 filters")


def test_feature_maps_show_the_values_of_representations(model):
    image = RNG.random((8, 8, 3), np.float32)
    figure = lm.plot.feature_maps(model, image, most=5)
    found = model.representations(image[None])
    drawn = images(figure)
    np.testing.assert_allclose(drawn[0], image, atol=1e-6)
    assert len(drawn) == 1 + 4 + 5
    np.testing.assert_allclose(drawn[2], found["first"][0, ..., 1])
    np.testing.assert_allclose(drawn[-1], found["second"][0, ..., 4])
    assert texts(figure) == ["first\n6x6x4", "second\n4x4x20"]


def test_feature_maps_errors(model):
    with pytest.raises(ValueError, match="most"):
        lm.plot.feature_maps(model, np.zeros((8, 8, 3), np.float32), most=0)
    with pytest.raises(ShapeError, match="one image"):
        lm.plot.feature_maps(model, np.zeros((2, 8, 8, 3), np.float32))
    with pytest.raises(ArgumentError, match="none of these layers returns images"):
        lm.plot.feature_maps(model, np.zeros((8, 8, 3), np.float32), layers="out")


def test_colors_are_scaled_between_0_and_1():
    np.testing.assert_allclose(as_image(np.uint8([[[0, 51, 255]]])), [[[0, 0.2, 1]]])
    np.testing.assert_allclose(as_image(np.array([[[0.0, 51, 102]]])), [[[0, 0.2, 0.4]]])
    np.testing.assert_allclose(as_image(np.array([[[-1.0, 1, 3]]])), [[[0, 0.5, 1]]])
    np.testing.assert_allclose(as_image(np.array([[[0.2, 0.4, 1]]])), [[[0.2, 0.4, 1]]])
    np.testing.assert_allclose(as_image(np.array([[[0.2, 0.4]]])), [[0.3]])


# ---- two dimensions ----------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(40, 7), (7, 40), (5, 1)])
def test_principal_components_are_those_of_the_singular_values(shape):
    x = RNG.standard_normal(shape) * np.linspace(3, 1, shape[1]) + 5
    found, shares = principal_components(x)
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    expected = np.pad((u * s)[:, :2], ((0, 0), (0, max(0, 2 - len(s)))))
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(shares[: len(s)], (s**2 / (s**2).sum())[:2])
    assert (np.abs(found).max(axis=0) == found.max(axis=0)).all()


def test_each_row_of_a_neighborhood_has_the_perplexity():
    x = RNG.standard_normal((50, 4)) * 100
    near = neighborhood(x, perplexity=10)
    assert near.sum() == pytest.approx(1)
    np.testing.assert_allclose(near, near.T)
    assert (np.diag(near) == 0).all()
    twins = np.repeat(RNG.standard_normal((10, 3)), 5, axis=0)  # distances of 0
    assert np.isfinite(neighborhood(twins, 5)).all()


def test_the_gradient_of_tsne_is_that_of_its_divergence():
    near = neighborhood(RNG.standard_normal((12, 3)), 3)
    near = np.maximum(near, 1e-12) * (1 - np.eye(12))

    def divergence(y):
        apart = y[:, None] - y[None]
        weights = (1 / (1 + lm.sum(apart * apart, axis=-1))) * (1 - lm.eye(12, dtype=lm.float64))
        q = weights / lm.sum(weights)
        inside = lm.asarray(near > 0)
        return lm.sum(lm.where(inside, near * lm.log(lm.where(inside, near / (q + 1e-300), 1)), 0))

    y = lm.asarray(RNG.standard_normal((12, 2)))
    found = gradient(lm.asarray(near / near.sum()), y)
    np.testing.assert_allclose(found.numpy(), lm.grad(divergence)(y).numpy(), rtol=1e-6, atol=1e-9)


def test_tsne_keeps_groups_together():
    centres = np.repeat(np.eye(3) * 10, 40, axis=0)
    points = tsne(centres + RNG.standard_normal((120, 3)), perplexity=15)
    groups = points.reshape(3, 40, 2)
    middles = groups.mean(axis=1)
    spread = np.linalg.norm(groups - middles[:, None], axis=-1).max()
    apart = min(np.linalg.norm(middles[i] - middles[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert apart > 2 * spread
    again = tsne(centres, perplexity=15)
    assert np.isfinite(again).all()


def test_projection_has_a_panel_for_each_layer_and_a_color_for_each_class(model):
    x, y = RNG.random((30, 8, 8, 3), np.float32), np.arange(30) % 3
    found = model.representations(x, layers=["first", "mean"])
    figure = lm.plot.projection(found, y, names=["a", "b", "c"])
    assert [axes.get_title() for axes in figure.axes] == ["first", "mean"]
    (points,) = figure.axes[1].collections
    expected, _ = principal_components(found["mean"])
    np.testing.assert_allclose(points.get_offsets(), expected)
    assert len(np.unique(points.get_facecolors(), axis=0)) == 3
    assert [text.get_text() for text in figure.legends[0].texts] == ["a", "b", "c"]


def test_classes_are_named_at_the_medians_of_their_points_if_they_are_few():
    points, few = RNG.random((60, 2)), np.arange(60) % 3
    (axes,) = lm.plot.projection(points, few, names=["a", "b", "c"]).axes
    places = np.asarray(axes.collections[0].get_offsets())
    for k, text in enumerate(axes.texts):
        assert text.get_text() == "abc"[k]
        np.testing.assert_allclose(text.get_position(), np.median(places[few == k], axis=0))
    assert not lm.plot.projection(points, np.arange(60) % 20).axes[0].texts


def test_projection_accepts_names_of_classes_as_labels():
    points = RNG.random((4, 3))
    named = lm.plot.projection(points, ["b", "a", "b", "a"], names=["a", "b"])
    numbers = lm.plot.projection(points, [1.0, 0.0, 1.0, 0.0])
    colors = [figure.axes[0].collections[0].get_facecolors() for figure in (named, numbers)]
    np.testing.assert_array_equal(*colors)


def test_projection_errors():
    with pytest.raises(DataError, match="2 labels for 5 rows"):
        lm.plot.projection(np.ones((5, 3)), [0, 1])
    with pytest.raises(DataError, match="row 1 is not finite"):
        lm.plot.projection([[0.0, 1.0], [np.nan, 1.0]])
    with pytest.raises(ShapeError, match="unequal lengths"):
        lm.plot.projection([[0.0, 1.0], [1.0]])
    with pytest.raises(DTypeError, match=r"names=\["):
        lm.plot.projection(np.ones((2, 3)), ["a", "b"])
    with pytest.raises(UnknownNameError, match="'tsne'"):
        lm.plot.projection(np.ones((5, 3)), method="t-sne")
    with pytest.raises(RangeError, match="more than 90 rows"):
        lm.plot.projection(np.ones((5, 3)), method="tsne")
    with pytest.raises(ShapeError, match="expected"):
        lm.plot.projection(np.ones(5))
    with pytest.raises(ArgumentError, match="labels go up to 2, but there are 2 names"):
        lm.plot.projection(np.ones((5, 3)), [0, 1, 2, 1, 1], names=["a", "b"])


# ---- the network -------------------------------------------------------------------------------
def test_boxes_are_below_the_boxes_they_read_and_arrows_pass_next_to_boxes():
    placed = laid_out(5, [(0, 1), (1, 2), (0, 2), (2, 3), (2, 4)], box=1.0)
    assert [row for _, row in placed.places] == [0, 1, 2, 3, 3]
    xs = [x for x, _ in placed.places]
    assert xs[:3] == [0, 0, 0] and xs[4] - xs[3] > 1
    passing = placed.ways[2]
    assert passing[0] == (0, 0) and passing[-1] == (0, 2)
    assert passing[1][0] > 0.5 and passing[1][1] == 1
    assert placed.left <= xs[3] - 0.5 and placed.left + placed.width >= xs[4] + 0.5


def test_model_names_layers_shapes_and_weights():
    x = lm.Input((4,), name="x")
    h = L.Dense(4, name="inner")(x)
    drawn = lm.plot.model(lm.Model(x, L.Add(name="sum")([x, h])))
    assert texts(drawn) == [
        "InputLayer  x",
        "(None, 4)",
        "Dense  inner",
        "(None, 4),  20 weights",
        "Add  sum",
        "(None, 4)",
    ]
    arrows = [p for p in drawn.axes[0].patches if type(p).__name__ == "FancyArrowPatch"]
    assert len(arrows) == 3


def test_plot_model_of_keras(model, tmp_path):
    lm.keras.utils.plot_model(model, to_file=tmp_path / "model.svg")
    assert b"<svg" in (tmp_path / "model.svg").read_bytes()


class DrawnModel(lm.Model):
    def call(self, inputs):
        return inputs


def test_a_subclassed_model_has_no_diagram():
    with pytest.raises(ArgumentError, match=r"lm\.inspect\.dot"):
        lm.plot.model(DrawnModel())


# ---- style -------------------------------------------------------------------------------------
def boxes(figure, labels):
    """The rectangles of texts on the page, in pixels."""
    figure.draw_without_rendering()
    return [label.get_window_extent() for label in labels if label.get_text()]


@pytest.mark.parametrize("count", [2, 10, 25, 26, 40, 100])
@pytest.mark.parametrize("named", [False, True])
def test_no_labels_of_a_confusion_matrix_overlap(count, named):
    labels = np.arange(count)
    names = [f"class {k}" for k in labels] if named else None
    figure = lm.plot.confusion(labels, labels[::-1], names)
    axes = figure.axes[0]
    for axis, side in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        found = boxes(figure, axis.get_ticklabels())
        assert len(found) >= min(count, 13)
        turned = axes.get_xticklabels()[0].get_rotation() == 45 and side == "x"
        ends = sorted((getattr(b, f"{side}0"), getattr(b, f"{side}1")) for b in found)
        for (_, end), (start, _) in itertools.pairwise(ends):
            assert turned or start >= end - 0.5


def test_many_classes_are_shown_by_color_with_a_scale():
    few, many = (lm.plot.confusion(range(n), range(n)) for n in (25, 26))
    assert len(few.axes) == 1 and len(few.axes[0].texts) == 25
    assert len(many.axes) == 2 and not many.axes[0].texts


def test_the_history_of_one_epoch_has_both_points_on_an_axis_of_whole_epochs():
    figure = lm.plot.history({"loss": [1.2], "val_loss": [1.3]})
    (axes,) = figure.axes
    assert [line.get_marker() for line in axes.lines] == ["o", "o"]
    assert all(line.get_markersize() > 0 for line in axes.lines)
    assert list(axes.get_xticks()) == [1]


@pytest.mark.parametrize("epochs", [2, 3, 7, 50, 400])
def test_ticks_of_epochs_are_whole_numbers(epochs):
    (axes,) = lm.plot.history({"loss": np.linspace(1, 0.5, epochs)}).axes
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_colors_and_sizes_of_all_plots_are_those_of_the_style():
    folder = Path(lm.plot.__file__).parent
    for path in [*folder.glob("*.py"), folder.parent / "cli" / "figure.py"]:
        text = path.read_text(encoding="utf-8")
        if path.name != "style.py":
            assert not re.findall(r"fontsize=[\d.]+|labelsize=[\d.]+|\"#[0-9a-f]{6}\"", text), path
            assert ".Figure(" not in text
