"""Files that were damaged or made to do harm: one clear error, little time and memory, and nothing
else of the machine is touched."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import hostile
import hostile_classes
import lamina as lm
import mutations
from lamina.errors import FileFormatError

posix = pytest.mark.skipif(sys.platform == "win32", reason="forks")


def small_model():
    model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(5, "relu"), lm.layers.Dense(3)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.fixture
def content(tmp_path):
    small_model().save(tmp_path / "small.lamina")
    return (tmp_path / "small.lamina").read_bytes()


# ---- archives ----------------------------------------------------------------------------------
def repeated(content, times):
    """The archive, whose directory has each entry several times."""
    at = int.from_bytes(content[-6:-2], "little")
    directory = content[at:-22] * times
    count = min(len(directory) // 46, 0xFFFF).to_bytes(2, "little")
    end = content[-22:-14] + 2 * count + len(directory).to_bytes(4, "little") + content[-6:]
    return content[:at] + directory + end


def overlapping(content):
    """The archive, whose second entry begins where the first does."""
    at = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    return content[: at + 42] + bytes(4) + content[at + 46 :]


def flipped(content, place, bit):
    changed = bytearray(content)
    changed[place] ^= bit
    return bytes(changed)


ARCHIVES = {
    "1,000 entries of one member": lambda content: repeated(content, 1000),
    "each entry twice": lambda content: repeated(content, 2),
    "entries that overlap": overlapping,
    "a directory at a negative place": lambda content: flipped(content, -5, 8),
    "something behind the end": lambda content: content + b"x",
    "something in front": lambda content: b"x" + content,
    "a comment": lambda content: content[:-2] + b"\x01\x00x",
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_archives_of_another_structure_are_refused_before_they_are_read(kind, content, tmp_path):
    path = tmp_path / "evil.lamina"
    path.write_bytes(ARCHIVES[kind](content))
    with pytest.raises(FileFormatError, match=r"evil\.lamina: .*(damaged|not a model)"):
        lm.load_model(path)


# ---- numbers that ask for time or memory ------------------------------------------------------
def layer(class_name, **config):
    return {"module": "lamina.layers", "class_name": class_name, "config": config}


def with_layer(written, shape=None):
    def change(model):
        layers = model["model"]["config"]["layers"]
        layers.insert(1, written)
        if shape is not None:
            layers[0]["config"] = {"batch_shape": [None, *shape], "name": "inputs"}

    return change


def with_metric(class_name, **config):
    written = {"module": "lamina.metrics", "class_name": class_name, "config": config}

    def change(model):
        model["compile"]["metrics"] = [{"is": {"label": "m", "metric": written}}]

    return change


def matryoshka(model):
    """Models inside of models, each called twice by the next: 2^20 calls of the innermost layer."""
    inner = layer("Activation", activation="relu", name="leaf")
    for depth in range(20):
        inputs = layer("InputLayer", batch_shape=[None, 4], name=f"i{depth}")
        calls = [
            {"layer": 0, "args": [], "kwargs": {}},
            {"layer": 1, "args": [{"from": [0, 0]}], "kwargs": {}},
            {"layer": 1, "args": [{"from": [1, 0]}], "kwargs": {}},
        ]
        ends = {"inputs": {"from": [0, 0]}, "outputs": {"from": [2, 0]}}
        inner = layer("Model", name=f"m{depth}", layers=[inputs, inner], calls=calls, **ends)
    model["model"] = inner


GREEDY = {
    "units of 10^7": with_layer(layer("Dense", units=10**7)),
    "units of 10^9": with_layer(layer("Dense", units=10**9)),
    "units of 10^30": with_layer(layer("Dense", units=10**30)),
    "zeros, 10^9 of them": with_layer(
        layer("Dense", units=10**9, kernel_initializer="zeros", bias_initializer="zeros")
    ),
    "an embedding of 10^12 rows": with_layer(layer("Embedding", input_dim=10**12, output_dim=9)),
    "an input of 10^9": with_layer(layer("Identity"), shape=(10**9,)),
    "10^9 numbers for unknown strings": with_layer(
        layer("StringLookup", num_oov_indices=10**9, vocabulary=["a"])
    ),
    "10^9 axes": with_layer(layer("ConvLSTMCell", filters=2, kernel_size=2, rank=10**9)),
    "10^9 thresholds": with_metric("AUC", num_thresholds=10**9),
    "10^5 classes": with_metric("MeanIoU", num_classes=10**5),
    "wide strings": with_layer(
        layer("Rescaling", scale={"class_name": "array", "config": {
            "value": ["a"] * 1000, "dtype": "U10000000"}})
    ),
    "a structured dtype": with_layer(
        layer("Rescaling", scale={"class_name": "array", "config": {
            "value": [1], "dtype": "(1000000000,)f8"}})
    ),
    "8,000 layers": lambda model: model["model"]["config"]["layers"].extend(
        layer("Activation", activation="relu") for _ in range(8000)
    ),
    "calls in powers of two": matryoshka,
    "nested 500 deep": lambda model: model["model"]["config"].update(
        layers=json.loads("[" * 500 + "]" * 500)
    ),
}  # fmt: skip


def greedy_files(folder):
    source = folder / "small.lamina"
    small_model().save(source)
    content = source.read_bytes()
    for name, change in GREEDY.items():
        yield name, hostile.rewritten(content, change)
    yield (
        "30 MB of JSON",
        hostile.rewritten(content, lambda model: model.update(more=[0] * 10_000_000)),
    )
    members = hostile.parts(content)
    members["model.json"] = b"[" * 15_000_000 + b"]" * 15_000_000
    yield "nested without end", hostile.sealed(members)
    yield "5 MB of entries", repeated(content, 20_000)


def watch_greedy_files(folder):
    path = str(folder / "evil.lamina")
    for name, result in hostile.results(greedy_files(folder), lm.load_model, path):
        print(json.dumps([name, result.outcome, result.seconds, result.peak, result.message]))


@posix
def test_files_that_ask_for_much_are_refused_in_a_second_and_200_mb(tmp_path):
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(GREEDY) + 3, done.stderr
    for name, outcome, seconds, peak, message in rows:
        assert outcome == "refused", (name, outcome, message)
        assert seconds < 1 and peak < 200, (name, seconds, peak)


def test_weights_that_the_file_holds_are_not_drawn_and_others_are(tmp_path, monkeypatch):
    class Hidden(lm.layers.Layer):
        """A layer with another one inside that is not tracked, and that no file holds."""

        _unseen = lm.layers.Layer._unseen | {"inner"}

        def build(self, input_shape):
            self.inner = lm.layers.Dense(2, use_bias=False)
            self.inner.build(input_shape)

        def call(self, x):
            return self.inner(x)

    model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(5), Hidden()])
    model.save(tmp_path / "m.lamina")
    draw, drawn = lm.initializers.GlorotUniform.__call__, []

    def counted(self, shape, dtype=None):
        drawn.append(tuple(shape))
        return draw(self, shape, dtype)

    monkeypatch.setattr(lm.initializers.GlorotUniform, "__call__", counted)
    loaded = lm.load_model(tmp_path / "m.lamina", custom_objects={"Hidden": Hidden})
    assert drawn == [(5, 2)]
    assert loaded.layers[-1].inner.kernel.numpy().all()


def causal():
    inputs = lm.Input((4096, 4))
    attended = lm.layers.MultiHeadAttention(1, 2)(inputs, inputs, use_causal_mask=True)
    return lm.Model(inputs, attended)


LARGE_WORK = {
    "resizing 2048 images": lambda: lm.Sequential(
        [lm.Input((2048, 2048, 1)), lm.layers.Resizing(1024, 1024)]
    ),
    "a causal mask of 4096 steps": causal,
    "100 unrolled steps": lambda: lm.Sequential(
        [lm.Input((100, 2)), lm.layers.LSTM(2, unroll=True)]
    ),
    "64 x 64 adaptive windows": lambda: lm.Sequential(
        [lm.Input((100, 100, 1)), lm.layers.AdaptiveAveragePooling2D(64)]
    ),
    "average pooling of 4096 images": lambda: lm.Sequential(
        [lm.Input((4096, 4096, 1)), lm.layers.AveragePooling2D(3, 2, padding="same")]
    ),
}


@pytest.mark.parametrize("kind", LARGE_WORK)
def test_small_files_of_layers_with_much_work_are_read(kind, tmp_path):
    model = LARGE_WORK[kind]()
    model.save(tmp_path / "m.lamina")
    loaded = lm.load_model(tmp_path / "m.lamina")
    assert loaded.output_shape == model.output_shape


# ---- random changes ----------------------------------------------------------------------------
@posix
def test_mutated_files_are_read_as_they_were_or_refused_with_one_clear_error(tmp_path):
    done = subprocess.run(
        [sys.executable, mutations.__file__, "--files", "300", "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=500,
    )
    *findings, last = done.stdout.splitlines() or [done.stderr]
    assert not findings, done.stdout[:5000]
    assert last.startswith("300 files: "), done.stderr


@pytest.mark.parametrize("kind", mutations.MODELS)
def test_changed_texts_of_models_are_read_or_refused_with_one_clear_error(kind):
    chance = random.Random(5)
    described = json.loads(mutations.MODELS[kind]().to_json())
    small = [v for v in mutations.VALUES if v != 10**7 and v != 10**9]  # the text has no weights
    refused = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mutations, "VALUES", small)
        for _ in range(60):
            text = json.dumps(mutations.changed_value(json.loads(json.dumps(described)), chance))
            if "1000000" in text or "100000000" in text:
                continue
            try:
                lm.models.model_from_json(text)
            except lm.errors.LaminaError:
                refused += 1
    assert refused > 10
    for text in ("", "{", "null", "[" * 100_000, "x" * 20):
        with pytest.raises(lm.errors.LaminaError):
            lm.models.model_from_json(text)


# ---- files name no files -----------------------------------------------------------------------
LOOKUPS = ["StringLookup", "IntegerLookup", "TextVectorization"]


@pytest.mark.parametrize("name", LOOKUPS)
def test_a_model_file_cannot_name_a_vocabulary_file(name, content, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("12\n34\n")
    written = {
        "module": "lamina.layers",
        "class_name": name,
        "config": {"vocabulary": str(secret), "name": "v"},
        "registered_name": None,
    }
    path = tmp_path / "evil.lamina"
    path.write_bytes(
        hostile.rewritten(content, lambda m: m["model"]["config"]["layers"].insert(0, written))
    )
    with pytest.raises(FileFormatError, match=r"never names a file to open"):
        lm.load_model(path)


def run_sweep(kind, folder):
    """The findings of a sweep over all classes, in a separate process, and the number of files."""
    done = subprocess.run(
        [sys.executable, hostile_classes.__file__, kind, str(folder)],
        capture_output=True,
        text=True,
        timeout=500,
    )
    *findings, last = done.stdout.splitlines() or [done.stderr]
    return findings, int(last.split()[0])


@posix
def test_no_class_in_a_model_file_opens_imports_or_starts_anything(tmp_path):
    findings, count = run_sweep("paths", tmp_path)
    assert not findings, findings[:10]
    assert count > 2000


@posix
def test_no_argument_of_any_class_in_a_model_file_takes_a_second_or_200_mb(tmp_path):
    findings, count = run_sweep("numbers", tmp_path)
    assert not findings, findings[:10]
    assert count > 2000


if __name__ == "__main__":
    watch_greedy_files(Path(sys.argv[1]))
