"""Graph convolution (Kipf and Welling 2017): few labels are enough if citations carry them on.

Cora has 2,708 papers, the words in each, and who cites whom; the subjects of 140 are known. A layer
of the network mixes the features of each paper with those of its neighbors, D^-1/2 (A + I) D^-1/2 H
W, here as a gather along the edges and a sum at their ends. Two such layers with dropout, weight
decay on the first, 200 steps of Adam with all papers at once: the recipe of the paper, without its
early stopping. The second figure is of the same network without edges, which sees only the words
(the paper's figure is of a multilayer perceptron).

    python examples/graphs/gcn_2017.py [--quick] [--figure gcn_2017.png]
"""

import argparse

import numpy as np

import lamina as lm
from lamina.keras import ops

FIGURES = {
    "accuracy on 1,000 papers, %": ("81.5; PyTorch's example 82.5", ".1f"),
    "accuracy without edges, %": ("55.1", ".1f"),
}
SMALL = {"epochs": 30, "seeds": 1}
UNITS, SUBJECTS = 16, 7


class GraphConvolution(lm.layers.Layer):
    """Features mixed along weighted edges: (nodes, features) -> (nodes, units)."""

    def __init__(self, units, edges, weights, decay=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.edges, self.weight_of_edge, self.decay = units, edges, weights, decay

    def build(self, input_shape):
        self.kernel = self.add_weight(
            (input_shape[-1], self.units),
            initializer="glorot_uniform",
            regularizer=lm.regularizers.L2(self.decay),
            name="kernel",
        )
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")

    def call(self, inputs):
        h = inputs @ self.kernel
        sources, targets = self.edges.T
        messages = lm.take(h, sources, axis=0) * self.weight_of_edge[:, None]
        return ops.segment_sum(messages, targets, inputs.shape[0]) + self.bias


def normalized(edges: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges in both directions and self-loops, sorted by target, and the weight of each."""
    loops = np.repeat(np.arange(nodes), 2).reshape(-1, 2)
    both = np.concatenate([edges, edges[:, ::-1], loops])
    both = both[np.argsort(both[:, 1], kind="stable")]
    degree = np.bincount(both[:, 1], minlength=nodes)
    return both, (degree[both] ** -0.5).prod(axis=1).astype("float32")


def network(edges: np.ndarray, nodes: int) -> lm.Sequential:
    """The paper's network of two layers, for a graph with these edges."""
    graph = normalized(edges, nodes)
    return lm.Sequential(
        [
            lm.layers.Dropout(0.5),
            GraphConvolution(UNITS, *graph, decay=2.5e-4),  # the paper's 5e-4 is of half the square
            lm.layers.ReLU(),
            lm.layers.Dropout(0.5),
            GraphConvolution(SUBJECTS, *graph),
        ]
    )


def train(graph, edges: np.ndarray, epochs: int) -> tuple[lm.Sequential, float]:
    """Train on all papers at once; return the network and its accuracy on the test papers, %."""
    nodes = len(graph.labels)
    x = graph.features / np.maximum(graph.features.sum(axis=1, keepdims=True), 1)
    share = np.zeros(nodes, "float32")  # of each paper in the loss, whose mean is over all papers
    share[graph.train] = nodes / len(graph.train)
    model = network(edges, nodes)
    model.compile("adam", lm.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.learning_rate = 0.01
    once = {"batch_size": nodes, "shuffle": False, "verbose": 0}
    model.fit(x, graph.labels, sample_weight=share, epochs=epochs, **once)
    found = model.predict(x, batch_size=nodes, verbose=0).argmax(axis=-1)
    return model, 100 * float((found == graph.labels)[graph.test].mean())


def draw(model: lm.Sequential, graph, path: str) -> None:
    """Draw the papers in the plane of the two main directions of their outputs."""
    from matplotlib.figure import Figure

    nodes = len(graph.labels)
    x = graph.features / np.maximum(graph.features.sum(axis=1, keepdims=True), 1)
    y = model.predict(x, batch_size=nodes, verbose=0)
    y = y - y.mean(axis=0)
    _, _, directions = np.linalg.svd(y, full_matrices=False)
    place = y @ directions[:2].T
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.subplots()
    for a, b in graph.edges[:: max(1, len(graph.edges) // 1500)]:
        axes.plot(*place[[a, b]].T, color="#d8d8d8", linewidth=0.4, zorder=1)
    axes.scatter(*place.T, c=graph.labels, cmap="tab10", s=6, vmax=9, zorder=2)
    axes.scatter(*place[graph.train].T, s=30, facecolors="none", edgecolors="black", zorder=3)
    axes.set(title="papers by subject; circles: the labels that were known", xticks=[], yticks=[])
    figure.savefig(path, dpi=110)


def main(epochs: int = 200, seeds: int = 10, path: str | None = None) -> dict[str, list[float]]:
    """Train with each seed, with and without edges; return the accuracies in percent."""
    graph = lm.datasets.cora.load_data()
    none = np.zeros((0, 2), np.int64)
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in range(seeds):
        for edges, accuracies in zip((graph.edges, none), found.values(), strict=True):
            lm.set_seed(seed)
            model, accuracy = train(graph, edges, epochs)
            accuracies.append(accuracy)
            if path and seed == 0 and edges is graph.edges:
                draw(model, graph, path)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="30 epochs, one seed")
    parser.add_argument("--figure", help="write an image of the papers here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, values in found.items():
        print(f"{name:34}{np.mean(values):8.1f}")
