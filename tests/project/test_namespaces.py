"""Public namespaces: importable, listed, with hints for unknown names, and typed."""

import ast
import importlib
from pathlib import Path

import pytest

import lamina as lm
from lamina import keras

PACKAGE = Path(lm.__file__).parent
OF_LAMINA = [
    *("activations", "boxes", "callbacks", "constraints", "data", "datasets", "errors"),
    *("initializers", "inspect", "interchange", "keras", "layers", "linalg", "losses"),
    *(
        "metrics",
        "models",
        "nn",
        "onnx",
        "optimizers",
        "optimizers.schedules",
        "plot",
        "quantizers",
    ),
    *("random", "regularizers", "saving", "schedules"),
]
OF_KERAS = [
    *("activations", "backend", "callbacks", "constraints", "datasets", "initializers"),
    *("layers", "losses", "metrics", "models", "ops", "optimizers", "quantizers"),
    *(
        "optimizers.schedules",
        "preprocessing",
        "preprocessing.image",
        "preprocessing.sequence",
        "random",
        "regularizers",
    ),
    *("saving", "tree", "utils"),
]
NAMESPACES = [
    "lamina",
    *(f"lamina.{name}" for name in OF_LAMINA),
    *(f"lamina.keras.{name}" for name in OF_KERAS),
]

# import lines of public programs, with `lamina` for `keras` or `tensorflow`
IMPORTS = """
import lamina as tf
import lamina.random
import lamina.linalg
import lamina.datasets
import lamina.keras as keras
import lamina.keras.backend as K
import lamina.keras.datasets.mnist
from lamina import keras
from lamina.datasets import mnist
from lamina.random import key, normal, split
from lamina.linalg import norm, svdvals
from lamina.data import Dataset, to_categorical
from lamina.keras import Input, Model, Sequential
from lamina.keras import layers, models, optimizers, losses, metrics
from lamina.keras import backend as K
from lamina.keras import ops
from lamina.keras import regularizers, initializers, constraints
from lamina.keras.activations import relu, softmax
from lamina.keras.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from lamina.keras.constraints import MaxNorm
from lamina.keras.datasets import cifar10, fashion_mnist, mnist
from lamina.keras.datasets.mnist import load_data
from lamina.keras.initializers import GlorotUniform, RandomNormal
from lamina.keras.layers import LSTM, Activation, BatchNormalization, Conv2D, Dense, Dropout
from lamina.keras.layers import *
from lamina.keras.losses import CategoricalCrossentropy, categorical_crossentropy
from lamina.keras.metrics import AUC, Mean, SparseCategoricalAccuracy
from lamina.keras.models import Model, Sequential, clone_model, load_model
from lamina.keras.optimizers import SGD, Adam, RMSprop
from lamina.keras.optimizers.schedules import CosineDecay, ExponentialDecay
from lamina.keras.preprocessing import image
from lamina.keras.preprocessing.image import img_to_array, load_img
from lamina.keras.preprocessing.sequence import pad_sequences
from lamina.keras.random import SeedGenerator
from lamina.keras.regularizers import L1L2, l2
from lamina.keras.saving import register_keras_serializable
from lamina.keras.utils import Sequence, plot_model, to_categorical
""".strip().splitlines()


@pytest.mark.parametrize("line", IMPORTS)
def test_an_import_line_of_a_public_program_works(line):
    bound: dict = {}
    exec(line, bound)
    assert len(bound) > 1


@pytest.mark.parametrize("name", NAMESPACES)
def test_dir_of_a_namespace_is_its_all_and_each_name_is_there(name):
    module = importlib.import_module(name)
    assert dir(module) == sorted(set(module.__all__)) == sorted(module.__all__)
    missing = [each for each in module.__all__ if not hasattr(module, each)]
    assert not missing
    private = [each for each in module.__all__ if each[0] == "_" and each[-2:] != "__"]
    assert not private


@pytest.mark.parametrize("name", NAMESPACES)
def test_a_namespace_answers_a_misspelled_name_with_the_nearest(name):
    module = importlib.import_module(name)
    known = max((each for each in module.__all__ if each[0] != "_"), key=len)
    wrong = known[:-2] + known[-1] + known[-2] + "x"
    with pytest.raises(AttributeError, match=f"{name}.*no attribute '{wrong}'; did you mean"):
        getattr(module, wrong)
    with pytest.raises(ImportError, match=f"cannot import name '{wrong}'.*; did you mean"):
        exec(f"from {name} import {wrong}")


@pytest.mark.parametrize(
    ("module", "wrong", "answer"),
    [
        (lm.layers, "Desne", "did you mean 'Dense'"),
        (lm.optimizers, "Adma", "did you mean 'Ada"),
        (lm.losses, "MeanSquaredEror", "did you mean 'MeanSquaredError'"),
        (keras.layers, "Desne", "did you mean 'Dense'"),
        (keras, "applicatons", "did you mean 'applications'"),
        (keras.applications, "ResNet5", "did you mean 'ResNet5"),
        (lm.random, "seed", "instead: lamina.set_seed"),
        (lm.callbacks, "OrbaxCheckpoint", "instead: ModelCheckpoint"),
    ],
)
def test_an_unknown_name_gets_this_hint(module, wrong, answer):
    with pytest.raises(AttributeError, match=answer):
        getattr(module, wrong)


def test_keras_mirrors_what_lamina_has():
    assert keras.utils.to_categorical is lm.data.to_categorical
    assert keras.utils.split_dataset is lm.data.split_dataset
    assert keras.preprocessing.image.load_img is lm.data.load_img
    assert keras.saving.register_keras_serializable is lm.saving.register_serializable
    assert keras.optimizers.schedules.CosineDecay is lm.schedules.CosineDecay
    assert lm.nn.ctc_decode(lm.zeros((1, 2, 3)), [2])[0].shape == (1, 1, 2)


# ---- types -------------------------------------------------------------------------------------
def table_and_block(path):
    """The names that a file loads when first used, and those that it imports for checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    table: dict[str, str] = {}
    block: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_LAZY":
            table = ast.literal_eval(node.value)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            for each in node.body:
                assert isinstance(each, ast.ImportFrom) and each.module
                block |= {alias.name: each.module for alias in each.names}
    return table, block


@pytest.mark.parametrize("name", ["__init__.py", "data/__init__.py", "keras/__init__.py"])
def test_type_checkers_see_the_names_that_load_when_first_used(name):
    table, block = table_and_block(PACKAGE / name)
    assert table and set(table) == set(block)
    for attribute, path in table.items():
        source, _, found = path.partition(":")
        assert source == (block[attribute] if found else f"{block[attribute]}.{attribute}")
