"""The output of a fresh Jupyter kernel; skipped without nbclient and ipykernel."""

import base64
import pickle

import pytest

import lamina as lm
from lamina.training import progress

HISTORY = """
import lamina as lm
lm.plot.history({"loss": [1.0, 0.5]})
"""
FIT = """
import numpy as np
import lamina as lm
model = lm.Sequential([lm.Input((20,)), lm.layers.Dense(500), lm.layers.Dense(1)])
model.compile("sgd", "mse")
x = np.random.default_rng(0).standard_normal((30_000, 20)).astype("float32")
print("before")
model.fit(x, x[:, 0], epochs=3)
print(model.predict(x[:2]).shape)
"""
LIVE = """
model.fit(x[:500], x[:500, 0], epochs=3, verbose=0, callbacks=[lm.plot.LiveCurves(every=0)])
"""
PNG = b"\x89PNG"


def test_a_figure_is_a_png_for_notebooks_without_matplotlibs_own_support():
    pytest.importorskip("matplotlib")
    figure = lm.plot.history({"loss": [1.0, 0.5]})
    assert figure._repr_png_().startswith(PNG)
    assert pickle.loads(pickle.dumps(figure))._repr_png_().startswith(PNG)


def outputs(*cells):
    """The outputs of cells, run by a fresh kernel as nbconvert runs them."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_fresh_kernel_shows_a_plot_as_an_image():
    pytest.importorskip("matplotlib")
    for (output,) in outputs(HISTORY, "lm.plot.confusion([0, 1, 1], [0, 1, 0])"):
        assert base64.b64decode(output.data["image/png"]).startswith(PNG)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_saved_notebook_holds_the_last_state_of_a_fit_once_and_of_predict_nothing():
    (found,) = outputs(FIT)
    streams = "".join(o.text for o in found if o.output_type == "stream")
    assert streams == "before\n(2, 1)\n"
    (shown,) = [o.data["text/plain"] for o in found if o.output_type == "display_data"]
    assert [line[:9] for line in shown.splitlines()] == ["Epoch 1/3", "Epoch 2/3", "Epoch 3/3"]
    assert all(len(line) <= progress.NOTEBOOK_COLUMNS for line in shown.splitlines())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_saved_notebook_holds_the_last_live_curves_once_and_the_history_as_a_table():
    pytest.importorskip("matplotlib")
    _, shown = outputs(FIT, LIVE)
    curves, history = shown
    assert base64.b64decode(curves.data["image/png"]).startswith(PNG)
    assert "3 epochs" in history.data["text/html"] and "<svg" in history.data["text/html"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_fresh_kernel_shows_models_and_tensors_as_tables():
    _, (model,), (tensor,) = outputs(FIT, "model", "lm.asarray(x[:3, :2])")
    assert "Total params: 11,001" in model.data["text/html"]
    assert "float32[3, 2]" in tensor.data["text/html"]
    assert tensor.data["text/plain"].startswith("Tensor(")
