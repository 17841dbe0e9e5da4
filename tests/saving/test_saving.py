"""Files of models and weights: what goes in comes out, and nothing else is taken for one."""

import contextlib
import io
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, FileFormatError, ShapeError, UnknownNameError
from lamina.saving import container

X = np.random.Generator(np.random.Philox(2)).normal(size=(60, 4)).astype(np.float32)
Y = np.arange(60) % 3


def classifier(**compiled):
    model = lm.Sequential(
        [
            lm.Input(shape=(4,)),
            lm.layers.Dense(5, "relu", kernel_regularizer="l2", name="hidden"),
            lm.layers.Dropout(0.2),
            lm.layers.Dense(3, "softmax"),
        ]
    )
    usual = {"optimizer": "adam", "loss": "sparse_categorical_crossentropy"}
    model.compile(**{**usual, "metrics": ["accuracy"], **compiled})
    return model


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.lamina"


# ---- whole models ------------------------------------------------------------------------------
def test_a_model_comes_back_as_it_was(path):
    model = classifier()
    model.fit(X, Y, epochs=2, seed=1, verbose=0)
    model.save(path)
    loaded = lm.load_model(path)
    assert same(model, loaded)
    assert np.array_equal(model.predict(X), loaded.predict(X))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert loaded.layers[0].kernel.regularizer is not None
    assert loaded.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    for each in (model, loaded):  # the optimizer continues where it was
        each.fit(X, Y, epochs=3, initial_epoch=2, seed=1, verbose=0)
    assert same(model, loaded)


def test_a_new_process_reads_a_model_before_it_uses_any_class(path):
    """Of each family of classes, none of which it has imported."""
    model = lm.Sequential(
        [
            lm.Input((4,)),
            lm.layers.Dense(
                3,
                lm.activations.gelu,
                kernel_regularizer=lm.regularizers.L2(0.1),
                kernel_constraint=lm.constraints.MaxNorm(2.0),
                kernel_initializer=lm.initializers.HeNormal(),
            ),
        ]
    )
    rate = lm.optimizers.schedules.CosineDecay(0.1, 10)
    metrics = [lm.metrics.MeanAbsoluteError()]
    model.compile(lm.optimizers.AdamW(rate), lm.losses.Huber(), metrics=metrics)
    model.save(path)
    program = "import sys, lamina as lm; print(lm.load_model(sys.argv[1]).count_params())"
    arguments = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["15"], done.stderr


def test_the_same_model_gives_the_same_bytes(tmp_path):
    model = classifier()
    contents = []
    for name in ("a.lamina", "b.lamina"):
        model.save(tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


COMPILED = {
    "names": {"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", "metrics": ["acc"]},
    "objects": {
        "optimizer": lm.optimizers.AdamW(
            lm.optimizers.schedules.ExponentialDecay(0.01, 100, 0.9), weight_decay=0.1
        ),
        "loss": lm.losses.SparseCategoricalCrossentropy(ignore_class=2),
        "metrics": [lm.metrics.SparseTopKCategoricalAccuracy(k=2, name="two")],
        "weighted_metrics": ["accuracy"],
    },
}


@pytest.mark.parametrize("how", COMPILED)
def test_the_arguments_of_compile_are_restored(path, how):
    model = classifier(**COMPILED[how])
    model.fit(X, Y, verbose=0)
    model.save(path)
    loaded = lm.load_model(path)
    assert type(loaded.optimizer) is type(model.optimizer)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert loaded.evaluate(X, Y, verbose=0, return_dict=True) == pytest.approx(
        model.evaluate(X, Y, verbose=0, return_dict=True)
    )


def test_functional_models_and_shared_layers(path):
    left, right = lm.Input(shape=(4,), name="left"), lm.Input(shape=(4,), name="right")
    shared = lm.layers.Dense(3, "tanh", name="shared")
    joined = lm.layers.Add()([shared(left), shared(right)])
    model = lm.Model([left, right], [joined, lm.layers.Dense(1, name="out")(joined)])
    model.save(path)
    loaded = lm.load_model(path)
    assert loaded.count_params() == model.count_params() == 4 * 3 + 3 + 3 + 1
    for a, b in zip(model.predict([X, X]), loaded.predict([X, X]), strict=True):
        assert np.array_equal(a, b)
    with pytest.raises(lm.errors.StateError):
        loaded.fit([X, X], [X[:, :3], X[:, :1]])


class TimesFactor(lm.layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


def test_custom_layers_need_their_class(path):
    lm.Sequential([lm.Input(shape=(4,)), TimesFactor(3.0)]).save(path)
    assert np.array_equal(lm.load_model(path).predict(X), X * 3)
    content = path.read_bytes().replace(b"TimesFactor", b"FactorTimes")
    path.write_bytes(resealed(content))
    with pytest.raises(UnknownNameError, match=r"FactorTimes(.|\n)*custom_objects"):
        lm.load_model(path)

    class FactorTimes(TimesFactor):
        pass

    loaded = lm.load_model(path, custom_objects={"FactorTimes": FactorTimes})
    assert type(loaded.layers[-1]) is FactorTimes


class OneDense(lm.Model):
    def __init__(self, units=3):
        super().__init__()
        self.dense = lm.layers.Dense(units)

    def call(self, x):
        return self.dense(x)


def test_subclassed_models_are_built_again(path):
    model = OneDense(units=2)
    model.predict(X)
    model.save(path)
    assert np.array_equal(lm.load_model(path).predict(X), model.predict(X))


# ---- what cannot be said without code ----------------------------------------------------------
def test_functions_are_refused_with_advice(path):
    model = lm.Sequential([lm.Input(shape=(4,)), lm.layers.Lambda(lambda x: x + 1, name="plus")])
    with pytest.raises(ArgumentError, match=r"plus.*never hold code(.|\n)*write a Layer"):
        model.save(path)
    assert not path.exists()


def mean_error(y, p):
    return lm.mean(lm.abs(lm.cast(y, "float32")[:, None] - p), axis=-1)


def halved(x):
    return x / 2


def slower(step):
    return 0.1 / (1.0 + step)


OWN = {"mean_error": mean_error, "halved": halved, "slower": slower}


def with_functions():
    model = lm.Sequential([
        lm.Input((4,)),
        lm.layers.Dense(3, activation=halved),
        lm.layers.Activation(halved),
        lm.layers.Lambda(halved),
        lm.layers.Dense(1),
    ])  # fmt: skip
    model.compile(lm.optimizers.SGD(slower), mean_error, metrics=[mean_error])
    return model


def test_custom_functions_are_written_by_name_and_taken_from_custom_objects(path):
    model = with_functions()
    model.fit(X, Y, epochs=2, verbose=0, seed=1)
    model.save(path)
    loaded = lm.load_model(path, custom_objects=OWN)
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert loaded.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    for each in (model, loaded):
        each.fit(X, Y, epochs=4, initial_epoch=2, verbose=0, seed=1)
    assert same(model, loaded)
    loaded.save(path)
    with lm.keras.saving.custom_object_scope(OWN):
        assert same(loaded, lm.load_model(path))


def test_a_missing_function_is_named_with_what_to_pass(path):
    model = with_functions()
    model.save(path)
    with pytest.raises(UnknownNameError, match=r"'halved'(.|\n)*\{'halved': halved\}"):
        lm.load_model(path)
    known = {"halved": halved}
    with pytest.raises(UnknownNameError, match=r"'(slower|mean_error)'(.|\n)*compile=False"):
        lm.load_model(path, custom_objects=known)
    assert same(lm.load_model(path, custom_objects=known, compile=False), model)


def test_registered_functions_need_no_custom_objects(path):
    @lm.keras.saving.register_keras_serializable("tests")
    def doubled(x):
        return x * 2

    model = lm.Sequential([lm.Input((4,)), lm.layers.Activation(doubled)])
    model.save(path)
    assert np.array_equal(lm.load_model(path).predict(X), 2 * X)


def test_own_classes_inside_of_layers_are_taken_from_custom_objects(path):
    class Large(lm.regularizers.Regularizer):
        def __call__(self, x):
            return lm.max(lm.abs(x))

    lm.Sequential([lm.Input((4,)), lm.layers.Dense(3, kernel_regularizer=Large())]).save(path)
    path.write_bytes(resealed(path.read_bytes().replace(b"Large", b"Huge_")))
    with pytest.raises(UnknownNameError, match="Huge_"):
        lm.load_model(path)
    loaded = lm.load_model(path, custom_objects={"Huge_": Large})
    assert type(loaded.layers[0].kernel.regularizer) is Large


def test_a_loss_that_is_a_lambda_is_left_out_with_a_warning(path):
    model = classifier(loss=lambda y, p: lm.mean(p, axis=-1), metrics=None)
    with pytest.warns(UserWarning, match="left out: call compile again"):
        model.save(path)
    assert not lm.load_model(path).compiled


def test_an_unbuilt_model_has_nothing_to_save(path):
    with pytest.raises(lm.errors.NotBuiltError):
        lm.Sequential([lm.layers.Dense(1)]).save(path)


@pytest.mark.parametrize("name", ["model.weights.h5", "model"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(ArgumentError, match=r"\.lamina"):
        classifier().save(tmp_path / name)


def test_a_model_named_h5_is_written_with_a_warning_and_read_again(tmp_path):
    model = classifier()
    with pytest.warns(UserWarning, match="Keras 2"):
        model.save(tmp_path / "model.h5")
    again = lm.load_model(tmp_path / "model.h5")
    assert again.count_params() == model.count_params()


# ---- whole or not at all -----------------------------------------------------------------------
def test_the_old_file_stays_if_writing_fails(path, monkeypatch):
    path.write_bytes(b"before")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        classifier().save(path)
    assert path.read_bytes() == b"before"
    assert os.listdir(path.parent) == [path.name]


def test_overwriting_can_be_refused(path):
    classifier().save(path)
    with pytest.raises(FileExistsError):
        classifier().save(path, overwrite=False)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_saved_model_is_readable_by_other_users(path):
    before = os.umask(0o022)
    try:
        classifier().save(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_model_that_is_too_large_to_be_read_again_is_not_saved(path):
    model = lm.Sequential([lm.layers.Activation("relu") for _ in range(4100)])
    model.build((None, 4))
    with pytest.raises(ArgumentError, match=r"4,\d+ layers, calls and the like, expected at most"):
        model.save(path)
    assert not path.exists()


def test_a_name_with_a_nul_character_is_refused_in_saving_and_loading(tmp_path):
    for act in (classifier().save, classifier().load_weights, lm.load_model):
        with pytest.raises(ArgumentError, match="NUL"):
            act(f"{tmp_path}/a\0.lamina")


# ---- bad files ---------------------------------------------------------------------------------
def resealed(content):
    """The archive with its sums made right again, as by someone who changes it on purpose."""
    import hashlib

    parts = {}
    source = io.BytesIO(content)
    with zipfile.ZipFile(source) as archive:
        for info in archive.infolist():
            parts[info.filename] = _raw(content, info)
    manifest = json.loads(parts[container.MANIFEST])
    manifest["sha256"] = {
        name: hashlib.sha256(part).hexdigest()
        for name, part in parts.items()
        if name != container.MANIFEST
    }
    parts[container.MANIFEST] = json.dumps(manifest).encode()
    return archived(parts)


def _raw(content, info):
    start = info.header_offset + 30 + len(info.filename)
    return content[start : start + info.file_size]


def archived(parts, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def content_of(model, tmp_path):
    model.save(tmp_path / "whole.lamina")
    return (tmp_path / "whole.lamina").read_bytes()


def test_every_cut_and_every_flipped_byte_is_found(tmp_path, path):
    content = content_of(classifier(), tmp_path)
    random = np.random.default_rng(0)
    for cut in random.integers(0, len(content), 60):
        path.write_bytes(content[:cut])
        with pytest.raises(FileFormatError):
            lm.load_model(path)
    model = lm.load_model(tmp_path / "whole.lamina")
    for place in random.integers(0, len(content), 200):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with contextlib.suppress(FileFormatError):
            assert same(lm.load_model(path), model)  # bytes that mean nothing, such as a date


def of_version(content, version):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts[container.MANIFEST]) | {"version": version, "lamina": "9.9"}
    return archived({**parts, container.MANIFEST: json.dumps(manifest).encode()})


BAD = {
    "nothing": (lambda whole: b"", "an empty file"),
    "text": (lambda whole: b"a text", "not a model"),
    "HDF5": (lambda whole: b"\x89HDF\r\n\x1a\n...", "HDF5"),
    "a pickle": (lambda whole: b"\x80\x04\x95.", "never read"),
    "another archive": (lambda whole: archived({"data.pkl": b"x"}), "no model of Lamina"),
    "a newer version": (lambda whole: of_version(whole, 2), "Lamina 9.9"),
    "a file more": (
        lambda whole: archived({"manifest.json": b"{}", "run.py": b"x"}),
        "no model of Lamina",
    ),
    "compressed": (
        lambda whole: archived({"manifest.json": b"{}" * 9999}, zipfile.ZIP_DEFLATED),
        "no model of Lamina",
    ),
    "nested too deep": (
        lambda whole: archived({"manifest.json": b"[" * 100_000 + b"]" * 100_000}),
        "damaged",
    ),
    "weights alone": (
        lambda whole: container.to_safetensors({"a": np.ones(3)}),
        "load_weights",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_files_that_are_not_models_raise_by_their_kind(kind, path, tmp_path):
    make, message = BAD[kind]
    path.write_bytes(make(content_of(classifier(), tmp_path)))
    with pytest.raises(FileFormatError, match=message):
        lm.load_model(path)


def test_descriptions_that_say_nonsense_are_refused(path, tmp_path):
    content = content_of(classifier(), tmp_path)
    for before, after in ((b'"units": 5', b'"units": 6'), (b'"rate": 0.2', b'"rote": 0.2')):
        assert before in content
        path.write_bytes(resealed(content.replace(before, after)))
        with pytest.raises((FileFormatError, ShapeError, UnknownNameError)):
            lm.load_model(path)


def test_a_missing_file_names_its_neighbors(tmp_path):
    classifier().save(tmp_path / "mnist.lamina")
    with pytest.raises(FileNotFoundError, match=r"there are mnist\.lamina"):
        lm.load_model(tmp_path / "mnits.lamina")
    with pytest.raises(FileFormatError, match="is a folder"):
        lm.load_model(tmp_path)


# ---- weights -----------------------------------------------------------------------------------
def test_weights_by_path(tmp_path):
    from safetensors.numpy import load_file

    model, other = classifier(), classifier()
    model.save_weights(tmp_path / "w.safetensors")
    names = {"hidden/kernel", "hidden/bias", "dense/kernel", "dense/bias"}
    assert set(load_file(tmp_path / "w.safetensors")) == names
    other.load_weights(tmp_path / "w.safetensors")
    assert same(model, other)
    model.save(tmp_path / "m.lamina")
    classifier().load_weights(tmp_path / "m.lamina")


def test_weights_of_another_model_change_nothing(tmp_path):
    wider = lm.Sequential([lm.Input(shape=(4,)), lm.layers.Dense(7, name="hidden")])
    wider.save_weights(tmp_path / "w.safetensors")
    model = classifier()
    before = model.get_weights()
    with pytest.raises(ShapeError) as raised:
        model.load_weights(tmp_path / "w.safetensors")
    assert "hidden/kernel: shape (4, 7) in the file, (4, 5) in the model" in str(raised.value)
    assert "dense/kernel (5, 3) is not in the file" in str(raised.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.load_weights(tmp_path / "w.safetensors", skip_mismatch=True)


def test_damaged_weights(tmp_path):
    model = classifier()
    file = tmp_path / "w.safetensors"
    model.save_weights(file)
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(FileFormatError, match="truncated or damaged"):
        model.load_weights(file)
    with pytest.raises(ArgumentError, match=r"\.safetensors"):
        model.save_weights(tmp_path / "w.h5")


# ---- names -------------------------------------------------------------------------------------
def test_names_that_programs_for_keras_use_without_h5py(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    model, other = classifier(), classifier()
    with pytest.warns(UserWarning, match=r"Lamina's own format.*'\.lamina' would say so"):
        model.save(tmp_path / "m.keras")
    assert same(model, lm.load_model(tmp_path / "m.keras"))
    with pytest.warns(UserWarning, match="safetensors, not HDF5"):
        model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    assert same(model, other)


@pytest.mark.parametrize("weights", [False, True])
def test_a_checkpoint_of_another_ending_is_refused_before_training(weights):
    wanted = r"model\.save_weights\('best\.safetensors" if weights else r"save\('best\.lamina'"
    with pytest.raises(ArgumentError, match=wanted):
        lm.callbacks.ModelCheckpoint("best.h5" if weights else "best", save_weights_only=weights)
