"""The folder of a model: the content of a model file, written whole, and read as carefully."""

import os
import subprocess
import sys

import numpy as np
import pytest

import hostile
import lamina as lm
from lamina.errors import ArgumentError, FileFormatError
from lamina.saving import container, folders

posix = pytest.mark.skipif(os.name != "posix", reason="links and signals of POSIX")


def model(units=5):
    lm.set_seed(units)
    made = lm.Sequential([lm.Input((4,)), lm.layers.Dense(units, "relu"), lm.layers.Dense(3)])
    made.compile("adam", "mse", metrics=["mae"])
    made.optimizer.build(made.trainable_weights)
    return made


def same(a, b):
    return all(np.array_equal(p, q) for p, q in zip(a.get_weights(), b.get_weights(), strict=True))


@pytest.mark.parametrize("name", ["model", "model.lamina", "model.keras", "model/"])
def test_a_model_in_a_folder_comes_back_as_it_was(name, tmp_path):
    saved, path = model(), os.path.join(tmp_path, name)
    saved.save(path, zipped=None if name.endswith("/") else False)
    assert set(os.listdir(path)) == container.MEMBERS
    assert os.listdir(tmp_path) == [name.rstrip("/")]
    loaded = lm.load_model(path)
    x = np.ones((2, 4), np.float32)
    assert same(saved, loaded) and np.array_equal(saved.predict(x), loaded.predict(x))
    assert type(loaded.optimizer).__name__ == "Adam"
    other = model(5)
    other.set_weights([np.zeros_like(w) for w in other.get_weights()])
    other.load_weights(path)
    assert same(saved, other)


def test_a_folder_holds_the_members_of_the_file(tmp_path):
    saved = model()
    saved.save(tmp_path / "a.lamina")
    saved.save(tmp_path / "b", zipped=False)
    members = hostile.parts((tmp_path / "a.lamina").read_bytes())
    assert members == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}


@pytest.mark.parametrize("in_one_operation", [True, False])
def test_a_folder_is_replaced_unless_overwrite_is_false(in_one_operation, tmp_path, monkeypatch):
    if not in_one_operation:
        monkeypatch.setattr(folders, "_exchange", lambda one, other: False)
    model(5).save(tmp_path / "m", zipped=False)
    with pytest.raises(FileExistsError, match="overwrite is False"):
        model(6).save(tmp_path / "m", zipped=False, overwrite=False)
    model(6).save(tmp_path / "m", zipped=False, include_optimizer=False)
    assert same(lm.load_model(tmp_path / "m"), model(6))
    assert os.listdir(tmp_path) == ["m"] and container.OPTIMIZER not in os.listdir(tmp_path / "m")


@pytest.mark.parametrize("what", ["file", "folder"])
def test_nothing_else_is_replaced(what, tmp_path):
    place = tmp_path / "m"
    if what == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "mine").write_text("mine")
    with pytest.raises(ArgumentError, match="something else than a model"):
        model().save(place, zipped=False)
    assert (place if what == "file" else place / "mine").read_text() == "mine"
    assert os.listdir(tmp_path) == ["m"]


FAILING = ["mkdir", "open", "fsync", "rename", "replace"]


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.parametrize("in_one_operation", [True, False])
def test_an_error_while_writing_keeps_the_old_folder(name, in_one_operation, tmp_path, monkeypatch):
    if not in_one_operation:
        monkeypatch.setattr(folders, "_exchange", lambda one, other: False)
    model(5).save(tmp_path / "m", zipped=False)
    real = getattr(os, name)
    for k in range(1, 20):
        calls = []

        def fail(*arguments, k=k, calls=calls, **named):
            calls.append(arguments)
            if len(calls) == k:
                raise OSError(28, "No space left on device", ".temporary")
            return real(*arguments, **named)

        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            try:
                model(6).save(tmp_path / "m", zipped=False)
            except OSError as error:
                assert str(tmp_path / "m") in str(error)
                loaded = lm.load_model(tmp_path / "m")
                is_new = name in ("open", "fsync") and same(loaded, model(6))  # at the very end
                assert is_new or same(loaded, model(5))
        if len(calls) < k:
            break
        assert os.listdir(tmp_path) == ["m"]
        model(5).save(tmp_path / "m", zipped=False)
    assert k < 19


KILLED = """
import os, sys
import lamina as lm
from lamina import files
target, at = sys.argv[1], int(sys.argv[2])
model = lm.load_model(sys.argv[3])
WATCHED = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.scandir")
calls = 0
def hook(event, arguments):
    global calls
    if event in WATCHED:
        calls += 1
        if calls == at:
            os._exit(9)
import platform
platform.node()
sys.addaudithook(hook)
model.save(target, zipped=False)
os._exit(0)
"""


@posix
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="exchanges folders")
def test_a_writer_killed_at_any_step_leaves_the_old_folder_or_the_new_one(tmp_path):
    (tmp_path / "new").mkdir()
    model(6).save(tmp_path / "new" / "m.lamina")
    place = tmp_path / "here"
    place.mkdir()
    for step in (*range(1, 40, 7), 26, 27, 28, 10**6):
        model(5).save(place / "m", zipped=False)
        arguments = [str(place / "m"), str(step), str(tmp_path / "new" / "m.lamina")]
        done = subprocess.run([sys.executable, "-c", KILLED, *arguments], timeout=120)
        loaded = lm.load_model(place / "m")
        assert same(loaded, model(5)) or same(loaded, model(6))
        model(5).save(place / "m", zipped=False)
        assert os.listdir(place) == ["m"]
    assert done.returncode == 0


# ---- damaged and hostile folders ---------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(container.MEMBERS))
@pytest.mark.parametrize("damage", ["cut", "flipped", "absent", "empty", "long"])
def test_a_damaged_member_is_refused(name, damage, tmp_path):
    saved = model()
    saved.save(tmp_path / "m", zipped=False)
    path = tmp_path / "m" / name
    content = path.read_bytes()
    at = content.index(b"sha256") + 40 if name == container.MANIFEST else len(content) // 2
    path.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "flipped": content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :],
            "empty": b"",
            "long": content + b"x",
            "absent": b"",
        }[damage]
    )
    if damage == "absent":
        path.unlink()
    with pytest.raises(FileFormatError, match="m:"):
        lm.load_model(tmp_path / "m")


def test_a_folder_of_something_else_is_named(tmp_path):
    with pytest.raises(FileFormatError, match=r"is a folder without manifest\.json"):
        lm.load_model(tmp_path)


@posix
@pytest.mark.parametrize("kind", ["link", "hole", "pipe", "folder"])
def test_links_and_other_things_are_not_followed(kind, tmp_path):
    model().save(tmp_path / "m", zipped=False)
    path = tmp_path / "m" / container.MODEL
    (tmp_path / "elsewhere").write_bytes(path.read_bytes())
    path.unlink()
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "hole":
        path.touch()
        os.truncate(path, 1 << 40)  # takes no room on the disk
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(FileFormatError, match=r"is a link|not a file|expected at most"):
        lm.load_model(tmp_path / "m")
