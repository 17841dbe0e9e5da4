"""Graph attention (Velickovic et al. 2018): a paper chooses which of its neighbors to listen to.

The data are those of gcn_2017.py: Cora's 2,708 papers, of which 140 have labels. A head of the
layer transforms the features, scores every edge, LeakyReLU(a . W h_i + b . W h_j), and averages the
neighbors by the softmax of the scores of the edges that end at a paper. Eight heads of eight
features, then one head of the seven subjects; dropout of 0.6 on inputs and on the shares of the
neighbors. The paper stops early, after up to 100 epochs without progress; here training ends after
a fixed number of epochs. The second figure says how far the shares are from equal ones: their
entropy divided by that of equal shares, which is 1 for graph convolution: on Cora, nearly equal
shares are enough.

    python examples/graphs/gat_2018.py [--quick] [--figure gat_2018.png]
"""

import argparse

import numpy as np

import lamina as lm
from lamina.keras import ops

FIGURES = {
    "accuracy on 1,000 papers, %": ("83.0; PyTorch's example 81.25", ".1f"),
    "entropy of the shares (equal shares: 1)": ("below 1", ".3f"),
}
SMALL = {"epochs": 30, "seeds": 1}
HEADS, UNITS, SUBJECTS = 8, 8, 7
DROPOUT, DECAY = 0.6, 2.5e-4  # the paper's 5e-4 is of half the square


class GraphAttention(lm.layers.Layer):
    """Features averaged along edges by attention: (nodes, features) -> (nodes, heads * units)."""

    def __init__(self, heads, units, edges, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.units, self.edges = heads, units, edges
        self.dropout = lm.layers.Dropout(DROPOUT)

    def build(self, input_shape):
        decay = lm.regularizers.L2(DECAY)
        shapes = {
            "kernel": (input_shape[-1], self.heads * self.units),
            "source_score": (1, self.heads, self.units),
            "target_score": (1, self.heads, self.units),
        }
        for name, shape in shapes.items():
            setattr(self, name, self.add_weight(shape, regularizer=decay, name=name))
        self.bias = self.add_weight((self.heads * self.units,), initializer="zeros", name="bias")

    def shares(self, h):
        """The share of each edge at its end, (edges, heads), from (nodes, heads, units)."""
        nodes, (sources, targets) = h.shape[0], self.edges.T
        source = lm.sum(h * self.source_score, axis=-1)
        target = lm.sum(h * self.target_score, axis=-1)
        score = lm.nn.leaky_relu(
            lm.take(source, sources, axis=0) + lm.take(target, targets, axis=0), 0.2
        )
        largest = lm.stop_gradient(ops.segment_max(score, targets, nodes))
        weight = lm.exp(score - lm.take(largest, targets, axis=0))
        return weight / lm.take(ops.segment_sum(weight, targets, nodes), targets, axis=0)

    def transformed(self, inputs):
        return lm.reshape(inputs @ self.kernel, (-1, self.heads, self.units))

    def call(self, inputs):
        h, (sources, targets) = self.transformed(inputs), self.edges.T
        shares = self.dropout(self.shares(h))[..., None]
        messages = shares * lm.take(self.dropout(h), sources, axis=0)
        mixed = ops.segment_sum(messages, targets, inputs.shape[0])
        return lm.reshape(mixed, (-1, self.heads * self.units)) + self.bias


def with_loops(edges: np.ndarray, nodes: int) -> np.ndarray:
    """Edges in both directions and from each node to itself, sorted by target."""
    loops = np.repeat(np.arange(nodes), 2).reshape(-1, 2)
    both = np.concatenate([edges, edges[:, ::-1], loops])
    return both[np.argsort(both[:, 1], kind="stable")]


def network(edges: np.ndarray) -> lm.Sequential:
    """The paper's network of two layers."""
    return lm.Sequential(
        [
            lm.layers.Dropout(DROPOUT),
            GraphAttention(HEADS, UNITS, edges),
            lm.layers.ELU(),
            lm.layers.Dropout(DROPOUT),
            GraphAttention(1, SUBJECTS, edges),
        ]
    )


def train(graph, edges: np.ndarray, epochs: int) -> tuple[lm.Sequential, np.ndarray]:
    """Train on all papers at once; return the network and the normalized features."""
    nodes = len(graph.labels)
    x = graph.features / np.maximum(graph.features.sum(axis=1, keepdims=True), 1)
    share = np.zeros(nodes, "float32")  # of each paper in the loss, whose mean is over all papers
    share[graph.train] = nodes / len(graph.train)
    model = network(edges)
    loss = lm.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(lm.optimizers.Adam(0.005), loss)
    once = {"batch_size": nodes, "shuffle": False, "verbose": 0}
    model.fit(x, graph.labels, sample_weight=share, epochs=epochs, **once)
    return model, x


def entropy(model: lm.Sequential, x: np.ndarray, edges: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean entropy of the first layer's shares relative to equal ones, and the shares' mean."""
    layer = model.layers[1]
    shares = layer.shares(layer.transformed(x)).numpy()
    bits = np.zeros((len(x), shares.shape[1]))
    np.add.at(bits, edges[:, 1], -shares * np.log(np.maximum(shares, 1e-12)))
    degree = np.bincount(edges[:, 1], minlength=len(x))
    several = degree > 1
    return float((bits[several] / np.log(degree[several])[:, None]).mean()), shares


def draw(shares: np.ndarray, edges: np.ndarray, path: str) -> None:
    """Draw how much each head's shares differ from equal ones."""
    from matplotlib.figure import Figure

    degree = np.bincount(edges[:, 1])[edges[:, 1]]
    relative = (shares * degree[:, None])[degree > 1]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.boxplot(list(relative.T), showfliers=False, whis=(5, 95))
    axes.axhline(1, color="#c8382b", linestyle=":")
    axes.set(xlabel="head", ylabel="share of a neighbor / equal share")
    axes.set_title("what each head listens to; dotted: graph convolution")
    figure.savefig(path, dpi=110)


def main(epochs: int = 200, seeds: int = 10, path: str | None = None) -> dict[str, list[float]]:
    """Train with each seed; return accuracies in percent and entropies of the shares."""
    graph = lm.datasets.cora.load_data()
    edges = with_loops(graph.edges, len(graph.labels))
    accuracies, entropies = [], []
    for seed in range(seeds):
        lm.set_seed(seed)
        model, x = train(graph, edges, epochs)
        found = model.predict(x, batch_size=len(x), verbose=0).argmax(axis=-1)
        accuracies.append(100 * float((found == graph.labels)[graph.test].mean()))
        ratio, shares = entropy(model, x, edges)
        entropies.append(ratio)
        if path and seed == 0:
            draw(shares, edges, path)
    return dict(zip(FIGURES, (accuracies, entropies), strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="30 epochs, one seed")
    parser.add_argument("--figure", help="write an image of the shares here")
    arguments = parser.parse_args()
    found = main(**(SMALL if arguments.quick else {}), path=arguments.figure)
    for name, values in found.items():
        print(f"{name:42}{np.mean(values):8.3f}")
