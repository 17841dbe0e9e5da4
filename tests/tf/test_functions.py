"""`lamina.tf`: functions return what TensorFlow 2.21 returns, value by value and in its dtype.

`python tests/tf/test_functions.py` writes the answers, where TensorFlow is installed.
"""

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
EXPRESSIONS = (HERE / "expressions.txt").read_text(encoding="utf-8").splitlines()
ANSWERS = HERE / "answers.json"


def names(tf):
    """The values that expressions use."""
    rng = np.random.default_rng(0)
    found = {"tf": tf, "np": np}
    found["A"] = rng.normal(size=(3, 4)).astype("float32")
    found["B"] = rng.normal(size=(4, 5)).astype("float32")
    found["I"] = np.array([[0, 2], [1, 0]], "int32")
    found["IMG"] = rng.uniform(size=(2, 6, 8, 3)).astype("float32")
    found["KER"] = rng.normal(size=(3, 3, 3, 4)).astype("float32")
    found["U8"] = (found["IMG"] * 255).astype("uint8")
    found["S"] = ["Hello, World!", "  Ünïcode text ", "a,b,,c"]
    return found


def described(x):
    """A result as JSON: its dtype, shape and the first 24 values; ragged tensors as lists."""
    if isinstance(x, (list, tuple)):
        return [described(each) for each in x]
    if hasattr(x, "row_lengths"):
        return decoded(x.to_list())
    array = np.asarray(x.numpy())
    return [x.dtype.name, list(array.shape), decoded(array.ravel()[:24].tolist())]


def decoded(value):
    if isinstance(value, list):
        return [decoded(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value.decode() if isinstance(value, bytes) else value


def differs(found, wanted):
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return any(map(differs, found, wanted))
    if isinstance(wanted, float):
        return not abs(found - wanted) <= 2e-5 * max(1, abs(wanted))
    return found != wanted


def test_functions_return_the_values_of_tensorflow():
    import lamina.tf as tf

    answers, values, wrong = json.loads(ANSWERS.read_text(encoding="utf-8")), names(tf), []
    assert set(answers) == set(EXPRESSIONS)
    for expression, answer in answers.items():
        found = described(eval(expression, values))
        if differs(found, answer):
            wrong.append((expression, str(found)[:300], str(answer)[:300]))
    assert not wrong


if __name__ == "__main__":
    import tensorflow

    found = {e: described(eval(e, names(tensorflow))) for e in EXPRESSIONS}
    ANSWERS.write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.exit(0)
