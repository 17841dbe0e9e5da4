"""Files of Keras in both directions.

The files in keras_files/ were written by Keras 3.15.1; each .json has what Keras predicts for the
inputs that `inputs` makes.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import hostile
import lamina as lm
from lamina.errors import FileFormatError, UnknownNameError

h5py = pytest.importorskip("h5py")
L = lm.layers
FILES = Path(__file__).parent / "keras_files"
NAMES = ["conv", "attention", "sequence", "shared"]


def inputs(model):
    generator = np.random.default_rng(0)

    def drawn(tensor):
        shape = tensor.shape[1:]
        if tuple(shape) == (6,):
            return generator.integers(0, 7, (2, 6))
        return generator.normal(size=(2, *shape)).astype("float32")

    given = model.inputs[0] if isinstance(model, lm.Sequential) else model.input
    return {k: drawn(v) for k, v in given.items()} if isinstance(given, dict) else drawn(given)


def predicted(model):
    result = model.predict(inputs(model), verbose=0)
    return result if isinstance(result, dict) else {"y": result}


def check_predictions(model, name):
    expected = json.loads((FILES / f"{name}.json").read_text())
    for key, value in predicted(model).items():
        np.testing.assert_allclose(value, expected[key], atol=2e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_of_keras_predicts_what_keras_predicts(name):
    check_predictions(lm.load_model(FILES / f"{name}.keras"), name)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_written_for_keras_is_read_again(name, tmp_path):
    model = lm.load_model(FILES / f"{name}.keras")
    model.save(tmp_path / "m.keras")
    check_predictions(lm.load_model(tmp_path / "m.keras"), name)


@pytest.mark.parametrize("name", NAMES)
def test_layers_and_weights_are_written_in_the_groups_of_keras(name, tmp_path):
    lm.load_model(FILES / f"{name}.keras").save(tmp_path / "m.keras")
    one, other = (structure(path / f"{n}.keras") for path, n in ((FILES, name), (tmp_path, "m")))
    assert one == other


def structure(path):
    """The order of layers, and names and shapes of arrays, in a .keras file."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))["config"]
        found = {}

        def visit(place, each):
            if isinstance(each, h5py.Dataset) and not place.startswith("optimizer/"):
                found[place] = each.shape

        with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
            file.visititems(visit)
    layers = [(each["class_name"], each["config"]["name"]) for each in config["layers"]]
    return layers, found


@pytest.mark.parametrize("ending", [".weights.h5", ".h5"])
def test_weights_of_keras_are_read_into_a_model(ending):
    model = lm.load_model(FILES / "sequence.keras")
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    model.load_weights(FILES / f"sequence{ending}")
    check_predictions(model, "sequence")


def test_the_state_of_the_optimizer_is_read(tmp_path):
    model = lm.load_model(FILES / "conv.keras")
    assert int(model.optimizer.variables[0].numpy()) == 1
    model.save(tmp_path / "m.keras")
    again = lm.load_model(tmp_path / "m.keras")
    for one, other in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_model_that_keras_cannot_describe_is_written_for_lamina_with_a_warning(tmp_path):
    a = lm.Input((4,))
    model = lm.Model(a, L.Dense(2)(a * 2 + 1))
    with pytest.warns(UserWarning, match=r"operations between layers.*'\.lamina' would say so"):
        model.save(tmp_path / "m.keras")
    x = np.ones((2, 4), np.float32)
    again = lm.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


# ---- what is refused ---------------------------------------------------------------------------
def changed(tmp_path, change, name="sequence"):
    """A .keras file whose description is what `change` makes of it."""
    members = hostile.parts((FILES / f"{name}.keras").read_bytes())
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    path = tmp_path / "changed.keras"
    path.write_bytes(hostile.archived(members))
    return path


@pytest.mark.parametrize("kind", ["Lambda", "__lambda__"])
def test_code_in_a_file_of_keras_is_refused(kind, tmp_path):
    code = {"module": "keras.layers", "class_name": kind, "config": {"value": "code"}}
    path = changed(tmp_path, lambda c: c["config"]["layers"].insert(1, code))
    with pytest.raises(FileFormatError, match=r"changed\.keras: .*code.*never run"):
        lm.load_model(path)


@pytest.mark.parametrize(
    ("module", "name"), [("os", "system"), ("keras.utils", "get_file"), ("keras.layers", "Lam")]
)
def test_classes_that_lamina_lacks_are_named(module, name, tmp_path):
    other = {"module": module, "class_name": name, "config": {}}
    path = changed(tmp_path, lambda c: c["config"]["layers"].insert(1, other))
    with pytest.raises(UnknownNameError, match=f"changed.keras: .*{name}"):
        lm.load_model(path)


def external_link(file):
    file["layers/dense/vars/9"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(file):
    file["layers/dense/vars/9"] = h5py.SoftLink("/layers/lstm")


def virtual(file):
    layout = h5py.VirtualLayout((2,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (2,))
    file.create_virtual_dataset("layers/dense/vars/9", layout)


def external_storage(file):
    file.create_dataset("layers/dense/vars/9", (2,), "f4", external=[("/etc/passwd", 0, 8)])


def unallocated(file):
    file.create_dataset("layers/dense/vars/9", (10**12,), "f4")


def compressed_zeros(file):
    options = {"chunks": (1 << 20,), "compression": "gzip"}
    file.create_dataset("layers/dense/vars/9", (10**11,), "f4", **options)


def inside_itself(file):
    file["layers/dense/again"] = file["layers"]


def strings(file):
    file["layers/dense/vars/9"] = np.array([b"a", b"b"])


HOSTILE = {
    external_link: "ExternalLink",
    soft_link: "SoftLink",
    virtual: "other files",
    external_storage: "other files",
    unallocated: "takes 4,000,000,000,000 bytes",
    compressed_zeros: "takes 400,000,000,000 bytes",
    inside_itself: "nested in itself",
    strings: "expected numbers",
}


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
def test_hdf5_files_that_reach_elsewhere_or_ask_for_much_are_refused(change, tmp_path):
    path = tmp_path / "evil.weights.h5"
    path.write_bytes((FILES / "sequence.weights.h5").read_bytes())
    with h5py.File(path, "a") as file:
        change(file)
    model = lm.load_model(FILES / "sequence.keras")
    with pytest.raises(FileFormatError, match=rf"evil\.weights\.h5: HDF5.*{HOSTILE[change]}"):
        model.load_weights(path)


class NestedForKeras(lm.Model):
    """Parts in attributes, lists and dictionaries, Sequential models among them."""

    def __init__(self):
        super().__init__()
        layers = [L.Dense(3, "relu"), L.BatchNormalization(), L.Dense(2)]
        self.block = lm.Sequential(layers)
        self.towers = [L.Dense(2), lm.Sequential([L.Dense(2)]), L.Dense(2)]
        self.heads = {"a": L.Dense(1), "b": L.LayerNormalization()}
        self.memory = L.Bidirectional(L.GRU(2))

    def call(self, x):
        x = self.block(x)
        y = self.towers[0](x) + self.towers[1](x) + self.towers[2](x)
        return self.heads["a"](self.memory(self.heads["b"](y)))


def test_weights_of_a_custom_class_are_found_by_attributes_as_in_keras(tmp_path):
    model = NestedForKeras()
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    model(x)
    model.load_weights(FILES / "nested.weights.h5")
    expected = json.loads((FILES / "nested.json").read_text())["y"]
    np.testing.assert_allclose(model(x).numpy(), expected, atol=2e-6)
    model.save_weights(tmp_path / "own.weights.h5")
    other = NestedForKeras()
    other(x)
    other.load_weights(tmp_path / "own.weights.h5")
    np.testing.assert_array_equal(other(x).numpy(), model(x).numpy())
    with h5py.File(tmp_path / "own.weights.h5") as a, h5py.File(FILES / "nested.weights.h5") as b:
        assert arrays_of(a) == arrays_of(b)


def arrays_of(file):
    found = {}
    file.visititems(
        lambda name, each: found.update({name: each.shape} if hasattr(each, "shape") else {})
    )
    return found


def test_metrics_named_accuracy_are_read_again(tmp_path):
    x, y = np.ones((8, 3), np.float32), np.arange(8) % 2
    model = lm.Sequential([lm.Input((3,)), L.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = lm.load_model(tmp_path / "m.keras")
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


@pytest.mark.parametrize("way", ["build", "call", "layers"])
def test_a_sequential_model_without_an_input_is_read_again(tmp_path, way):
    layer = L.Dense(2)
    model = lm.Sequential([layer, L.ReLU()])
    if way == "build":
        model.build((None, 3))
    elif way == "call":
        model(np.ones((2, 3)))
    else:
        layer.build((None, 3))
    model.save(tmp_path / "m.keras")
    again = lm.load_model(tmp_path / "m.keras")
    assert again.built is model.built
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())
