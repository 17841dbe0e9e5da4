"""Trainings on real disks that are full, out of names, or become read-only: mounted for the test,
which needs the rights to mount."""

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

import lamina as lm

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts tmpfs")


class Disk:
    """A tmpfs, with its options."""

    def __init__(self, place):
        self.place = place

    def mount(self, options):
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(self.place)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"cannot mount: {done.stderr.strip()}")

    def change(self, options):
        command = ["mount", "-o", f"remount,{options}", str(self.place)]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path):
    if os.geteuid():
        pytest.skip("needs the rights to mount")
    (tmp_path / "disk").mkdir()
    found = Disk(tmp_path / "disk")
    yield found
    subprocess.run(["umount", str(found.place)], capture_output=True)


class At(lm.callbacks.Callback):
    """Do something after a number of batches."""

    def __init__(self, batch, action):
        super().__init__()
        self.batch, self.action, self.left = batch, action, batch

    def get_state(self):
        return {}

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            self.action()


def train(folder, action=lambda: None, batch=15, checkpoint=True):
    """(bits, history, warnings) of a training with everything that writes."""
    lm.set_seed(1)
    layers = [lm.layers.Dense(40, "relu"), lm.layers.Dropout(0.3), lm.layers.Dense(1)]
    model = lm.Sequential([lm.Input((4,)), *layers])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    calls = [At(batch, action)]
    options = {}
    if checkpoint:
        options = {"checkpoint": folder / "run", "every": 3, "resume": True}
        table = lm.callbacks.CSVLogger(folder / "log.csv")
        calls += [table, lm.callbacks.TensorBoard(folder / "board")]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        history = model.fit(
            x, x[:, 0], batch_size=8, epochs=4, seed=2, verbose=0, callbacks=calls, **options
        )
    bits = b"".join(w.numpy().tobytes() for w in model.weights)
    return bits, history.history, [str(w.message) for w in said]


@pytest.fixture(scope="module")
def whole():
    return train(None, checkpoint=False)[:2]


def check_continued(folder, whole):
    """The training is complete or is continued to the same end, with whole files."""
    assert train(folder)[:2] == whole
    lines = [json.loads(line) for line in (folder / "run/history.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in lines] == whole[1]["loss"]
    rows = (folder / "log.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "0", "1", "2", "3"]
    assert not list(folder.rglob("*.tmp"))


def fill(disk):
    """Take all room that is left."""
    with open(disk.place / "filler", "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(1024))


def test_training_continues_when_the_disk_is_full(disk, whole):
    disk.mount("size=2m")
    *found, said = train(disk.place, lambda: fill(disk))
    assert tuple(found) == whole
    assert any(
        "No space left on device" in each and "last state is intact" in each for each in said
    )
    (disk.place / "filler").unlink()
    check_continued(disk.place, whole)


def test_training_continues_when_the_disk_has_no_names_left(disk, whole):
    disk.mount("size=2m,nr_inodes=40")

    def take_names():
        with pytest.raises(OSError, match="No space"):
            for k in range(100):
                (disk.place / f"filler-{k}").touch()

    *found, said = train(disk.place, take_names)
    assert tuple(found) == whole
    assert any("No space left on device" in each for each in said)
    for path in disk.place.glob("filler-*"):
        path.unlink()
    check_continued(disk.place, whole)


def test_training_continues_when_the_disk_becomes_read_only(disk, whole):
    disk.mount("size=2m")
    *found, said = train(disk.place, lambda: disk.change("ro"))
    assert tuple(found) == whole
    assert len([each for each in said if "Read-only file system" in each]) >= 3  # of each, once
    assert len(said) == len(set(said)) <= 5
    disk.change("rw")
    check_continued(disk.place, whole)


def test_a_read_only_folder_is_one_clear_error_before_the_first_step(disk, whole):
    disk.mount("size=2m,ro")
    with pytest.raises(OSError, match=rf"Read-only file system.*{disk.place}"):
        train(disk.place, lambda: pytest.fail("a step was made"), batch=1)
    disk.change("rw")

    def stop():
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        train(disk.place, stop)
    before = {p: p.read_bytes() for p in (disk.place / "run").iterdir()}
    disk.change("ro")
    with pytest.raises(OSError, match=rf"Read-only file system.*{disk.place}"):
        train(disk.place, lambda: pytest.fail("a step was made"), batch=1)
    assert {p: p.read_bytes() for p in (disk.place / "run").iterdir()} == before
    disk.change("rw")
    check_continued(disk.place, whole)


def test_a_limit_of_file_sizes_is_reported_and_training_continues(tmp_path, whole):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        *found, said = train(
            tmp_path, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, before[1]))
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert tuple(found) == whole
    assert any("File too large" in each and "last state is intact" in each for each in said)
    check_continued(tmp_path, whole)
