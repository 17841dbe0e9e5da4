"""Damaged and hostile files, made of good ones by random changes: the same seed, the same files.

    python tests/mutations.py --files 4000 --seed 1

Each file is read in a separate process under an audit hook. It may be read, if the change means
nothing or another valid model, or refused with a LaminaError that names it; in a second of
processor time and 200 MB, and without touching anything else. What is read of a damaged file is as
it was.
"""

from __future__ import annotations

import argparse
import collections
import copy
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import hostile
import lamina as lm
import mutated_runs
from lamina.saving import container

L = lm.layers
Change = Callable[[bytes, random.Random], bytes]


# ---- good files --------------------------------------------------------------------------------
def dense() -> Any:
    model = lm.Sequential([lm.Input((4,)), L.Dense(5, "relu", kernel_regularizer="l2"), L.Dense(3)])
    model.compile("adam", "mse", metrics=["mae", lm.metrics.AUC(num_thresholds=20)])
    model.optimizer.build(model.trainable_weights)
    return model


def images() -> Any:
    inputs = lm.Input((8, 8, 3))
    x = L.BatchNormalization()(L.Conv2D(2, 3, activation="relu", padding="same")(inputs))
    x = L.Add()([x, L.Conv2D(2, 1)(inputs)])
    model = lm.Model(inputs, L.Dense(2)(L.GlobalAveragePooling2D()(L.MaxPooling2D(2)(x))))
    model.compile(lm.optimizers.SGD(0.1, momentum=0.9), "mse", metrics=[lm.metrics.MeanIoU(3)])
    return model


def sequences() -> Any:
    lstm = L.Bidirectional(L.LSTM(2, return_sequences=True))
    layers = [lm.Input((6,), dtype="int32"), L.Embedding(7, 3, mask_zero=True), lstm, L.GRU(2)]
    model = lm.Sequential([*layers, L.LayerNormalization(), L.Dense(1, "sigmoid")])
    rate = lm.optimizers.schedules.CosineDecay(0.1, 100)
    model.compile(lm.optimizers.AdamW(rate), "binary_crossentropy", weighted_metrics=["accuracy"])
    return model


def texts() -> Any:
    words = L.TextVectorization(output_sequence_length=4, vocabulary=["a", "b", "word"])
    return lm.Sequential([words, lm.Input((4,), dtype="int64"), L.Embedding(8, 2), L.Flatten()])


def attention() -> Any:
    a, b = lm.Input((5, 4), name="a"), lm.Input((3, 4), name="b")
    x = L.MultiHeadAttention(2, 2)(a, b)
    inner = lm.Sequential([L.Dense(4), L.LayerNormalization()], name="inner")
    return lm.Model({"a": a, "b": b}, {"x": inner(x), "y": L.Dot(axes=-1)([a, b])})


MODELS: dict[str, Callable[[], Any]] = {
    "dense": dense,
    "images": images,
    "sequences": sequences,
    "texts": texts,
    "attention": attention,
}


# ---- damage ------------------------------------------------------------------------------------
def bit(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    changed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def overwritten(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    garbage = chance.choice([bytes(16), b"\xff" * 16, chance.randbytes(16)])
    return (content[:place] + garbage + content[place + 16 :])[: len(content)]


def moved(content: bytes, chance: random.Random) -> bytes:
    """A stretch of the file cut out, repeated, or in another place."""
    begin, end = sorted(chance.randrange(len(content)) for _ in range(2))
    kind = chance.randrange(3)
    if kind == 0:
        return content[:begin] + content[end:]
    place = chance.randrange(len(content))
    if kind == 1:
        return content[:place] + content[begin:end] + content[place:]
    return content[:begin] + content[end:] + content[begin:end]


# ---- hostile changes ---------------------------------------------------------------------------
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 10**7, 10**9, 10**19, -(10**19), 10**400, 0.5, -0.0, 1e308,
    float("nan"), float("inf"), "", "relu", "x" * 100_000, "a\0b", "../../etc/passwd",
    "/etc/passwd", "os.system", "\ud800", [], {}, [[]], [None], [1] * 1000, [10**9] * 3, {"": None},
    {"class_name": "array", "config": {"value": [1, 2], "dtype": "f8"}},
    {"class_name": "array", "config": {"value": ["a"], "dtype": "U10000000"}},
    {"class_name": "array", "config": {"value": [[1], [2, 3]], "dtype": "O"}},
    {"class_name": "Dense", "module": "lamina.layers", "config": {"units": 10**8}},
    {"class_name": "Adam", "module": "lamina.optimizers", "config": {}},
    {"class_name": "Constant", "module": "lamina.initializers", "config": {"value": 1e9}},
    {"class_name": "function", "module": "os", "config": "system"},
    {"class_name": ["Dense"], "config": []},
    {"from": [0, 10**9]}, {"is": None},
]  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every list or dict inside a value, with every index or key."""
    stack = [value]
    while stack:
        each = stack.pop()
        keys = each if isinstance(each, dict) else range(len(each)) if type(each) is list else ()
        for key in list(keys):
            yield each, key
            stack.append(each[key])


def changed_value(value: Any, chance: random.Random) -> Any:
    """One value of a JSON document replaced, removed, repeated or exchanged with another one."""
    found = list(places(value))
    holder, key = chance.choice(found)
    kind = chance.randrange(8)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[key]) for _ in range(chance.choice([1, 10, 100])))
    elif kind == 2:
        other, place = chance.choice(found)
        holder[key] = copy.deepcopy(other[place])
    elif kind == 3 and isinstance(holder, dict):
        holder[chance.choice(["units", "vocabulary", "class_name", "x"])] = holder.pop(key)
    else:
        holder[key] = copy.deepcopy(chance.choice(VALUES))
    return value


def description(content: bytes, chance: random.Random) -> bytes:
    return hostile.rewritten(content, lambda model: changed_value(model, chance))


def manifest(content: bytes, chance: random.Random) -> bytes:
    members = hostile.parts(content)
    written = changed_value(json.loads(members[container.MANIFEST]), chance)
    return hostile.archived({**members, container.MANIFEST: json.dumps(written).encode()})


def tensors(content: bytes, chance: random.Random) -> bytes:
    """The header of the weights changed, and the archive sealed again."""
    members = hostile.parts(content)
    name = chance.choice([n for n in members if n.endswith(".safetensors")])
    members[name] = header(members[name], chance)
    return hostile.sealed(members)


def header(content: bytes, chance: random.Random) -> bytes:
    length = int.from_bytes(content[:8], "little")
    text = json.dumps(changed_value(json.loads(content[8 : 8 + length]), chance)).encode()
    size = chance.choice([len(text)] * 9 + [0, 2**40, 2**64 - 1])
    return size.to_bytes(8, "little") + text + content[8 + length :]


def archive(content: bytes, chance: random.Random) -> bytes:
    """Numbers in the records of the archive changed, or members added, repeated and left out."""
    if chance.randrange(2):
        changed = bytearray(content)
        record = chance.choice([b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06"])
        place = content.index(record) + chance.randrange(4, 22 if record[2] == 5 else 30)
        size = chance.choice([1, 2, 4])
        changed[place : place + size] = chance.choice([bytes(4), b"\xff" * 4, chance.randbytes(4)])[
            :size
        ]
        return bytes(changed)
    members = hostile.parts(content)
    kind = chance.randrange(3)
    if kind == 0:
        del members[chance.choice(list(members))]
    elif kind == 1:
        members[chance.choice(["../x", "run.py", "model.json/", "x" * 60_000])] = b"x"
    else:
        return hostile.archived(members, chance.choice([8, 12, 14]))  # compressed
    return hostile.archived(members)


DAMAGE: list[Change] = [bit, cut, overwritten, moved]
HOSTILE: list[Change] = [description, description, description, manifest, tensors, archive]


# ---- files to read -----------------------------------------------------------------------------
@dataclass
class Case:
    """Files to write in place of others, what is read then, and how."""

    name: str
    path: Path
    contents: dict[str, bytes]  # by name in the path, "" of the path itself
    read: Callable[[str], Any]

    def write(self) -> None:
        if "" in self.contents:
            self.path.write_bytes(self.contents[""])
            return
        self.path.mkdir(exist_ok=True)
        for name in {*container.MEMBERS, mutated_runs.NEWEST} - set(self.contents):
            (self.path / name).unlink(missing_ok=True)
        for name, content in self.contents.items():
            (self.path / name).write_bytes(content)


class Files:
    """Mutated files of all models and of a training."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance, self.folder = random.Random(seed), folder
        self.models = {name: make() for name, make in MODELS.items()}
        self.whole: dict[str, bytes] = {}
        self.weights: dict[str, bytes] = {}
        for name, model in self.models.items():
            model.save(folder / "whole.lamina")
            model.save_weights(folder / "whole.safetensors")
            self.whole[name] = (folder / "whole.lamina").read_bytes()
            self.weights[name] = (folder / "whole.safetensors").read_bytes()
        self.runs = mutated_runs.Runs(folder)
        self.of_state = mutated_runs.state(changed_value)
        self.of_run = mutated_runs.description(changed_value)

    def cases(self, count: int) -> Iterator[Case]:
        """Of 20 files 4 of weights, 7 models, 3 folders of models, 5 states and a description."""
        kinds = [self._weights] * 4 + [self._model] * 7 + [self._folder] * 3 + [self._state] * 5
        for k in range(count):
            made = [*kinds, self._run][k % 20](self.chance.choice(list(MODELS)))
            made.name += f" {k}"
            yield made

    def _weights(self, name: str) -> Case:
        change: Change = self.chance.choice([*DAMAGE, header, header])
        content = change(self.weights[name], self.chance)
        is_damaged = change in DAMAGE and content != self.weights[name]

        def read(path: str) -> None:
            self.models[name].load_weights(path)
            assert not is_damaged, "a change of a file with a checksum was not found"

        path = self.folder / "changed.safetensors"
        return Case(f"{change.__name__} weights {name}", path, {"": content}, read)

    def _model(self, name: str) -> Case:
        change: Change = self.chance.choice([*DAMAGE, *HOSTILE])
        content = change(self.whole[name], self.chance)
        read = self._reader(name, change in DAMAGE)
        path = self.folder / "changed.lamina"
        return Case(f"{change.__name__} {name}", path, {"": content}, read)

    def _folder(self, name: str) -> Case:
        change: Change = self.chance.choice([*DAMAGE, description, manifest, tensors])
        members = hostile.parts(self.whole[name])
        if change in DAMAGE:
            member = self.chance.choice(list(members))
            members[member] = change(members[member], self.chance)
            if not self.chance.randrange(8):
                del members[member]
        else:
            members = hostile.parts(change(self.whole[name], self.chance))
        read = self._reader(name, change in DAMAGE)
        return Case(f"{change.__name__} folder {name}", self.folder / "changed", members, read)

    def _reader(self, name: str, is_damaged: bool) -> Callable[[str], Any]:
        def read(path: str) -> None:
            loaded = lm.load_model(path)
            if is_damaged:
                pairs = zip(loaded.weights, self.models[name].weights, strict=True)
                assert all(np.array_equal(a, b) for a, b in pairs), "other weights were read"

        return read

    def _state(self, name: str) -> Case:
        change: Change = self.chance.choice([*DAMAGE, self.of_state, self.of_state, self.of_state])
        content = change(self.runs.state, self.chance)
        is_damaged = change in DAMAGE and content != self.runs.state

        def read(path: str) -> None:
            self.runs.read_state(path, is_damaged)

        contents = {mutated_runs.NEWEST: content}
        return Case(f"{change.__name__} state", self.runs.folder, contents, read)

    def _run(self, name: str) -> Case:
        change: Change = self.chance.choice([*DAMAGE, *[self.of_run] * 6])
        contents = {mutated_runs.RUN: change(self.runs.described, self.chance)}
        return Case(
            f"{change.__name__} run", self.runs.folder, contents, self.runs.read_description
        )


def tested(folder: Path, count: int, seed: int) -> Iterator[tuple[str, hostile.Result]]:
    """The results of reading a number of files."""
    hostile.load_everything()
    files, watch = Files(folder, seed), hostile.Watch()
    for ending in (".lamina", ".safetensors"):
        path = folder / f"warm{ending}"
        path.write_bytes(b"no model")  # the first error loads what errors need
        hostile.observed(watch, lm.load_model, str(path))
    for case in files.cases(count):
        case.write()
        yield case.name, hostile.forked(watch, case.read, str(case.path))


def is_fine(result: hostile.Result) -> bool:
    is_clear = result.outcome in ("read", "refused")
    return is_clear and not result.events and result.seconds < 1 and result.peak < 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    counts: collections.Counter[str] = collections.Counter()
    slowest = largest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, result in tested(Path(folder), given.files, given.seed):
            counts[result.outcome] += 1
            slowest, largest = max(slowest, result.seconds), max(largest, result.peak)
            if not is_fine(result):
                print(json.dumps([name, *vars(result).values()]))
    print(f"{given.files} files: {dict(counts)}, at most {slowest:.2f} s and {largest:.0f} MB")
    sys.exit(set(counts) - {"read", "refused"} != set())


if __name__ == "__main__":
    main()
