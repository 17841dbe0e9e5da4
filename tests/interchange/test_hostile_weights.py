"""Files of weights of other programs, changed at random: one clear error, little time and memory,
and nothing else of the machine is touched.

    python tests/interchange/test_hostile_weights.py 10000 1 keras      number of files, seed, kind

Kinds: arrays (PyTorch, NumPy, safetensors), keras (.keras), hdf5 (.h5 of both forms), onnx.
"""

import collections
import importlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import hostile
import lamina as lm
import mutations
from lamina.saving import safetensors

FILES = Path(__file__).parent / "torch_files"
KERAS = Path(__file__).parent / "keras_files"
NAMES = [b"builtins\neval", b"os\nsystem", b"torch\nload", b"torch\nSize", b"torch\nfloat64",
         b"collections\nOrderedDict", b"torch._utils\n_rebuild_tensor_v3"]  # fmt: skip


def good_files():
    for path in sorted(FILES.glob("*.pt")):
        yield path.name, path.read_bytes()
    arrays = {"x": np.arange(6.0).reshape(2, 3), "y": np.arange(3, dtype=np.int8)}
    for save in (np.savez, np.savez_compressed):
        stream = io.BytesIO()
        save(stream, **arrays)
        yield save.__name__, stream.getvalue()
    yield "safetensors", safetensors.write(arrays, {})


# ---- changes -----------------------------------------------------------------------------------
def opcode(content, chance):
    """The pickle inside changed: a byte, a global, or a number."""
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        name = chance.choice([name for name in members if "serialization_id" not in name])
        changed = opcode(b"?" + members[name], chance)
        return hostile.archived({**members, name: changed[1:]})
    kind, place = chance.randrange(4), chance.randrange(1, max(len(content), 2))
    if kind == 0:
        lines = [k for k in range(1, len(content)) if content[k : k + 1] == b"c"] or [1]
        at = chance.choice(lines)
        return content[: at + 1] + chance.choice(NAMES) + b"\n" + content[at + 1 :]
    if kind == 1:
        return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]
    if kind == 2:
        number = chance.choice([b"J\xff\xff\xff\x7f", b"\x8a\x09" + b"\xff" * 8 + b"\0", b"K\0"])
        return content[:place] + number + content[place:]
    begin = chance.randrange(1, max(len(content), 2))
    return content[:place] + content[begin : begin + 40] + content[place:]


def cases(count, seed):
    chance, good = random.Random(seed), list(good_files())
    for _ in range(count):
        name, content = chance.choice(good)
        change = chance.choice([*mutations.DAMAGE, opcode, opcode, opcode])
        for _ in range(chance.choice([1, 1, 3])):
            content = change(content, chance) if len(content) > 1 else content
        yield f"{change.__name__} {name}", content


def cases_of_keras(count, seed):
    """Files of Keras, changed; half of the changes of .keras are in the description."""
    chance = random.Random(seed)
    good = {path.name: path.read_bytes() for path in sorted(KERAS.glob("*.keras"))}
    for _ in range(count):
        name = chance.choice(list(good))
        members = hostile.parts(good[name])
        kind = chance.choice(["config.json", "config.json", "model.weights.h5", "archive"])
        if kind == "config.json":
            config = json.loads(members[kind])
            mutations.changed_value(config, chance)
            members[kind] = json.dumps(config).encode()
        elif kind != "archive":
            members[kind] = chance.choice(mutations.DAMAGE)(members[kind], chance)
        content = hostile.archived(members)
        if kind == "archive":
            content = chance.choice(mutations.DAMAGE)(content, chance)
        yield f"{kind} {name}", content


def cases_of_hdf5(count, seed):
    """Files of weights in HDF5, whose bytes, names and numbers are changed."""
    chance = random.Random(seed)
    good = {path.name: path.read_bytes() for path in sorted(KERAS.glob("sequence*.h5"))}
    words = [
        b"layers",
        b"vars",
        b"weight_names",
        b"layer_names",
        b"lstm",
        b"OHDR",
        b"SNOD",
        b"TREE",
    ]
    for _ in range(count):
        name = chance.choice(list(good))
        content = bytearray(good[name])
        kind = chance.randrange(3)
        if kind == 0:
            content = bytearray(chance.choice(mutations.DAMAGE)(bytes(content), chance))
        elif kind == 1:  # a number behind a name or a mark of the format
            word = chance.choice([each for each in words if each in content])
            place = content.index(word, chance.randrange(content.rindex(word) + 1))
            place += len(word) + chance.randrange(24)
            size = chance.choice([1, 2, 4, 8])
            content[place : place + size] = chance.choice([b"\xff" * size, chance.randbytes(size)])
        else:
            word = chance.choice([each for each in words if each in content])
            place = content.index(word)
            content[place : place + len(word)] = chance.randbytes(len(word))
        yield f"{kind} {name}", bytes(content)


def onnx_files(folder):
    """Files of models with loops, attention and convolutions."""
    layers = {
        "images": [lm.Input((8, 8, 2)), lm.layers.Conv2D(3, 3), lm.layers.Flatten()],
        "words": [lm.Input((5,), dtype="int32"), lm.layers.Embedding(7, 4, mask_zero=True),
                  lm.layers.GRU(3)],
        "block": [lm.Input((4, 8)), lm.layers.TransformerEncoder(6, 2)],
    }  # fmt: skip
    for name, each in layers.items():
        lm.Sequential(each).export(Path(folder) / "good.onnx")
        yield name, (Path(folder) / "good.onnx").read_bytes()


def cases_of_onnx(count, seed, good):
    """Files of ONNX, whose bytes, fields and lengths are changed."""
    chance = random.Random(seed)
    for _ in range(count):
        name = chance.choice(list(good))
        content = bytearray(good[name])
        kind = chance.randrange(3)
        if kind == 0:
            content = bytearray(chance.choice(mutations.DAMAGE)(bytes(content), chance))
        elif kind == 1:  # a field or a length, of one byte or of many
            place = chance.randrange(len(content))
            number = chance.choice([b"\0", b"\x7f", b"\xff" * 9 + b"\x01", chance.randbytes(1)])
            content[place : place + chance.choice([0, len(number)])] = number
        else:
            begin, size = chance.randrange(len(content)), chance.choice([2, 20, 200])
            place = chance.randrange(len(content))
            content[place:place] = content[begin : begin + size]
        yield f"{kind} {name}", bytes(content)


def main(count, seed, kind="arrays"):
    outcomes = collections.Counter()
    slowest = largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "changed.keras")
        if kind == "keras":
            load_hdf5()
            found = hostile.results(cases_of_keras(count, seed), lm.load_model, path, batch=20)
        elif kind == "hdf5":
            model = load_hdf5("sequence")
            importlib.import_module("encodings.ascii")  # which h5py looks for
            path = str(Path(folder) / "changed.h5")
            found = hostile.results(cases_of_hdf5(count, seed), model.load_weights, path, batch=50)
        elif kind == "onnx":
            path = str(Path(folder) / "changed.onnx")
            given = cases_of_onnx(count, seed, dict(onnx_files(folder)))
            lm.onnx.load(Path(folder) / "good.onnx")  # so that nothing is left to import
            found = hostile.results(given, lm.onnx.load, path, batch=50)
        else:
            found = hostile.results(cases(count, seed), lm.interchange.read, path, batch=200)
        for name, result in found:
            outcomes[result.outcome] += 1
            slowest, largest = max(slowest, result.seconds), max(largest, result.peak)
            if not mutations.is_fine(result):
                print(json.dumps([name, *vars(result).values()]))
    print(f"{count} files: {dict(outcomes)}, at most {slowest:.2f} s and {largest:.0f} MB")


def load_hdf5(name="conv"):
    """Read a file, so that h5py has nothing left to import."""
    return lm.load_model(KERAS / f"{name}.keras")


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize(
    ("kind", "count"), [("arrays", 1500), ("keras", 200), ("hdf5", 200), ("onnx", 300)]
)
def test_mutated_weight_files_are_read_or_refused_with_one_clear_error(kind, count):
    if kind in ("keras", "hdf5"):
        pytest.importorskip("h5py")
    done = subprocess.run(
        [sys.executable, __file__, str(count), "7", kind],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    *findings, last = done.stdout.splitlines() or [done.stderr]
    assert not findings, done.stdout[:5000]
    assert last.startswith(f"{count} files: "), done.stderr


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
