"""Write files of every kind with this version of Lamina, which all later versions must read.

    python tools/write_golden_files.py NAME

makes tests/saving/golden/NAME with a model file, the folder of a model, weights, and that of a
training, with what is expected of them in expected.json. Files that are there are never written
again: who changes a format raises its version, and adds a folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import lamina as lm

GOLDEN = Path(__file__).parent.parent / "tests" / "saving" / "golden"
L = lm.layers


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.Generator(np.random.Philox(7))
    return rng.normal(size=(12, 6, 6, 1)).astype("float32"), np.arange(12) % 3


def model() -> Any:
    """A model with operations, layers, a schedule and objectives of several kinds."""
    lm.set_seed(1)
    inputs = lm.Input((6, 6, 1))
    x = L.Conv2D(2, 3, activation="relu", padding="same", kernel_regularizer="l2")(inputs)
    x = L.BatchNormalization()(x) + L.Conv2D(2, 1)(inputs)
    x = L.Dropout(0.2)(L.Reshape((6, 12))(x))
    outputs = L.Dense(3, "softmax")(L.LSTM(3)(x))
    made = lm.Model(inputs, outputs)
    rate = lm.optimizers.schedules.CosineDecay(0.01, 100)
    loss = lm.losses.SparseCategoricalCrossentropy()
    made.compile(lm.optimizers.AdamW(rate), loss, metrics=["accuracy"])
    return made


def watchers() -> list[Any]:
    return [lm.callbacks.EarlyStopping("loss", patience=3, restore_best_weights=True),
            lm.callbacks.ReduceLROnPlateau("accuracy", patience=2)]  # fmt: skip


def digest(made: Any) -> str:
    """SHA-256 of the weights and of the optimizer's state."""
    arrays = [v.numpy() for v in (*made.weights, *made.optimizer.variables)]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def write(folder: Path) -> None:
    x, y = data()
    made = model()
    made.compile("adam", lm.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    history = made.fit(x, y, epochs=2, batch_size=4, seed=3, verbose=0, callbacks=watchers(),
                       checkpoint=folder / "run", every=2)  # fmt: skip
    (folder / "run" / "final.state").unlink()
    expected: dict[str, Any] = {
        "lamina": lm.__version__,
        "run": {"digest": digest(made), "history": history.history},
    }
    made = model()
    made.fit(x, y, epochs=1, batch_size=4, seed=3, verbose=0)
    made.save(folder / "model.lamina")
    made.save(folder / "model", zipped=False)
    made.save_weights(folder / "weights.safetensors")
    expected["model"] = {"digest": digest(made), "outputs": made.predict(x, verbose=0).tolist()}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("name", help="name of the folder, such as the number of the format")
    folder = GOLDEN / parser.parse_args().name
    if folder.exists():
        sys.exit(f"{folder}: is there already; golden files are never written again")
    folder.mkdir(parents=True)
    write(folder)


if __name__ == "__main__":
    main()
