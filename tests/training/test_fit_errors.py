"""Mistakes and their messages: one of each in a row."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    LaminaError,
    RangeError,
    ShapeError,
    StateError,
    UnknownNameError,
)

X = np.random.Generator(np.random.Philox(1)).normal(size=(40, 4)).astype(np.float32)
LABELS = np.arange(40) % 3
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]


def classifier(loss="sparse_categorical_crossentropy", activation="softmax", units=3, metrics=()):
    model = lm.Sequential([lm.layers.Dense(units, activation, input_shape=(4,), name="head")])
    model.compile("sgd", loss, metrics=list(metrics))
    return model


def bad(column, value, row=7):
    x = X.copy()
    x[row, column] = value
    return x


def fit(x=X, y=LABELS, **how):
    classifier(**how).fit(x, y, verbose=0)


def on_images():
    model = lm.Sequential(
        [
            lm.layers.Conv2D(4, 3, input_shape=(8, 8, 3)),
            lm.layers.Dense(3, "softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


MISTAKES = {
    "wrong feature count": (
        lambda: fit(X[:, :3]),
        ShapeError,
        ["sequential", "(None, 4)", "(None, 3)"],
    ),
    "images that were not flattened": (
        lambda: fit(np.zeros((40, 2, 2), np.float32)),
        ShapeError,
        ["Flatten", "(None, 2, 2)"],
    ),
    "images of another size": (
        lambda: lm.Sequential([lm.Input((8, 8, 3)), lm.layers.Conv2D(2, 3)]).predict(
            np.zeros((2, 8, 9, 3))
        ),
        ShapeError,
        ["(None, 8, 9, 3)", "Input((8, None, 3))", "Resizing"],
    ),
    "sequences of another length": (
        lambda: lm.Sequential([lm.Input((None, 8, 4)), lm.layers.Reshape((-1, 4))]).predict(
            np.zeros((2, 3, 5, 4))
        ),
        ShapeError,
        ["Input((None, None, 4))"],
    ),
    "one label for each place of an image": (
        lambda: on_images().fit(np.zeros((40, 8, 8, 3)), LABELS, verbose=0),
        ShapeError,
        ["(6, 6, 3)", "Flatten()"],
    ),
    "a metric of one-hot labels for class indices": (
        lambda: fit(metrics=["precision"]),
        ShapeError,
        ["precision never broadcasts", "one_hot(y, 3)", "sparse_categorical"],
    ),
    "a metric that needs arguments, by name": (
        lambda: fit(metrics=["confusion_matrix"]),
        ArgumentError,
        ["num_classes must be given", "ConfusionMatrix(num_classes=...)"],
    ),
    "the likeliest of one class": (
        lambda: fit(
            y=LABELS > 0,
            loss="binary_crossentropy",
            activation="sigmoid",
            units=1,
            metrics=["f1_score"],
        ),
        ArgumentError,
        ["one class", "F1Score(threshold=0.5)"],
    ),
    "watching several values at once": (
        lambda: classifier("categorical_crossentropy", metrics=["f1_score"]).fit(
            X, ONE_HOT, verbose=0, callbacks=[lm.callbacks.EarlyStopping("f1_score")]
        ),
        ArgumentError,
        ["EarlyStopping watches 'f1_score', which has 3 values", "macro"],
    ),
    "class weights as a list": (
        lambda: classifier().fit(X, LABELS, class_weight=[1.0, 2.0, 3.0], verbose=0),
        ArgumentError,
        ["[1.0, 2.0, 3.0]", "dict(enumerate(weights))"],
    ),
    "label out of range": (
        lambda: fit(y=np.where(LABELS == 2, 7, LABELS)),
        RangeError,
        ["label 7 at [2]", "3 classes", "8 outputs"],
    ),
    "labels that count from 1": (lambda: fit(y=LABELS + 1), RangeError, ["y - 1"]),
    "negative label": (lambda: fit(y=LABELS - 1), RangeError, ["label -1 at [0]"]),
    "one-hot where indices are due": (
        lambda: fit(y=ONE_HOT),
        ShapeError,
        ["(40, 3)", "one-hot", "categorical_crossentropy"],
    ),
    "indices where one-hot is due": (
        lambda: fit(loss="categorical_crossentropy"),
        ShapeError,
        ["(40,)", "class indices", "sparse_categorical_crossentropy"],
    ),
    "(n,) against (n, 3)": (
        lambda: fit(y=X[:, 0], loss="mse", activation=None),
        ShapeError,
        ["(40,)", "(40, 3)", "never broadcasts"],
    ),
    "(n, 2) against (n, 1)": (
        lambda: fit(y=X[:, :2], loss="mse", activation=None, units=1),
        ShapeError,
        ["(40, 2)", "(40, 1)"],
    ),
    "NaN": (lambda: fit(bad(2, np.nan)), DataError, ["x", "column 2", "NaN", "row 7"]),
    "infinity": (lambda: fit(bad(1, np.inf)), DataError, ["column 1", "infinite", "row 7"]),
    "NaN in targets": (
        lambda: fit(y=bad(0, np.nan)[:, :3], loss="mse", activation=None),
        DataError,
        ["y", "NaN"],
    ),
    "strings": (
        lambda: fit(y=np.array(["cat", "dog"] * 20)),
        DTypeError,
        ["y", "string", "'cat'"],
    ),
    "objects": (
        lambda: fit(np.array([[1, "a", 2, 3]] * 40, dtype=object)),
        DTypeError,
        ["x", "'a'"],
    ),
    "no rows": (lambda: fit(X[:0], LABELS[:0]), DataError, ["no rows", "x and y"]),
    "unequal lengths": (lambda: fit(y=LABELS[:30]), DataError, ["x has 40", "y has 30"]),
    "weights of another length": (
        lambda: classifier().fit(X, LABELS, sample_weight=np.ones(39), verbose=0),
        DataError,
        ["sample_weight has 39"],
    ),
    "negative weights": (
        lambda: classifier().fit(X, LABELS, sample_weight=-np.ones(40), verbose=0),
        RangeError,
        ["sample_weight", "-1"],
    ),
    "weight of a class without samples": (
        lambda: classifier().fit(X, LABELS, class_weight={5: 2.0}, verbose=0),
        ArgumentError,
        ["class 5", "0, 1, 2"],
    ),
    "no targets": (lambda: classifier().fit(X, verbose=0), ArgumentError, ["y is missing"]),
    "unknown loss": (
        lambda: classifier("sparse_categorical_crosentropy"),
        UnknownNameError,
        ["'sparse_categorical_crossentropy'"],
    ),
    "unknown optimizer": (
        lambda: classifier().compile("adma", "mse"),
        UnknownNameError,
        ["'adma'", "did you mean", "'adam'"],
    ),
    "unknown metric": (
        lambda: classifier(metrics=["acuracy"]),
        UnknownNameError,
        ["'acuracy'", "did you mean"],
    ),
    "logits into a loss for probabilities": (
        lambda: fit(activation=None),
        ArgumentError,
        ["takes probabilities", "'linear'", "from_logits=True"],
    ),
    "probabilities into a loss for logits": (
        lambda: fit(loss=lm.losses.SparseCategoricalCrossentropy(from_logits=True)),
        ArgumentError,
        ["from_logits=True", "softmax", "second"],
    ),
    "softmax after softmax": (
        lambda: twice(),
        ArgumentError,
        ["softmax", "second"],
    ),
    "ambiguous accuracy": (
        lambda: fit(y=ONE_HOT, loss="mse", metrics=["accuracy"]),
        ArgumentError,
        ["'accuracy' is ambiguous", "mean_squared_error", "categorical_accuracy"],
    ),
    "fit before compile": (
        lambda: lm.Sequential([lm.layers.Dense(1, input_shape=(4,))]).fit(X, X[:, :1]),
        StateError,
        ["fit", "compile"],
    ),
    "evaluate before compile": (
        lambda: lm.Sequential([lm.layers.Dense(1, input_shape=(4,))]).evaluate(X, X[:, :1]),
        StateError,
        ["evaluate", "compile"],
    ),
    "split and data for validation": (
        lambda: classifier().fit(X, LABELS, validation_split=0.1, validation_data=(X, LABELS)),
        ArgumentError,
        ["validation_split or validation_data"],
    ),
    "a split beyond 1": (
        lambda: classifier().fit(X, LABELS, validation_split=1.5),
        RangeError,
        ["fit: invalid validation_split", "below 1", "got 1.5"],
    ),
    "batches of nothing": (
        lambda: classifier().fit(X, LABELS, batch_size=0),
        RangeError,
        ["fit: invalid batch_size", "got 0"],
    ),
    "half an epoch": (
        lambda: classifier().fit(X, LABELS, epochs=1.5),
        RangeError,
        ["fit: invalid epochs", "an integer", "got 1.5"],
    ),
    "a callback that is none": (
        lambda: classifier().fit(X, LABELS, callbacks=[print], verbose=0),
        ArgumentError,
        ["Callback"],
    ),
    "watching what is not there": (
        lambda: classifier().fit(
            X, LABELS, verbose=0, callbacks=[lm.callbacks.EarlyStopping("val_los")]
        ),
        UnknownNameError,
        ["'val_los'", "validation_data"],
    ),
    "data that cannot be split for iterables": (
        lambda: classifier().fit([(X, LABELS)], validation_split=0.5, verbose=0),
        ArgumentError,
        ["validation_split", "iterable"],
    ),
    "a batch size with batches": (
        lambda: classifier().fit([(X, LABELS)], batch_size=8, verbose=0),
        ArgumentError,
        ["batch_size is 8", "iterable", "dataset.batch"],
    ),
    "a batch size with batches to evaluate": (
        lambda: classifier().evaluate([(X, LABELS)], batch_size=8, verbose=0),
        ArgumentError,
        ["batch_size is 8"],
    ),
    "a batch size with batches to predict": (
        lambda: classifier().predict([(X, LABELS)], batch_size=8, verbose=0),
        ArgumentError,
        ["batch_size is 8"],
    ),
    "a batch size with batches to validate with": (
        lambda: classifier().fit(
            X, LABELS, validation_data=[(X, LABELS)], validation_batch_size=8, verbose=0
        ),
        ArgumentError,
        ["validation_batch_size is 8"],
    ),
    "targets with batches to evaluate": (
        lambda: classifier().evaluate([(X, LABELS)], LABELS, verbose=0),
        ArgumentError,
        ["y goes with arrays"],
    ),
    "a batch of one element": (
        lambda: classifier().fit(iter([(X, LABELS, None, None)]), verbose=0),
        ArgumentError,
        ["tuple of 4"],
    ),
    "an iterable that is used up": (
        lambda: classifier().fit(iter([(X, LABELS)]), epochs=2, verbose=0),
        DataError,
        ["epoch 2", "steps_per_epoch"],
    ),
}


def twice():
    model = lm.Sequential(
        [
            lm.layers.Dense(3, "softmax", input_shape=(4,)),
            lm.layers.Activation("softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, verbose=0)


@pytest.mark.parametrize("name", MISTAKES)
def test_message(name):
    make, kind, parts = MISTAKES[name]
    with pytest.raises(kind) as raised:
        make()
    message = str(raised.value)
    assert isinstance(raised.value, LaminaError)
    assert [part for part in parts if part not in message] == [], message
    assert "hint" in message or name in NEED_NO_HINT, message


NEED_NO_HINT = {
    "batches of nothing",
    "half an epoch",
    "split and data for validation",
    "a split beyond 1",
    "a batch of one element",
    "weight of a class without samples",
    "(n, 2) against (n, 1)",
}


def test_nothing_has_changed_after_a_mistake():
    model = classifier()
    before = model.get_weights()
    with pytest.raises(LaminaError):
        model.fit(X, LABELS + 5, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_a_column_of_targets_is_the_same_as_a_row():
    """(n,) and (n, 1) are the same n numbers: accepted, and nothing is broadcast."""
    losses = []
    for y in (X[:, 0], X[:, :1]):
        lm.set_seed(1)
        model = lm.Sequential([lm.layers.Dense(1, input_shape=(4,))])
        model.compile("sgd", "mse")
        losses.append(model.fit(X, y, seed=1, verbose=0).history["loss"])
    assert losses[0] == losses[1]


def test_a_loss_that_becomes_nan_is_reported():
    model = lm.Sequential([lm.layers.Dense(3, input_shape=(4,))])
    model.compile(lm.optimizers.SGD(1e30), "mse")
    with pytest.warns(UserWarning, match="loss is (nan|inf).*learning rate"):
        model.fit(X, ONE_HOT, epochs=1, batch_size=4, verbose=0)
