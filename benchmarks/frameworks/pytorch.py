"""PyTorch's side: eager with its fused Adam, and the whole step as one `torch.compile` graph.

The compiled form differentiates with `torch.func` and writes Adam out, so that forward, backward
and update are one graph; that was faster than compiling loss and optimizer each (0.50 against
0.58 ms for the MLP at batch 32).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.nn import functional

from benchmarks.contestants import Prepare, Turn
from benchmarks.data import classes

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))


def mlp() -> nn.Module:
    """The lecture's network, 784-512-10."""
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))


def vgg() -> nn.Module:
    """ShallowVGGNet, channels last, which is PyTorch's faster layout here."""
    network = nn.Sequential(
        *_convolution(3, 32),
        *_convolution(32, 32),
        nn.MaxPool2d(2),
        *_convolution(32, 64),
        *_convolution(64, 64),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(4096, 512),
        nn.ReLU(),
        nn.Linear(512, 10),
    )
    return network.to(memory_format=torch.channels_last)


def _convolution(channels: int, filters: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()


class Recurrent(nn.Module):
    """PyTorch's own LSTM over the rows of a picture, its last output into a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)
        self.head = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0][:, -1])


class Unrolled(nn.Module):
    """The same network written out step by step, which `torch.compile` can fuse."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = nn.Linear(28, 512)
        self.state = nn.Linear(128, 512, bias=False)
        self.head = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        projected = self.inputs(x)
        h = c = x.new_zeros(x.shape[0], 128)
        for t in range(x.shape[1]):
            i, f, g, o = (projected[:, t] + self.state(h)).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return self.head(h)


def batches(batch: int, steps: int, shape: tuple[int, ...]) -> list[tuple[torch.Tensor, ...]]:
    """The data as resident tensors, one pair a step; pictures as NCHW in channels-last memory."""
    x, y = classes(batch * steps, shape)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y).long()
    if len(shape) == 3:
        inputs = inputs.permute(0, 3, 1, 2)
    return list(zip(inputs.split(batch), labels.split(batch), strict=True))


def eager(network: Callable[[], nn.Module], shape: tuple[int, ...], batch: int, steps: int) -> Turn:
    """The training loop of every PyTorch tutorial."""
    model, data = network(), batches(batch, steps, shape)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def turn() -> float:
        for x, y in data:
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        return loss.item()

    return turn


def compiled(
    network: Callable[[], nn.Module], shape: tuple[int, ...], batch: int, steps: int
) -> Turn:
    """Forward, backward and Adam as one compiled graph that updates its state in place."""
    model, data = network(), batches(batch, steps, shape)
    step = whole_step(model)

    def turn() -> float:
        for x, y in data:
            loss = step(x, y)
        return loss.item()

    return turn


def whole_step(model: nn.Module) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """One graph: `x, labels -> loss`, which also updates the model's parameters by Adam."""
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


def predict(compile: bool, batch: int, steps: int) -> Turn:
    """The forward pass with its softmax, on resident tensors, without recording gradients."""
    model = nn.Sequential(*mlp(), nn.Softmax(dim=1)).eval()
    forward = torch.compile(model) if compile else model
    rows = [x for x, _ in batches(batch, steps, (784,))]

    @torch.inference_mode()
    def turn() -> float:
        for row in rows:
            result = forward(row)
        return result.sum().item() / batch

    return turn


EAGER: dict[str, Prepare] = {
    "mlp": partial(eager, mlp, (784,)),
    "vgg": partial(eager, vgg, (32, 32, 3)),
    "lstm": partial(eager, Recurrent, (28, 28)),
    "predict": partial(predict, False),
}
COMPILED: dict[str, Prepare] = {
    "mlp": partial(compiled, mlp, (784,)),
    "vgg": partial(compiled, vgg, (32, 32, 3)),
    "lstm": partial(compiled, Unrolled, (28, 28)),
    "predict": partial(predict, True),
}
