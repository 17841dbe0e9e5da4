"""Addresses of prefetches: those of lane 0, whatever the index computes with the vector loop."""

import numpy as np
import pytest

import lamina as lm
from lamina.settings import settings

# Before and after a map: the address written is a quotient of the vector loop's variable.
VIEWS = {
    "every second": (lambda z: z, lambda z: z[:, ::2]),
    "every third": (lambda z: z, lambda z: z[:, 1::3]),
    "reversed, every third": (lambda z: z, lambda z: z[:, ::-1][:, ::3]),
    "reversed before": (lambda z: z[:, ::-1], lambda z: z[:, ::2]),
    "transposed before": (
        lambda z: lm.reshape(lm.permute_dims(lm.reshape(z, (-1, 8, 8)), (0, 2, 1)), (-1, 64)),
        lambda z: z[:, ::2],
    ),
    "every second twice": (lambda z: z[:, ::2], lambda z: z[:, ::2]),
    "padded before": (lambda z: lm.pad(z, ((0, 0), (1, 2))), lambda z: z[:, ::2]),
}


def normalized(before, after):
    def f(x):
        d = x - lm.mean(x, axis=(0, 1), keepdims=True)
        x = d * lm.rsqrt(lm.mean(d * d, axis=(0, 1), keepdims=True) + 0.01)
        z = after(lm.tanh(before(lm.max(x, axis=1))))
        return lm.sum(lm.tanh(z / (1 + lm.abs(z))))

    return f


@pytest.mark.parametrize("signature", [None, [lm.Spec((None, 40, 64))]], ids=["known", "open"])
@pytest.mark.parametrize("view", list(VIEWS))
def test_a_prefetch_at_a_quotient_of_the_vector_loop_compiles_to_the_right_gradient(
    view, signature
):
    x = lm.asarray(np.random.default_rng(0).normal(size=(7, 40, 64)).astype("float32"))
    gradient = lm.grad(normalized(*VIEWS[view]))
    with settings(cache=False, threads=2):
        found = lm.compile(gradient, signature=signature)(x)
    np.testing.assert_allclose(found.numpy(), gradient(x).numpy(), rtol=1e-4, atol=1e-5)
