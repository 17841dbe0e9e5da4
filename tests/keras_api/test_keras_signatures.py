"""Names, parameters, their order and defaults are those of Keras, as recorded in keras_names.json.

`tools/record_keras_answers.py` writes the record; `keras.ops` has its own (test_keras_answers.py).
"""

import ast
import inspect
import json

import pytest

from lamina import keras
from paths import TESTS

RECORD = json.loads((TESTS / "keras_names.json").read_text("utf-8"))

# namespace -> names of Keras that Lamina does not have (docs/keras.md)
ABSENT = {
    "keras": ("SymbolicScope"),
    "keras.callbacks": ("OrbaxCheckpoint"),
    "keras.distribution": ("distribute_tensor"),
    "keras.export": ("ExportArchive"),
    "keras.layers": ("FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper"),
    "keras.saving": ("KerasFileEditor"),
}

# name -> parameters of Keras that Lamina does not have
LACKING = {
    "keras.datasets.mnist.load_data": "path",
    "keras.utils.PyDataset": "workers use_multiprocessing max_queue_size",
    "keras.utils.Sequence": "workers use_multiprocessing max_queue_size",
}

# names whose order of parameters, or a default, differs from Keras -> the reason
DIFFERENT = {
    "keras.layers.Conv3DTranspose": "data_format after output_padding, as in 1-D and 2-D",
    "keras.layers.Convolution3DTranspose": "the same class",
    "keras.distribution.ModelParallel": "layout_map is needed",
    "keras.layers.CategoryEncoding": "num_tokens is needed in all modes but one, which is missing",
}


def found(path):
    """The object of a dotted name, or None."""
    value = keras
    for part in path.split(".")[1:]:
        try:
            value = getattr(value, part)
        except AttributeError:
            return None
    return value


def absent():
    return {f"{namespace}.{name}" for namespace, names in ABSENT.items() for name in names.split()}


PRESENT = sorted(name for name in RECORD if name not in absent())
ALIKE = [name for name in PRESENT if name not in DIFFERENT]


def test_every_name_of_keras_is_present_or_listed_as_absent():
    assert {name for name in RECORD if found(name) is None} == absent()


@pytest.mark.parametrize("name", PRESENT)
def test_parameters_are_those_of_keras_in_the_same_order(name):
    ours = inspect.signature(found(name)).parameters
    theirs = [parameter for parameter, _ in RECORD[name]]
    assert [p for p in theirs if p not in ours] == LACKING.get(name, "").split()
    if name in DIFFERENT:
        return
    by_position = [p for p in ours if p in theirs and ours[p].kind is ours[p].POSITIONAL_OR_KEYWORD]
    assert by_position == [p for p in theirs if p in by_position]


@pytest.mark.parametrize("name", ALIKE)
def test_defaults_are_those_of_keras(name):
    ours = inspect.signature(found(name)).parameters
    is_loss = name.startswith("keras.losses.")
    for parameter, default in RECORD[name]:
        if default is None or parameter not in ours or (is_loss and parameter == "name"):
            continue
        assert same_default(ours[parameter].default, default), parameter


def same_default(ours, recorded):
    """True if both are equal, a number standing for a tuple of it."""
    try:
        theirs = ast.literal_eval(recorded)
    except (ValueError, SyntaxError):
        return repr(ours) == recorded or ours is not inspect.Parameter.empty
    return _same(ours, theirs)


def _same(ours, theirs):
    if isinstance(theirs, tuple) and isinstance(ours, int):
        return all(_same(ours, each) for each in theirs)
    return ours == theirs
