"""`lamina.keras` gives the answers of Keras 3.15, which are recorded in JSON files.

`tools/record_keras_answers.py` writes them; `keras_cases.py` has what is asked.
"""

import inspect
import json
import operator

import numpy as np
import pytest

import lamina as lm
from keras_cases import DTYPES, NAMES, PAIRS, cases
from lamina import keras
from lamina.keras import ops
from lamina.keras.ops import decompositions
from lamina.tensor import as_tensor
from paths import TESTS

OPERATIONS = json.loads((TESTS / "keras_ops.json").read_text("utf-8"))
ANSWERS = json.loads((TESTS / "keras_answers.json").read_text("utf-8"))
OURS = {*ops.__all__, *(f"image.{name}" for name in ops.image.__all__)}
SHARED = sorted(set(OPERATIONS) & OURS)

# functions whose results have other dtypes than in Keras, and why
OTHER_DTYPES = {
    "hard_tanh": "integers become float32, as in all other activations",
    "nextafter": "16-bit floats are refused",
    "rms_normalization": "integers become float32; Keras rounds the result to integers",
}


def test_every_function_of_ops_is_one_of_keras():
    assert set(OPERATIONS) >= OURS


@pytest.mark.parametrize("name", SHARED)
def test_a_function_has_the_parameters_and_defaults_of_keras(name):
    signature = inspect.signature(operator.attrgetter(name)(ops))
    plain = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    found = signature.replace(parameters=plain, return_annotation=signature.empty)
    assert str(found) == OPERATIONS[name]["signature"]


PYTHON = {"is_tensor", "ndim", "shape", "size", "convert_to_numpy", "dtype"}  # give no tensors
COMPLEX = {"eig", "view_as_complex", "view_as_real"}  # tensors are real
OTHER = {*OTHER_DTYPES, *PYTHON, *COMPLEX}
TYPED = [n for n in SHARED if "dtypes" in OPERATIONS[n] and n not in OTHER]
SIGNS = {"eigh"}  # of eigenvectors: Lamina makes the largest element positive


@pytest.mark.parametrize("name", TYPED)
def test_a_result_has_the_dtype_that_keras_gives_it(name):
    expected = OPERATIONS[name]["dtypes"].split()
    operands = [(d,) for d in DTYPES] if len(expected) == len(DTYPES) else PAIRS
    differences = {}
    for dtypes, dtype in zip(operands, expected, strict=True):
        if dtype == "-":
            continue
        make = lm.eye if name in decompositions.__all__ else lm.ones  # ones have no inverse
        found = getattr(ops, name)(*(lm.ones((2, 2), dtype=d) * make(2, dtype=d) for d in dtypes))
        first = as_tensor(found[0] if isinstance(found, (tuple, list)) else found)
        if first.dtype != dtype:
            differences[dtypes] = f"{first.dtype}, Keras {dtype}"
    assert not differences


def test_every_case_has_its_answer():
    assert cases() == list(ANSWERS)


def check(found, answers):
    leaves = [as_tensor(leaf) for leaf in keras.tree.flatten(found)]
    assert len(leaves) == len(answers)
    for leaf, (dtype, shape, values) in zip(leaves, answers, strict=True):
        assert (leaf.dtype, list(leaf.shape)) == (dtype, shape)
        np.testing.assert_allclose(leaf.numpy(), values, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("expression", ANSWERS)
def test_an_expression_has_the_value_and_dtype_of_keras(expression):
    check(eval(expression, {"keras": keras, "ops": ops, **NAMES}), ANSWERS[expression])


@pytest.mark.parametrize("name", [name for name in TYPED if name not in SIGNS])
def test_a_function_of_floats_and_of_integers_gives_what_keras_gives(name):
    is_unary = len(OPERATIONS[name]["dtypes"].split()) == len(DTYPES)
    for operands, answer in zip("FJ" if is_unary else ("FG", "JL"), OPERATIONS[name]["answers"]):
        if answer:  # else Keras does not take them
            check(getattr(ops, name)(*(NAMES[operand] for operand in operands)), answer)
