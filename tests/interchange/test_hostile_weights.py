"""Files of weights of other programs, changed at random: one clear error, little time and memory,
and nothing else of the machine is touched.

    python tests/interchange/test_hostile_weights.py 10000 1        number of files, seed
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


def main(count, seed):
    outcomes = collections.Counter()
    slowest = largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "changed.pt")
        for name, result in hostile.results(
            cases(count, seed), lm.interchange.read, path, batch=200
        ):
            outcomes[result.outcome] += 1
            slowest, largest = max(slowest, result.seconds), max(largest, result.peak)
            if not mutations.is_fine(result):
                print(json.dumps([name, *vars(result).values()]))
    print(f"{count} files: {dict(outcomes)}, at most {slowest:.2f} s and {largest:.0f} MB")


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_mutated_weight_files_are_read_or_refused_with_one_clear_error():
    done = subprocess.run(
        [sys.executable, __file__, "1500", "7"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    *findings, last = done.stdout.splitlines() or [done.stderr]
    assert not findings, done.stdout[:5000]
    assert last.startswith("1500 files: "), done.stderr


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
