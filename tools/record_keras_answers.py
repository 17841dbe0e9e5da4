"""Record results and signatures of Keras in `tests/keras_*.json`.

Run it in an environment with Keras 3 on JAX, after a change in `tests/keras_cases.py`:

    KERAS_BACKEND=jax python tools/record_keras_answers.py

keras_ops.json      the signature of each function of `keras.ops`; of those that take one or two
                    tensors the dtypes of the results, and the results for floats and for integers
keras_answers.json  the value, shape and dtype of each expression in keras_cases.py
keras_names.json    the public names of the other namespaces, with their parameters: name, default
"""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np
from keras import ops

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from keras_cases import DTYPES, NAMES, PAIRS, cases  # noqa: E402


def functions() -> dict[str, Any]:
    found = {name: getattr(ops, name) for name in sorted(dir(ops)) if name[0] != "_"}
    images = sorted(name for name in dir(ops.image) if name[0] != "_")
    found |= {f"image.{name}": getattr(ops.image, name) for name in images}
    return {name: f for name, f in found.items() if inspect.isfunction(f)}


def result_dtype(function: Any, *dtypes: str) -> str:
    """The dtype of a function's first result, "-" if Keras takes no such tensors."""
    tensors = [jax.ShapeDtypeStruct((2, 2), dtype) for dtype in dtypes]
    try:
        found = jax.tree.leaves(jax.eval_shape(function, *tensors))[0]
    except Exception:  # noqa: BLE001 (whatever the backend raises)
        return "-"
    return keras.backend.standardize_dtype(found.dtype)


def of_operations() -> dict[str, Any]:
    record = {}
    for name, function in functions().items():
        signature = inspect.signature(function)
        entry = {"signature": str(signature)}
        needed = [p for p in signature.parameters.values() if p.default is p.empty]
        plain = all(p.kind is p.POSITIONAL_OR_KEYWORD for p in needed)
        names = [p.name for p in needed] if plain else []
        if names in (["x"], ["a"], ["y"], ["array"]):
            entry["dtypes"] = " ".join(result_dtype(function, d) for d in DTYPES)
            entry["answers"] = [answer(f"ops.{name}({x})") for x in ("F", "J")]
        elif names in (["x1", "x2"], ["x", "y"]):
            entry["dtypes"] = " ".join(result_dtype(function, *pair) for pair in PAIRS)
            entry["answers"] = [answer(f"ops.{name}({x}, {y})") for x, y in ("FG", "JL")]
        record[name] = entry
    return record


def answer(expression: str) -> list[Any]:
    try:
        value = eval(expression, {"keras": keras, "ops": ops, **NAMES})
        leaves = [ops.convert_to_tensor(leaf) for leaf in keras.tree.flatten(value)]
    except Exception as error:  # noqa: BLE001 (whatever the backend raises)
        print(f"{expression}: {type(error).__name__}: {error}", file=sys.stderr)
        return []
    if any(np.iscomplexobj(leaf) for leaf in leaves):  # Lamina has real numbers only
        return []
    return [
        [keras.backend.standardize_dtype(leaf.dtype), list(leaf.shape), np.asarray(leaf).tolist()]
        for leaf in leaves
    ]


SKIPPED = ("applications", "legacy", "ops", "src", "version")


def of_names(module: Any = keras, path: str = "keras") -> dict[str, Any]:
    """Return the parameters of all public functions and classes, by dotted name."""
    record: dict[str, Any] = {}
    for name in sorted(n for n in dir(module) if n[0] != "_" and n not in SKIPPED):
        found, full = getattr(module, name), f"{path}.{name}"
        if inspect.ismodule(found):
            if found.__name__.startswith("keras") and path.count(".") < 3:
                record |= of_names(found, full)
        elif callable(found):
            record[full] = parameters(found)
    return record


def parameters(function: Any) -> list[list[Any]]:
    """Return [name, default as text or None] of each named parameter."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    named = [p for p in found if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return [[p.name, None if p.default is p.empty else repr(p.default)] for p in named]


def write(name: str, record: dict[str, Any]) -> None:
    rows = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in record.items())
    (TESTS / name).write_text("{\n" + rows + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    write("keras_names.json", of_names())
    write("keras_ops.json", of_operations())
    answers = {expression: answer(expression) for expression in cases()}
    write("keras_answers.json", {key: value for key, value in answers.items() if value})
