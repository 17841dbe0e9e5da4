"""A Transformer whose weights are divided among devices (Megatron's layout).

Attention heads and the units of the feed-forward network are divided along the mesh's axis "model",
batches along "batch"; XLA inserts the two sums of each block. The task: which of ten symbols occurs
most often in a sequence?

    XLA_FLAGS=--xla_force_host_platform_device_count=8 \
        python examples/tensor_parallel_transformer.py [--along-model 4] [--epochs 10]

Source: Shoeybi et al. 2019, "Megatron-LM: training multi-billion parameter language models using
model parallelism".
"""

import argparse

import numpy as np

import lamina as lm
from lamina.distribution import DeviceMesh, LayoutMap, ModelParallel

SYMBOLS, STEPS = 10, 16


def network(width: int = 32, heads: int = 8) -> lm.Model:
    """Embedding, a block of attention, the mean over the sequence, and a layer of outputs."""
    return lm.Sequential(
        [
            lm.Input((STEPS,)),
            lm.layers.Embedding(SYMBOLS, width),
            lm.layers.TransformerEncoder(4 * width, heads, dropout=0.1),
            lm.layers.GlobalAveragePooling1D(),
            lm.layers.Dense(SYMBOLS, activation="softmax"),
        ]
    )


def layouts(mesh: DeviceMesh) -> LayoutMap:
    """The axes of the mesh that divide each weight; those without a row are copied."""
    rows = LayoutMap(mesh)
    rows["(query|key|value)/kernel"] = (None, "model", None)  # (width, heads, size of a head)
    rows["(query|key|value)/bias"] = ("model", None)
    rows["attention_output/kernel"] = ("model", None, None)  # (heads, size of a head, width)
    rows["feedforward_in/kernel"] = (None, "model")
    rows["feedforward_in/bias"] = ("model",)
    rows["feedforward_out/kernel"] = ("model", None)
    return rows


def data(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sequences in which one symbol is more frequent than the others, and that symbol."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, SYMBOLS, count)
    x = rng.integers(0, SYMBOLS, (count, STEPS))
    return np.where(rng.random(x.shape) < 0.4, y[:, None], x), y


def main(along_model: int = 4, epochs: int = 10, rows: int = 4096) -> list[float]:
    """Train on all devices; returns the losses."""
    count = lm.distribution.get_device_count()
    mesh = DeviceMesh((count // along_model, along_model), ("batch", "model"))
    lm.set_seed(1)
    model = network()
    model.compile(lm.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    with ModelParallel(layout_map=layouts(mesh)).scope():
        history = model.fit(*data(rows), batch_size=64, epochs=epochs, seed=1, verbose=2)
    return history.history["loss"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--along-model", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    main(options.along_model, options.epochs)
