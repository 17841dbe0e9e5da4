"""PyTorch's side: eager with its fused Adam, and compiled in one of two forms.

Where nothing but weights is state, the compiled form differentiates with `torch.func` and writes
Adam out, so that forward, backward and update are one graph; that was faster than compiling loss
and optimizer each (0.50 against 0.58 ms for the MLP at batch 32). Batch normalization has other
state, and `nn.GRU` is not a graph: there model and loss are compiled, and Adam is the fused one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contestants import Prepare, Trial
from benchmarks.data import examples, witness
from benchmarks.frameworks import torch_networks
from benchmarks.frameworks.torch_networks import filled
from benchmarks.networks import BY_NAME

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))

NO_GRAPH = (nn.RNNBase, nn.BatchNorm1d, nn.BatchNorm2d)
"""Modules with which a whole step cannot be one graph."""

Step = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""`x, labels -> loss`, and the model is updated."""


def batches(network: str, batch: int, steps: int) -> list[tuple[torch.Tensor, ...]]:
    """The data as resident tensors, one pair a step; images as NCHW in channels-last memory."""
    x, y = examples(BY_NAME[network], batch * steps)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y).long()
    if x.ndim == 4:
        inputs = inputs.permute(0, 3, 1, 2)
    return list(zip(inputs.split(batch), labels.split(batch), strict=True))


def training(prepare: Callable[[str], Step], network: str, batch: int, steps: int) -> Trial:
    """A trial takes a step on each batch."""
    step, data = prepare(network), batches(network, batch, steps)

    def trial() -> float:
        for x, y in data:
            loss = step(x, y)
        return loss.item()

    return trial


def eager(network: str) -> Step:
    """The training loop of every PyTorch tutorial."""
    model = filled(torch_networks.EAGER[network](), network)
    return with_fused_adam(model, lambda x, y: functional.cross_entropy(model(x), y))


def compiled(network: str) -> Step:
    """The faster compiled form of the two."""
    model = filled(torch_networks.COMPILED[network](), network)
    if any(isinstance(part, NO_GRAPH) for part in model.modules()):
        loss_of = torch.compile(lambda x, y: functional.cross_entropy(model(x), y))
        return with_fused_adam(model, loss_of)
    return whole_step(model)


def with_fused_adam(model: nn.Module, loss_of: Step) -> Step:
    """`zero_grad`, `backward` and `step` around a loss."""
    optimizer = torch.optim.Adam(model.parameters(), eps=1e-7, fused=True)

    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        optimizer.step()
        return loss

    return step


def whole_step(model: nn.Module) -> Step:
    """One graph, which also updates the model's parameters by Adam, in place."""
    parameters = {name: value.detach() for name, value in model.named_parameters()}
    means = {name: torch.zeros_like(value) for name, value in parameters.items()}
    squares = {name: torch.zeros_like(value) for name, value in parameters.items()}
    count = torch.zeros(())

    def loss_of(parameters: dict, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(torch.func.functional_call(model, parameters, (x,)), y)

    @partial(torch.compile, fullgraph=True)
    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        gradients, loss = torch.func.grad_and_value(loss_of)(parameters, x, y)
        count.add_(1)
        rate = 1e-3 * torch.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        for name, g in gradients.items():
            mean = means[name].lerp_(g, 0.1)
            square = squares[name].mul_(0.999).addcmul_(g, g, value=0.001)
            parameters[name].sub_(rate * mean / (square.sqrt() + 1e-7))
        return loss

    return step


def predict(compile: bool, network: str, batch: int, steps: int) -> Trial:
    """The forward pass with its softmax, on resident tensors, without recording gradients.

    Compiled with `freezing`: weights are constants, and are laid out again for the products.
    """
    model = nn.Sequential(filled(torch_networks.EAGER[network](), network), nn.Softmax(dim=1))
    model.eval()
    forward = torch.compile(model, options={"freezing": True}) if compile else model
    rows = [x for x, _ in batches(network, batch, steps)]

    @torch.inference_mode()
    def trial() -> float:
        for row in rows:
            result = forward(row)
        return witness(result.numpy())

    return trial


# ---- one step of a stream ----------------------------------------------------------------------
def stream(form: Callable[[], Callable], batch: int, steps: int) -> Trial:
    """One time step a call, the state kept from call to call, until the trial ends."""
    step = form()
    units = BY_NAME["stream"].classes
    rows = [x[:, 0] for x, _ in batches("stream", batch, steps)]

    @torch.inference_mode()
    def trial() -> float:
        h = c = torch.zeros(batch, units)
        for row in rows:
            h, c = step(row, h, c)
        return witness(h.numpy())

    return trial


def cell(compile: bool) -> Callable:
    """`nn.LSTMCell`."""
    module = nn.LSTMCell(64, 256)
    torch_networks.fill_cell(module, iter(BY_NAME["stream"].weights()))
    called = torch.compile(module, options={"freezing": True}) if compile else module
    return lambda row, h, c: called(row, (h, c))


def layer() -> Callable:
    """`nn.LSTM`, given sequences of one step."""
    module = nn.LSTM(64, 256)
    torch_networks.fill_cell(module, iter(BY_NAME["stream"].weights()))

    def step(row: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple:
        _, (h, c) = module(row[None], (h[None], c[None]))
        return h[0], c[0]

    return step


TRAINED = tuple(torch_networks.EAGER)
PREDICTED = ("mlp", "vgg")

EAGER: dict[str, Prepare] = {
    **{name: partial(training, eager, name) for name in TRAINED},
    **{f"predict-{name}": partial(predict, False, name) for name in PREDICTED},
    "stream": partial(stream, layer),
}
COMPILED: dict[str, Prepare] = {
    **{name: partial(training, compiled, name) for name in TRAINED},
    **{f"predict-{name}": partial(predict, True, name) for name in PREDICTED},
    "stream": partial(stream, partial(cell, True)),
}
CELL: dict[str, Prepare] = {"stream": partial(stream, partial(cell, False))}
