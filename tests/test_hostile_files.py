"""Files that were damaged or made to do harm: one clear error, little time and memory, and nothing
else of the machine is touched."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import hostile
import lamina as lm
import mutations
from lamina import configuration
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
    """The archive, whose directory has each entry so many times."""
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
        [sys.executable, __file__, "greedy", str(tmp_path)],
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
        """A layer with another one inside that nobody sees, and no file holds."""

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


def classes():
    """The classes of Lamina that a file may name, with their family."""
    hostile.load_everything()
    for (family, name), references in configuration._CLASSES.items():
        for cls in filter(None, (reference() for reference in references)):
            if cls.__module__.startswith("lamina.") and not name.startswith("custom>"):
                yield family, cls


REQUIRED = {
    "rate": 0.5,
    "cell": {"class_name": "SimpleRNNCell", "module": "lamina.layers", "config": {"units": 2}},
    "layer": {"class_name": "Dense", "module": "lamina.layers", "config": {"units": 2}},
    "equation": "ab,bc->ac",
}
TARGETS = ["/canary.txt"]


def configurations(cls):
    """Configurations of a class, each with a path, a function's name or an address in one place."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    needed = {
        p.name: REQUIRED.get(p.name, 2)
        for p in parameters
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    }
    for parameter in parameters:
        if parameter.kind is not parameter.VAR_KEYWORD:
            for target in TARGETS:
                yield {**needed, parameter.name: target}
            yield {**needed, parameter.name: {"class_name": "os.system", "config": "/canary.txt"}}


def placed(model, family, written):
    """Put a written object into a model's description, where its family belongs."""
    if family == "lamina.layers":
        model["model"]["config"]["layers"].insert(1, written)
    elif family in ("lamina.losses", "lamina.metrics"):
        model["compile"]["loss"] = {"is": written}
    elif family == "lamina.schedules":
        model["compile"]["optimizer"]["config"]["learning_rate"] = written
    elif family == "lamina.optimizers":
        model["compile"]["optimizer"] = written
    else:
        key = {"lamina.constraints": "kernel_constraint", "lamina.regularizers": "bias_regularizer"}
        argument = key.get(family, "kernel_initializer")
        model["model"]["config"]["layers"][1]["config"][argument] = written


def watch_every_class(folder):
    """Every class with every argument, in a process of its own: see `__main__` below."""
    source = folder / "small.lamina"
    small_model().save(source)
    content = source.read_bytes()

    def cases():
        for family, cls in list(classes()):
            name = cls.__name__
            for config in configurations(cls):
                written = {"module": family, "class_name": name, "config": config}
                yield (
                    f"{name} {config}",
                    hostile.rewritten(content, lambda m, f=family, w=written: placed(m, f, w)),
                )

    count = 0
    path = str(folder / "evil.lamina")
    for name, result in hostile.results(cases(), lm.load_model, path, apart=False):
        count += 1
        if result.events:
            print(f"{name}: {result.events}")
    print(f"{count} files")


@posix
def test_no_class_in_a_model_file_opens_imports_or_starts_anything(tmp_path):
    done = subprocess.run(
        [sys.executable, __file__, "classes", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    *events, last = done.stdout.splitlines() or [done.stderr]
    assert not events, done.stdout[:3000]
    assert int(last.split()[0]) > 1000


if __name__ == "__main__":
    watch = {"classes": watch_every_class, "greedy": watch_greedy_files}
    watch[sys.argv[1]](Path(sys.argv[2]))
