"""Mistakes that users make, and models whose summary they read: the sources of golden texts."""

import textwrap

import numpy as np

import lamina as lm
from lamina import layers as L

X = np.zeros((8, 4), "float32")
Y = np.zeros(8, "int32")


def model(*layers, loss="sparse_categorical_crossentropy", metrics=("accuracy",)):
    """A compiled classifier of four features."""
    made = lm.Sequential([lm.Input((4,)), *layers] if layers else [
        lm.Input((4,)), L.Dense(8, "relu"), L.Dense(3, "softmax")
    ])  # fmt: skip
    made.compile("adam", loss, metrics=list(metrics))
    return made


def unbuilt():
    return lm.Sequential([L.Dense(3)])


# name -> what the user does
MISTAKES = {
    "matmul of shapes that do not fit": lambda: lm.ones((2, 3)) @ lm.ones((2, 3)),
    "broadcast of shapes that do not fit": lambda: lm.ones((2, 3)) + lm.ones((2, 4)),
    "concat of other extents": lambda: lm.concat([lm.ones((2, 3)), lm.ones((3, 4))]),
    "reshape to another size": lambda: lm.ones((2, 3)).reshape(4, 2),
    "index out of bounds": lambda: lm.ones((3,))[5],
    "axis out of range": lambda: lm.sum(lm.ones((2, 3)), axis=2),
    "assignment to an element": lambda: exec("x[0] = 1.0", {"x": lm.ones(3)}),
    "string as a tensor": lambda: lm.asarray("abc"),
    "scalar operand of matmul": lambda: lm.ones((2, 3)) @ 2.0,
    "truth of several elements": lambda: bool(lm.ones(3)),
    "branch on a traced value": lambda: lm.compile(lambda x: 1.0 if x.sum() > 0 else x)(lm.ones(3)),
    "gradient of a vector": lambda: lm.grad(lambda x: x * 2)(lm.ones(3)),
    "gradient of an integer": lambda: lm.grad(lambda x: x * x)(lm.asarray(3)),
    "misspelled function": lambda: lm.sofmax,
    "misspelled layer": lambda: L.Desne,
    "function of another framework": lambda: lm.jit,
    "misspelled keras module": lambda: lm.keras.applicatons,
    "unknown activation": lambda: L.Dense(3, activation="rellu"),
    "unknown argument of a layer": lambda: L.Dense(3, activaton="relu"),
    "unknown argument of a loss": lambda: lm.losses.MeanSquaredError(reductoin="sum"),
    "unknown argument of fit": lambda: model().fit(X, Y, epoch=3),
    "negative units": lambda: L.Dense(-3),
    "float units": lambda: L.Dense(2.5),
    "unknown optimizer": lambda: unbuilt().compile("adm", "mse"),
    "unknown loss": lambda: unbuilt().compile("adam", "crossentropy"),
    "unknown metric": lambda: unbuilt().compile("adam", "mse", metrics=["acuracy"]),
    "metrics in place of loss_weights": lambda: unbuilt().compile("adam", "mse", ["accuracy"]),
    "fit before compile": lambda: unbuilt().fit(X, Y, verbose=0),
    "summary of weights before build": lambda: unbuilt().get_weights(),
    "wrong number of features": lambda: model().predict(np.zeros((8, 5)), verbose=0),
    "flat rows for an Input of images": (
        lambda: lm.Sequential([lm.Input((2, 2)), L.Flatten()]).predict(X, verbose=0)
    ),
    "unequal lengths": lambda: model().fit(X, Y[:7], verbose=0),
    "NaN in the data": lambda: model().fit(X * np.nan, Y, verbose=0),
    "labels that count from one": lambda: model().fit(X, Y + 3, verbose=0),
    "one-hot labels for a loss of indices": lambda: model().fit(X, np.eye(3)[Y], verbose=0),
    "indices for a loss of one-hot labels": (
        lambda: model(L.Dense(3, "softmax"), loss="categorical_crossentropy").fit(X, Y, verbose=0)
    ),
    "targets of another shape": (
        lambda: model(L.Dense(2), loss="mse", metrics=()).fit(X, np.zeros((8, 3)), verbose=0)
    ),
    "loss of probabilities without softmax": lambda: model(L.Dense(3)).fit(X, Y, verbose=0),
    "strings as data": lambda: model().fit(X.astype(str), Y, verbose=0),
    "window larger than the image": lambda: L.Conv2D(8, 5)(np.zeros((1, 3, 3, 1))),
    "convolution of vectors": lambda: L.Conv2D(8, 3)(X),
    "index beyond a vocabulary": lambda: L.Embedding(10, 4)(np.array([[1, 12]])),
    "model file that does not exist": lambda: lm.load_model("no/such/model.lamina"),
    "unknown setting": lambda: setattr(lm.settings, "thread", 1),
    "streaming of a bidirectional layer": (
        lambda: lm.Sequential([lm.Input((None, 4)), L.Bidirectional(L.LSTM(3))]).stream()
    ),
}


def message(do):
    """The type and the text of the error of a mistake."""
    lm.set_seed(0)
    try:
        do()
    except Exception as error:  # noqa: BLE001  (any error is recorded)
        return f"{type(error).__name__}: {error}"
    return "no error"


def errors_text():
    """The golden text of all mistakes."""
    return "\n".join(
        f"## {name}\n{textwrap.indent(message(do), '  ')}\n" for name, do in MISTAKES.items()
    )


def functional():
    a, b = lm.Input((8,), name="left"), lm.Input((4,), name="right")
    h = L.Concatenate()([L.Dense(16, "relu", name="hidden")(a), b])
    return lm.Model([a, b], [L.Dense(3, name="scores")(h), L.Dense(1, name="value")(h)], name="two")


SUMMARIES = {
    "dense": lambda: model(),
    "convolutional": lambda: lm.Sequential([
        lm.Input((28, 28, 1)),
        L.Conv2D(32, 3, padding="same", activation="relu"),
        L.BatchNormalization(),
        L.MaxPooling2D(),
        L.Flatten(),
        L.Dense(10, activation="softmax"),
    ]),
    "recurrent, any length": lambda: lm.Sequential([
        lm.Input((None,), dtype="int32"),
        L.Embedding(1000, 32, mask_zero=True),
        L.Bidirectional(L.LSTM(16, return_sequences=True)),
        L.LSTM(8),
        L.Dense(1, "sigmoid"),
    ]),
    "two inputs and two outputs": functional,
    "not built": unbuilt,
}  # fmt: skip


def summaries_text():
    """The golden text of all summaries."""
    parts = []
    for name, make in SUMMARIES.items():
        lines = []
        make().summary(print_fn=lines.append, line_length=80)
        parts.append(f"## {name}\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


TEXTS = {"errors": errors_text, "summaries": summaries_text}
