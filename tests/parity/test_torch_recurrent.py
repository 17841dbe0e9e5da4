"""Recurrent layers against PyTorch's: outputs, states and all gradients, from the same weights."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import lamina as lm  # noqa: E402
from lamina import layers  # noqa: E402

pytestmark = pytest.mark.parity

rng = np.random.default_rng(1)
X = rng.normal(size=(3, 40, 4))
UNITS = 5

# our gates in the order of theirs: i f g o; and z r n, which theirs has as r z n
GATES = {"RNN": [0], "LSTM": [0, 1, 2, 3], "GRU": [1, 0, 2]}
OURS = {"RNN": layers.SimpleRNN, "LSTM": layers.LSTM, "GRU": layers.GRU}


def made(kind, backwards=False, **options):
    layer = OURS[kind](
        UNITS,
        return_sequences=True,
        return_state=True,
        go_backwards=backwards,
        dtype="float64",
        **options,
    )
    layer.build((None, None, 4))
    layer.set_weights([rng.normal(size=w.shape, scale=0.4) for w in layer.weights])
    return layer


def theirs_of(kind, array):
    """Our (features, gates * units) as their (gates * units, features)."""
    parts = np.split(array, len(GATES[kind]), axis=-1)
    return np.concatenate([parts[k] for k in GATES[kind]], axis=-1).T


def carry(kind, layer, peer, suffix):
    """Give their layer our weights. Theirs has two biases, which it adds but in a GRU."""
    kernel, recurrent, bias = layer.get_weights()
    biases = bias if kind == "GRU" else [bias, 0 * bias]
    values = [kernel, recurrent, *biases]
    for name, value in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), values, strict=True):
        parameter = getattr(peer, f"{name}_l0{suffix}")
        parameter.data = torch.tensor(theirs_of(kind, value))


def close(ours, theirs):
    np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_outputs_states_and_gradients_over_forty_steps(kind, activation):
    if kind != "RNN" and activation == "relu":
        pytest.skip("PyTorch has no such gates")
    layer = made(kind, activation=activation)
    if activation == "relu":
        layer.set_weights([w * 0.5 for w in layer.get_weights()])
    options = {"nonlinearity": activation} if kind == "RNN" else {}
    peer = getattr(torch.nn, kind)(4, UNITS, batch_first=True, dtype=torch.float64, **options)
    carry(kind, layer, peer, "")
    first = [rng.normal(size=(3, UNITS)) for _ in range(1 + (kind == "LSTM"))]
    weight = rng.normal(size=(3, 40, UNITS))

    x = torch.tensor(X, requires_grad=True)
    begin = [torch.tensor(f[None], requires_grad=True) for f in first]
    outputs, last = peer(x, tuple(begin) if kind == "LSTM" else begin[0])
    last = last if kind == "LSTM" else (last,)
    ours, *states = layer(X, initial_state=first)
    close(ours, outputs.detach())
    for a, b in zip(states, last, strict=True):
        close(a, b.detach()[0])

    (outputs * torch.tensor(weight)).sum().backward()

    def loss(arguments):
        return lm.sum(layer(arguments[0], initial_state=arguments[1:])[0] * weight)

    found = lm.grad(loss)([lm.asarray(X), *map(lm.asarray, first)])
    close(found[0], x.grad)
    for a, b in zip(found[1:], begin, strict=True):
        close(a, b.grad[0])
    arguments = [X, *first]
    kernel, recurrent, bias = lm.grad(lambda _: loss(arguments))(layer.trainable_weights)
    close(theirs_of(kind, kernel.numpy()), peer.weight_ih_l0.grad)
    close(theirs_of(kind, recurrent.numpy()), peer.weight_hh_l0.grad)
    biases = bias.numpy() if kind == "GRU" else [bias.numpy(), bias.numpy()]
    close(theirs_of(kind, biases[0]), peer.bias_ih_l0.grad)
    close(theirs_of(kind, biases[1]), peer.bias_hh_l0.grad)


@pytest.mark.parametrize("kind", OURS)
def test_both_directions(kind):
    ahead, back = made(kind), made(kind, backwards=True)
    both = layers.Bidirectional(ahead, backward_layer=back, dtype="float64")
    peer = getattr(torch.nn, kind)(
        4, UNITS, batch_first=True, bidirectional=True, dtype=torch.float64
    )
    both(X)
    carry(kind, both.forward_layer, peer, "")
    carry(kind, both.backward_layer, peer, "_reverse")
    close(both(X)[0], peer(torch.tensor(X))[0].detach())
