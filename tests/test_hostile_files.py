"""Files that were damaged or made to do harm: one clear error, little time and memory, and nothing
else of the machine is touched."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import hostile
import lamina as lm
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
    count = (4 * times).to_bytes(2, "little")
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
TARGETS = ["/canary.txt", "os.system"]


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
    for name, result in hostile.results(cases(), lm.load_model, path, forked=False):
        count += 1
        if result.events:
            print(f"{name}: {result.events}")
    print(f"{count} files")


@posix
def test_no_class_in_a_model_file_opens_imports_or_starts_anything(tmp_path):
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    *events, last = done.stdout.splitlines() or [done.stderr]
    assert not events, done.stdout[:3000]
    assert int(last.split()[0]) > 1000


if __name__ == "__main__":
    watch_every_class(Path(sys.argv[1]))
