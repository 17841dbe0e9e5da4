"""Event files hold what was written, as TensorBoard's own reader shows it."""

import glob

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ShapeError, StateError
from lamina.events import records

READER = "tensorboard.backend.event_processing.event_accumulator"


def read(folder):
    """The file of a run, read by the package tensorboard."""
    accumulator = pytest.importorskip(READER)
    with pytest.MonkeyPatch.context():
        found = accumulator.EventAccumulator(str(folder), size_guidance={"images": 0, "tensors": 0})
        found.Reload()
    return found


def scalars(found, tag):
    from tensorboard.util import tensor_util

    if tag in found.Tags()["scalars"]:
        return [(e.step, e.value) for e in found.Scalars(tag)]
    return [(e.step, tensor_util.make_ndarray(e.tensor_proto).item()) for e in found.Tensors(tag)]


def histogram(found, tag):
    (event,) = found.Histograms(tag)
    return event.histogram_value


def trained(folder, epochs=3, **options):
    lm.set_seed(1)
    model = lm.Sequential(
        [
            lm.Input((8, 8, 1)),
            lm.layers.Conv2D(2, 3, name="conv"),
            lm.layers.Flatten(),
            lm.layers.Dense(3, name="dense"),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    board = lm.callbacks.TensorBoard(folder, **options)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 8, 8, 1)), rng.normal(size=(40, 3))
    history = model.fit(
        x, y, batch_size=8, epochs=epochs, validation_split=0.2, verbose=0, callbacks=[board]
    )
    return model, board, history


def test_the_checksum_is_that_of_rfc_3720():
    assert records.checksum(b"\0" * 32) == 0x8A9136AA
    assert records.checksum(bytes(range(32))) == 0x46DD794E


def test_metrics_of_training_and_validation_are_two_runs(tmp_path):
    _, _, history = trained(tmp_path)
    for run, prefix in (("train", ""), ("validation", "val_")):
        found = read(tmp_path / run)
        for name in ("loss", "mae"):
            expected = history.history[prefix + name]
            curve = scalars(found, f"epoch_{name}")
            assert [step for step, _ in curve] == [0, 1, 2]
            assert np.allclose([value for _, value in curve], expected)
    assert np.allclose(scalars(read(tmp_path / "train"), "epoch_learning_rate")[0][1], 0.001)


def test_batches_are_written_on_demand(tmp_path):
    trained(tmp_path, epochs=2, update_freq=2, write_steps_per_second=True)
    found = read(tmp_path / "train")
    assert [step for step, _ in scalars(found, "batch_loss")] == [2, 4, 6, 8]
    assert scalars(found, "epoch_steps_per_second")[0][1] > 0


def test_histograms_and_images_of_weights(tmp_path):
    model, _, _ = trained(tmp_path, epochs=1, histogram_freq=1, write_images=True)
    found = read(tmp_path / "train")
    kernel = model.get_layer("dense").kernel.numpy()
    value = histogram(found, "dense/kernel")
    assert value.num == sum(value.bucket) == kernel.size
    assert np.isclose(value.min, kernel.min()) and np.isclose(value.bucket_limit[-1], kernel.max())
    image = found.Images("conv/kernel/image")[0]
    assert (image.height, image.width) == (3, 6)


def test_the_graph_has_the_layers_and_their_inputs(tmp_path):
    a = lm.Input((4,), name="a")
    left, right = lm.layers.Dense(3, name="left")(a), lm.layers.Dense(3, name="right")(a)
    model = lm.Model(a, lm.layers.Add(name="sum")([left, right]))
    model.compile("sgd", "mse")
    board = lm.callbacks.TensorBoard(tmp_path)
    model.fit(np.zeros((4, 4)), np.zeros((4, 3)), verbose=0, callbacks=[board])
    graph = read(tmp_path / "train").Graph()
    inputs = {node.name: (node.op, sorted(node.input)) for node in graph.node}
    assert inputs["sum"] == ("Add", ["left", "right"])
    assert inputs["left"][0] == "Dense"


def test_hyperparameters_are_listed(tmp_path):
    trained(
        tmp_path, epochs=1, hyperparameters={"units": 32, "rate": 0.1, "act": "relu", "b": True}
    )
    pytest.importorskip(READER)
    from tensorboard.plugins.hparams import metadata

    found = read(tmp_path / "train").summary_metadata
    content = found["_hparams_/session_start_info"].plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(content)
    assert start.hparams["units"].number_value == 32
    assert start.hparams["act"].string_value == "relu"
    assert start.hparams["b"].bool_value is True


def test_texts_and_images_of_users(tmp_path):
    pytest.importorskip(READER)
    from tensorboard.util import tensor_util

    with lm.events.EventWriter(tmp_path) as writer:
        writer.text("note", "**Grüße**", 0)
        writer.image("dot", np.eye(4), 0)
        writer.scalar("x", 1e300, 1)
        writer.histogram("none", [np.nan], 2)
    found = read(tmp_path)
    words = tensor_util.make_ndarray(found.Tensors("note")[0].tensor_proto)
    assert words.item().decode() == "**Grüße**"
    with pytest.raises(ShapeError, match="expected shape"):
        writer.image("bad", np.zeros((3, 3, 2)), 0)


def test_a_resumed_training_has_one_curve(tmp_path):
    """Events after the checkpoint are removed; those of the continued training follow."""
    x, y = np.ones((16, 2), "float32"), np.ones((16, 1), "float32")

    class Stop(lm.callbacks.Callback):
        comes_last = True
        epoch = 3

        def get_state(self):
            return {}

        def on_epoch_end(self, epoch, logs=None):
            if epoch == self.epoch:
                raise RuntimeError("power cut")

    def train(stop):
        model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        model.compile("sgd", "mse")
        table = lm.callbacks.CSVLogger(tmp_path / "log.csv")
        calls = [lm.callbacks.TensorBoard(tmp_path / "logs"), table, stop]
        return model.fit(
            x, y, epochs=6, verbose=0, callbacks=calls, checkpoint=tmp_path / "run",
            every="epoch", resume=True,
        )  # fmt: skip

    with pytest.raises(RuntimeError):
        train(Stop())
    never = Stop()
    never.epoch = 99
    history = train(never)
    assert len(glob.glob(str(tmp_path / "logs" / "train" / "*"))) == 1
    curve = scalars(read(tmp_path / "logs" / "train"), "epoch_loss")
    assert [step for step, _ in curve] == [0, 1, 2, 3, 4, 5]
    assert np.allclose([value for _, value in curve], history.history["loss"])
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", *"012345"]


def test_arguments_for_unsupported_parts_warn(tmp_path):
    with pytest.warns(UserWarning, match=r"profile_batch.*inspect\.profile"):
        lm.callbacks.TensorBoard(tmp_path, profile_batch=2)
    with pytest.warns(UserWarning, match="embeddings_freq"):
        lm.callbacks.TensorBoard(tmp_path, embeddings_freq=1)


class Each(lm.callbacks.Callback):
    """Called after each batch, if `calls` are not counted with gaps."""

    def __init__(self, gaps):
        super().__init__()
        self.each_batch, self.calls = not gaps, []

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(batch)


def test_an_interval_of_batches_costs_no_call_for_each_and_gives_the_same_values(tmp_path):
    """Also if an epoch ends within an interval, and after a resume."""
    x = np.random.default_rng(0).normal(size=(23 * 4, 2)).astype("float32")

    def train(name, gaps, epochs=5, checkpoint=None, stop=None):
        lm.set_seed(1)
        model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
        model.compile("sgd", "mse")
        board = lm.callbacks.TensorBoard(tmp_path / name, update_freq=10)
        best = lm.callbacks.ModelCheckpoint(tmp_path / name / "{epoch}.lamina", save_freq=20)
        each = Each(gaps)
        calls = [board, best, each, *([stop] if stop else [])]
        options = {"checkpoint": checkpoint, "every": 7, "resume": True} if checkpoint else {}
        model.fit(
            x, x[:, :1], batch_size=4, epochs=epochs, seed=1, verbose=0, callbacks=calls, **options
        )
        (path,) = (tmp_path / name / "train").iterdir()
        return [event[9:] for event in contents(path)], each.calls

    every, calls = train("a", gaps=False)
    few, fewer = train("b", gaps=True)
    assert calls == [*range(23)] * 5 and len(fewer) < 80
    assert [batch for batch in fewer if batch == 9] == [9]  # then 19; 6 of the second epoch
    assert few == every and len([e for e in few if b"batch_loss" in e]) == 11
    assert {p.name for p in (tmp_path / "a").glob("*.lamina")} == {
        p.name for p in (tmp_path / "b").glob("*.lamina")
    }

    class Stop(lm.callbacks.Callback):
        left = 37

        def get_state(self):
            return {}

        def on_train_batch_end(self, batch, logs=None):
            self.left -= 1
            if not self.left:
                raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        train("c", gaps=True, checkpoint=tmp_path / "run", stop=Stop())
    idle = Stop()
    idle.left = 10**6
    resumed, _ = train("c", gaps=True, checkpoint=tmp_path / "run", stop=idle)
    assert resumed == every


# ---- files that something happened to ----------------------------------------------------------
def contents(path):
    data, found = path.read_bytes(), []
    while data:
        length = int.from_bytes(data[:8], "little")
        assert len(data) >= length + 16, "the file ends within a record"
        found.append(data[12 : 12 + length])
        data = data[length + 16 :]
    return found


def test_values_that_the_disk_refuses_are_kept_and_no_record_is_cut_off(tmp_path, monkeypatch):
    from lamina.events import EventWriter
    from lamina.events import writer as module

    real = open
    with EventWriter(tmp_path, "tfevents") as earlier:
        earlier.scalar("a", 1.0, 0)
    writer = EventWriter(tmp_path, "tfevents")

    def half(path, mode):
        file = real(path, mode, buffering=0)
        write = file.write

        class Cut:
            def __enter__(self):
                return self

            def __exit__(self, *exception):
                file.close()

            def write(self, content):
                write(bytes(content)[:5])
                raise OSError(28, "No space left on device", str(path))

            def __getattr__(self, name):
                return getattr(file, name)

        return Cut()

    writer.scalar("a", 2.0, 1)
    with monkeypatch.context() as patch:
        patch.setattr(module, "open", half, raising=False)
        with pytest.raises(OSError, match="No space left"):
            writer.flush()
    writer.scalar("a", 3.0, 2)
    writer.flush()
    assert len(contents(writer.path)) == 4  # the version, and three values


def test_an_event_file_that_was_removed_or_cut_off_is_continued_with_whole_records(tmp_path):
    from lamina.events import EventWriter

    writer = EventWriter(tmp_path, "tfevents")
    writer.scalar("a", 1.0, 0)
    length = writer.flush()
    writer.path.write_bytes(writer.path.read_bytes()[:-3])
    again = EventWriter(tmp_path, "tfevents")
    again.truncate(length)
    again.scalar("a", 2.0, 1)
    again.flush()
    assert len(contents(again.path)) == 2
    again.path.unlink()
    again.scalar("a", 3.0, 2)
    again.flush()
    assert len(contents(again.path)) == 2


def test_a_run_that_began_after_the_checkpoint_is_emptied(tmp_path):
    board = lm.callbacks.TensorBoard(tmp_path)
    board.writer("train").scalar("a", 1.0, 0)
    state = board.get_state()
    board.writer("validation").scalar("a", 1.0, 0)
    board.writer("validation").flush()
    again = lm.callbacks.TensorBoard(tmp_path)
    again.set_state(state)
    again.writer("validation").scalar("a", 2.0, 0)
    again.writer("validation").flush()
    (path,) = (tmp_path / "validation").iterdir()
    assert len(contents(path)) == 2


@pytest.mark.parametrize("run", ["..", "../../other", "/tmp/other"])
@pytest.mark.parametrize("name", ["x.tfevents", "../x.tfevents", "important"])
def test_a_state_cannot_make_tensorboard_change_other_files(run, name, tmp_path):
    board = lm.callbacks.TensorBoard(tmp_path / "logs" / "a")
    state = {"name": "x.tfevents", "files": {run: (name, 0)}, "batches": [0, 0]}
    with pytest.raises(StateError, match="expected an event file in log_dir"):
        board.set_state(state)


def test_a_log_that_the_disk_refuses_does_not_end_training(tmp_path, monkeypatch):
    from pathlib import Path

    x, y = np.ones((16, 2), "float32"), np.ones((16, 1), "float32")
    real, refused = Path.open, []

    def refuse(path, mode="r", *arguments, **named):
        if mode == "a" and not refused:
            refused.append(path)
            raise OSError(28, "No space left on device", str(path))
        return real(path, mode, *arguments, **named)

    monkeypatch.setattr(Path, "open", refuse)
    model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
    model.compile("sgd", "mse")
    table = lm.callbacks.CSVLogger(tmp_path / "log.csv")
    with pytest.warns(UserWarning, match="CSVLogger: .*No space left") as said:
        model.fit(x, y, epochs=5, verbose=0, callbacks=[table])
    assert len([w for w in said if "CSVLogger" in str(w.message)]) == len(refused) == 1
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", *"01234"]


def test_a_log_whose_last_row_was_cut_off_is_continued_on_a_new_line(tmp_path):
    x, y = np.ones((16, 2), "float32"), np.ones((16, 1), "float32")
    (tmp_path / "log.csv").write_text("epoch,loss\n0,1.5\n1,1.")
    model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
    model.compile("sgd", "mse")
    table = lm.callbacks.CSVLogger(tmp_path / "log.csv", append=True)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[table])
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows[:3] == ["epoch,loss", "0,1.5", "1,1."] and rows[3].startswith("0,")
