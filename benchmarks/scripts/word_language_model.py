"""The network of examples/word_language_model.py in PyTorch, or in Lamina, on the same text:

    python -m benchmarks.scripts.word_language_model torch|lamina [EPOCHS] [--tied]

Both begin with the same weights and see the same batches in the same order; dropout is drawn by
each in its own way. Prints the perplexity on the validation part after each epoch, and how long
training took, as JSON.
"""

from __future__ import annotations

import json
import math
import runpy
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import lamina as lm
from benchmarks.worker import private_output

EXAMPLE = runpy.run_path(
    str(Path(__file__).resolve().parents[2] / "examples" / "word_language_model.py")
)
BATCH, STEPS = EXAMPLE["BATCH"], EXAMPLE["STEPS"]


def in_lamina(corpus: Any, epochs: int, tied: bool) -> list[float]:
    return EXAMPLE["train"](corpus, epochs, tied=tied)[1]  # type: ignore[no-any-return]


def in_torch(corpus: Any, epochs: int, tied: bool) -> list[float]:
    """As the training loop of PyTorch's example, with Adam."""
    import torch

    torch.manual_seed(1)
    torch.set_num_threads(lm.settings.threads)
    network = torch_network(corpus.vocabulary_size, tied)
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, EXAMPLE["RATE"], eps=1e-7)
    batches = as_batches(corpus.lanes(BATCH, STEPS))
    held_out = as_batches(corpus.lanes(BATCH, STEPS, part="validation"))
    perplexities: list[float] = []
    for _ in range(epochs):
        network.train()
        states = None
        for x, y in batches:
            optimizer.zero_grad()
            logits, states = network(x, states)
            states = [tuple(s.detach() for s in pair) for pair in states]
            torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten()).backward()
            torch.nn.utils.clip_grad_norm_(parameters, EXAMPLE["CLIP"])
            optimizer.step()
        perplexities.append(math.exp(torch_loss(network, held_out)))
        print(f"epoch {len(perplexities)}: {perplexities[-1]:.2f}", file=sys.stderr)
        if perplexities[-1] > min(perplexities):
            for group in optimizer.param_groups:
                group["lr"] *= 0.25
    return perplexities


def as_batches(lanes: tuple[np.ndarray, np.ndarray]) -> list[Any]:
    import torch

    x, y = (torch.from_numpy(a.reshape(-1, BATCH, STEPS)).long() for a in lanes)
    return list(zip(x, y, strict=True))


def torch_loss(network: Any, batches: list[Any]) -> float:
    import torch

    network.eval()
    total, states = 0.0, None
    with torch.no_grad():
        for x, y in batches:
            logits, states = network(x, states)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
            total += loss.item() / len(batches)
    return total


def torch_network(words: int, tied: bool) -> Any:
    """The network, with the weights that Lamina's begins with."""
    import torch

    lm.set_seed(1)
    begun = {k: v.numpy() for k, v in EXAMPLE["build"](words, 1, tied=tied).named_weights().items()}
    width = begun["embedding/embeddings"].shape[1]

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(words, width)
            self.recurrent = torch.nn.ModuleList(
                torch.nn.LSTM(width, width, batch_first=True) for _ in range(2)
            )
            self.dropout = torch.nn.Dropout(0.2)
            self.out = torch.nn.Linear(width, words)
            if tied:
                self.out.weight = self.embedding.weight

        def forward(self, tokens: Any, states: Any) -> Any:
            h, kept = self.dropout(self.embedding(tokens)), []
            for k, layer in enumerate(self.recurrent):
                h, state = layer(h, None if states is None else states[k])
                h = self.dropout(h)
                kept.append(state)
            return self.out(h), kept

    network = Network()
    put(network.embedding.weight, begun["embedding/embeddings"])
    for k, layer in enumerate(network.recurrent):
        name = "lstm" if k == 0 else f"lstm_{k}"
        cell = next(key for key in begun if key.startswith(f"{name}/")).rpartition("/")[0]
        put(layer.weight_ih_l0, begun[f"{cell}/kernel"].T)
        put(layer.weight_hh_l0, begun[f"{cell}/recurrent_kernel"].T)
        put(layer.bias_ih_l0, begun[f"{cell}/bias"])
        put(layer.bias_hh_l0, np.zeros(4 * width, np.float32))
        layer.bias_hh_l0.requires_grad = False  # one bias is enough, and Lamina has one
    put(network.out.bias, np.zeros(words, np.float32))
    if not tied:
        put(network.out.weight, begun["dense/kernel"].T)
    return network


def put(parameter: Any, array: np.ndarray) -> None:
    import torch

    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.array(array)))


def main(framework: str, epochs: int, tied: bool) -> None:
    channel = private_output()
    text = lm.datasets.wikitext2.load_data("test")
    corpus = lm.data.WordCorpus(text, validation=0.1, max_words=10_000)
    began = time.perf_counter()
    run = {"torch": in_torch, "lamina": in_lamina}[framework]
    perplexities = run(corpus, epochs, tied)
    seconds = time.perf_counter() - began
    print(json.dumps({"perplexities": perplexities, "seconds": round(seconds, 1)}), file=channel)


if __name__ == "__main__":
    numbers = [each for each in sys.argv[2:] if each != "--tied"]
    main(sys.argv[1], int(numbers[0]) if numbers else 6, "--tied" in sys.argv)
