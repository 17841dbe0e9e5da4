"""Files of weights of other programs, changed at random: one clear error, little time and memory,
and nothing else of the machine is touched.

    python tests/interchange/test_hostile_weights.py 10000 1 keras      number of files, seed, kind
"""

import collections
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


def main(count, seed, kind="arrays"):
    outcomes = collections.Counter()
    slowest = largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "changed.keras")
        if kind == "keras":
            load_hdf5()
            found = hostile.results(cases_of_keras(count, seed), lm.load_model, path, batch=20)
        else:
            found = hostile.results(cases(count, seed), lm.interchange.read, path, batch=200)
        for name, result in found:
            outcomes[result.outcome] += 1
            slowest, largest = max(slowest, result.seconds), max(largest, result.peak)
            if not mutations.is_fine(result):
                print(json.dumps([name, *vars(result).values()]))
    print(f"{count} files: {dict(outcomes)}, at most {slowest:.2f} s and {largest:.0f} MB")


def load_hdf5():
    """Read a file, so that h5py has nothing left to import."""
    lm.load_model(KERAS / "conv.keras")


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.parametrize(("kind", "count"), [("arrays", 1500), ("keras", 200)])
def test_mutated_weight_files_are_read_or_refused_with_one_clear_error(kind, count):
    if kind == "keras":
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
