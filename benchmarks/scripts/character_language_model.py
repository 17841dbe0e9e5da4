"""The networks of `examples/character_language_model.py` in PyTorch: the same windows in the same
order, the same optimizer, and weights drawn from the same distributions.

    python -m benchmarks.scripts.character_language_model input.txt [--steps 1500] [--out it.json]
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

CONTEXT, BATCH, PARTS = 128, 16, 6


class Lstm(nn.Module):
    """Embedding, LSTM, a dense layer."""

    rate = 3e-3

    def __init__(self, characters: int, width: int = 128, units: int = 256) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, width)
        self.lstm = nn.LSTM(width, units, batch_first=True)
        self.head = nn.Linear(units, characters)
        nn.init.uniform_(self.embedding.weight, -0.05, 0.05)
        nn.init.xavier_uniform_(self.lstm.weight_ih_l0)
        nn.init.orthogonal_(self.lstm.weight_hh_l0)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.zeros_(self.lstm.bias_hh_l0)
        with torch.no_grad():  # the forget gate's
            self.lstm.bias_ih_l0[units : 2 * units] = 1.0
        _dense(self.head)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.embedding(x))[0])


class Transformer(nn.Module):
    """Token and position embeddings, blocks with normalization first, a dense layer."""

    rate = 1e-3

    def __init__(self, characters: int, width: int = 128, blocks: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(characters, width), nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(blocks)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, characters)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(CONTEXT))
        for table in (self.tokens, self.places):
            nn.init.uniform_(table.weight, -0.05, 0.05)
        # Keras counts the fans of a kernel (width, heads, width / heads) as those of a window
        inner = math.sqrt(6 / (width * (heads + width / heads)))
        outer = math.sqrt(6 / (heads * (width / heads + width)))
        for block in self.blocks:
            nn.init.uniform_(block.self_attn.in_proj_weight, -inner, inner)
            nn.init.uniform_(block.self_attn.out_proj.weight, -outer, outer)
            _dense(block.linear1)
            _dense(block.linear2)
        _dense(self.head)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps = x.shape[1]
        h = self.tokens(x) + self.places.weight[:steps]
        for block in self.blocks:
            h = block(h, src_mask=self.mask[:steps, :steps], is_causal=True)
        return self.head(self.norm(h))


def _dense(layer: nn.Linear) -> None:
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)


MODELS = {"lstm": Lstm, "transformer": Transformer}


def train(name: str, text: str, steps: int, seed: int = 0) -> list[tuple[int, float]]:
    """Steps, and bits a character on the last tenth of the text after them."""
    numbers = {c: k for k, c in enumerate(sorted(set(text)))}
    encoded = np.array([numbers[c] for c in text])
    border = round(len(text) * 0.9)
    starts = np.random.default_rng(0).integers(0, border - CONTEXT, steps * BATCH)
    windows = torch.from_numpy(encoded[starts[:, None] + np.arange(CONTEXT + 1)])
    pieces = np.lib.stride_tricks.sliding_window_view(encoded[border:], CONTEXT + 1)[::CONTEXT]
    unseen = torch.from_numpy(np.ascontiguousarray(pieces))
    torch.manual_seed(seed)
    model = MODELS[name](len(numbers))
    optimizer = torch.optim.Adam(model.parameters(), model.rate, eps=1e-7)
    curve = []
    for part in np.array_split(np.arange(steps), PARTS):
        model.train()
        for step in part:
            optimizer.zero_grad()
            _loss(model, windows[step * BATCH : (step + 1) * BATCH]).backward()
            optimizer.step()
        model.eval()
        with torch.inference_mode():
            nats = sum(_loss(model, rows).item() * len(rows) for rows in unseen.split(64))
        curve.append((int(part[-1]) + 1, nats / len(unseen) / math.log(2)))
        print(f"{name:12}{curve[-1][0]:6} steps   {curve[-1][1]:.3f} bits a character", flush=True)
    return curve


def _loss(model: nn.Module, windows: torch.Tensor) -> torch.Tensor:
    logits = model(windows[:, :-1])
    return functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = options.text.read_text(encoding="utf-8")
    names = options.model or MODELS
    curves = {name: train(name, text, options.steps, options.seed) for name in names}
    if options.out:
        options.out.write_text(json.dumps(curves), encoding="utf-8")
