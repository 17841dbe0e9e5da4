"""Types that checkers find in Lamina: mypy, and pyright if it is installed."""

import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lamina
import lamina as lm
from paths import TOOLS

PACKAGE = Path(lamina.__file__).parent

PROGRAM = '''"""Train a small classifier of digits; its types are right."""

from collections.abc import Callable

import lamina as lm
from lamina import keras


def network(classes: int) -> lm.Sequential:
    return lm.Sequential(
        [
            lm.Input((28, 28, 1)),
            lm.layers.Conv2D(8, 3, activation="relu"),
            lm.layers.MaxPooling2D(2),
            lm.layers.Flatten(),
            lm.layers.Dropout(0.2),
            lm.layers.Dense(classes),
        ]
    )


class Scaled(lm.layers.Layer):
    """The inputs times a constant."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def call(self, inputs: lm.Tensor) -> lm.Tensor:
        return lm.multiply(inputs, self.scale)


def rate() -> lm.schedules.LearningRateSchedule:
    return keras.optimizers.schedules.CosineDecay(0.1, 1000)


def loss(x: lm.Tensor, y: lm.Tensor) -> lm.Tensor:
    return lm.mean((x - y) ** 2)


def optimizer() -> keras.optimizers.Optimizer:
    return lm.optimizers.Adam(learning_rate=rate())


def callbacks() -> list[lm.callbacks.Callback]:
    return [lm.callbacks.EarlyStopping(patience=3)]


def noise(seed: int) -> lm.Tensor:
    return lm.random.normal((2, 3), key=lm.random.key(seed))


def activation() -> Callable[..., lm.Tensor]:
    return lm.nn.gelu


if __name__ == "__main__":
    model: keras.Model = network(10)
    model.compile(optimizer(), lm.losses.MeanSquaredError())
    model.summary()
'''
ERRORS = [  # right, wrong, what the checker says of it, in the order of the lines
    ("lm.layers.Flatten()", "lm.layers.Flaten()", 'no attribute "Flaten"'),
    ("-> lm.schedules.LearningRateSchedule", "-> lm.layers.Layer", "Incompatible return value"),
    ("lm.callbacks.EarlyStopping(", "lm.callbacks.EarlyStop(", 'no attribute "EarlyStop"'),
    ("return lm.nn.gelu", "return lm.nn.l2_loss(1.0)", "Incompatible return value"),
    ("model: keras.Model = network(10)", 'model = network("10")', "Argument 1 to"),
]

TYPES = '''"""The types of what users call."""

from collections.abc import Sequence
from typing import Any, assert_type

import numpy as np

import lamina as lm
from lamina import keras

x = np.zeros((8, 4), np.float32)
dense = lm.layers.Dense(3)
assert_type(dense, lm.layers.Dense)
assert_type(dense(x), lm.Tensor)
model = lm.Sequential([lm.Input((4,)), dense])
assert_type(model, lm.Sequential)
assert_type(model(x), lm.Tensor)
assert_type(model.fit(x, x), lm.callbacks.History)
assert_type(model.evaluate(x, x, return_dict=True), dict[str, float])
loss_value, accuracy = model.evaluate(x, x)
assert model.evaluate(x, x) < 1.0
predictions: np.ndarray = model.predict(x)
assert_type(lm.Model(lm.Input((4,)), dense(x)), lm.Model)
assert_type(keras.Sequential([]), lm.Sequential)


def loss(w: lm.Tensor, scale: float) -> lm.Tensor:
    return lm.sum(w * w) * scale


def of_weights(weights: list[lm.Variable]) -> lm.Tensor:
    return lm.sum(weights[0])


def with_aux(w: lm.Tensor) -> tuple[lm.Tensor, int]:
    return lm.sum(w), 1


w = lm.ones((3,))
assert_type(lm.grad(loss)(w, 2.0), lm.Tensor)
assert_type(lm.grad(with_aux, has_aux=True)(w), tuple[lm.Tensor, int])
assert_type(lm.value_and_grad(loss)(w, 2.0), tuple[lm.Tensor, lm.Tensor])
assert_type(lm.value_and_grad(of_weights)([lm.Variable(w)])[1], list[lm.Variable])
gradients: Sequence[lm.Tensor] = lm.grad(lambda ws: lm.sum(ws[0]))([w])
fast = lm.compile(loss)
assert_type(fast(w, 2.0), lm.Tensor)


@lm.compile(flush_denormals=True)
def step(a: lm.Tensor) -> tuple[lm.Tensor, lm.Tensor]:
    return a, a


assert_type(step(w), tuple[lm.Tensor, lm.Tensor])
assert_type(w + 1, lm.Tensor)
assert_type(w[0], lm.Tensor)
assert_type(w.sum(axis=0), lm.Tensor)
assert_type(w.shape[0] == 3, bool)
assert_type(w.numpy(), np.ndarray)
assert_type(lm.nn.relu(w), lm.Tensor)
assert_type(lm.losses.MeanSquaredError()(w, w), lm.Tensor)
assert_type(keras.ops.matmul(w, w), lm.Tensor)
assert_type(lm.random.normal((2,)), lm.Tensor)
assert_type(lm.linalg.norm(w), lm.Tensor)
assert_type(keras.ops.where(w > 0, w, 0.0), lm.Tensor)
assert_type(keras.ops.where(w > 0), tuple[lm.Tensor, ...])
assert_type(keras.ops.unique(w), lm.Tensor)
values, counts = keras.ops.unique(w, return_counts=True)
assert_type(counts, lm.Tensor)
assert_type(keras.ops.top_k(w, 2).indices, lm.Tensor)
assert_type(keras.ops.cond(w[0] > 0, lambda: lm.sqrt(w), lambda: -w), lm.Tensor)
assert_type(keras.random.normal((2,), seed=keras.random.SeedGenerator(1)), lm.Tensor)
keras.ops.pad(w, [(0, w.shape[0])])
keras.ops.split(w, np.array([1, 2]))
model.compile("adam", loss={"dense": "mse"}, metrics=["mae", lm.metrics.MeanSquaredError()])
model.compile(lm.optimizers.SGD, lambda y, p: lm.mean(p - y), metrics={"dense": ["mae"]})
model.fit({"inputs": x}, [x], validation_data=(x, x), sample_weight=[1.0] * 8, verbose=False)
model.fit(((x, x) for _ in range(2)), validation_data=lm.data.Dataset.from_tensors((x, x)))
lm.layers.Dense(3, kernel_initializer=lm.initializers.HeNormal(seed=lm.random.SeedGenerator(1)))
lm.while_loop(lambda n: n < 3, lambda n: n + 1, lm.asarray(0))
with lm.GradientTape() as tape:
    cost = lm.sum(w * w)
gradients = tape.gradient(cost, model.trainable_weights)
lm.nn.conv(lm.ones((1, 8, 8, 1)), lm.ones((3, 3, 1, 4)), padding=[(1, 1), (0, 2)])
'''
MISUSES = [  # a line, and a wrong one, found by both checkers
    ("fast(w, 2.0)", "fast(w)"),
    ("lm.grad(loss)(w, 2.0), lm.Tensor", "lm.grad(loss)(w, '2').tolst(), lm.Tensor"),
    ("model.fit(x, x), lm", "model.fit(x, x).metrics, lm"),
    ("assert_type(dense(x), lm.Tensor)", "dense(x).shap"),
    ("lm.ones((3, 3, 1, 4)), padding=[(1, 1), (0, 2)]", "lm.ones((3, 3, 1, 4)), padding=1.5"),
    ("seed=keras.random.SeedGenerator(1)", "seed='one'"),
    ("validation_data=(x, x), s", "validation_data=3, s"),
    ("keras.ops.unique(w), lm.Tensor", "keras.ops.unique(w).shap, lm.Tensor"),
    ("lm.losses.MeanSquaredError()(w, w)", 'lm.losses.MeanSquaredError(reductoin="sum")(w, w)'),
]


def calls_of_layers(keywords):
    """A program with a line for each layer, and the number of lines before the first."""
    head = ["from typing import Any", "import lamina as lm", "", "given: Any = None"]
    lines = []
    for name in lm.layers.__all__:
        layer = getattr(lm.layers, name)
        if layer is lm.layers.InputLayer:  # has no weights, so nothing to train
            continue
        if inspect.isclass(layer) and issubclass(layer, lm.layers.Layer):
            required = [
                p
                for p in inspect.signature(layer).parameters.values()
                if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
            ]
            arguments = ", ".join(["given"] * len(required) + [keywords])
            lines.append(f"lm.layers.{name}({arguments})")
    return "\n".join([*head, *lines, ""]), len(head)


def with_errors(text, pairs):
    for before, after, *_ in pairs:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


OPTIONS, _ = calls_of_layers('name="own", dtype="float64", trainable=False')
WRONG_OPTIONS, BEFORE = calls_of_layers('nmae="own"')
FILES = {
    "options.py": OPTIONS,
    "wrong_options.py": WRONG_OPTIONS,
    "right.py": PROGRAM,
    "wrong.py": with_errors(PROGRAM, ERRORS),
    "uses.py": TYPES,
    "misuses.py": with_errors(TYPES, MISUSES),
}


def mypy(folder):
    """The command, and what it needs in its environment."""
    command = [sys.executable, "-m", "mypy", "--follow-imports=silent", "--cache-dir", "cache"]
    return [*command, "--config-file", ""], {"PATH": ""}


def pyright(folder):
    program = shutil.which("pyright", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("pyright is not installed")
    config = {"extraPaths": [str(PACKAGE.parent)], "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    return [program, "--pythonpath", sys.executable], {"HOME": str(folder)}


@pytest.fixture(scope="module", params=[mypy, pyright])
def found(request, tmp_path_factory):
    """The errors of a checker in each file: (line, message)."""
    folder = tmp_path_factory.mktemp("types")
    command, environment = request.param(folder)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    if PACKAGE.parent.name != "site-packages":  # an installed package is found by itself
        environment["MYPYPATH"] = str(PACKAGE.parent)
    done = subprocess.run(
        [*command, *FILES], cwd=folder, env=environment, capture_output=True, text=True
    )
    pattern = re.compile(r"(\w+\.py):(\d+):(?:\d+)?.* error: (.*)")
    matches = [pattern.search(line) for line in done.stdout.splitlines()]
    errors = {name: [(int(m[2]), m[3]) for m in matches if m and m[1] == name] for name in FILES}
    assert sum(map(len, errors.values())), done.stdout + done.stderr
    return errors


def test_a_checker_finds_five_errors_in_a_program_and_none_in_the_right_one(found):
    assert not found["right.py"]
    lines = sorted({line for line, _ in found["wrong.py"]})
    assert len(lines) == len(ERRORS), found["wrong.py"]


def test_mypy_reports_wrong_types(found, request):
    if "pyright" in request.node.callspec.id:
        pytest.skip("its words are others")
    for (_, said), (*_, message) in zip(found["wrong.py"], ERRORS, strict=True):
        assert message in said


def test_results_of_models_gradients_and_compiled_functions_have_types(found):
    assert not found["uses.py"]


def test_a_checker_finds_misuse_of_what_models_and_transforms_return(found):
    lines = {line for line, _ in found["misuses.py"]}
    for _, after in MISUSES:
        text = FILES["misuses.py"].splitlines()
        (number,) = [k for k, line in enumerate(text, 1) if after in line]
        assert number in lines, after


def test_a_checker_knows_the_shared_keywords_of_every_layer(found):
    assert not found["options.py"]
    lines = {line for line, _ in found["wrong_options.py"]}
    text = WRONG_OPTIONS.splitlines()
    assert not [line for k, line in enumerate(text, 1) if k > BEFORE and k not in lines]
    assert not [line for line in lines if line <= BEFORE]


def test_few_public_arguments_and_results_are_any():
    """The share may only become smaller: set it to what tools/count_any.py prints."""
    folder = TOOLS
    script = "import count_any; t = count_any.counts().values(); print(*map(sum, zip(*t)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    some, of = map(int, done.stdout.split())
    assert some / of <= 0.026
