"""What TensorFlow, PyTorch and JAX call at their top what is called otherwise here."""

from __future__ import annotations

ELSEWHERE: dict[str, str] = {
    # TensorFlow
    "GradientTape": "lamina.grad(f) and lamina.value_and_grad(f) take the function itself",
    "convert_to_tensor": "lamina.asarray",
    "function": "lamina.compile",
    "image": "lamina.nn.resize, and the layers for pictures in lamina.layers",
    "math": "its functions are at lamina itself: lamina.exp, lamina.sum, ...",
    "reduce_all": "lamina.all",
    "reduce_any": "lamina.any",
    "reduce_max": "lamina.max",
    "reduce_mean": "lamina.mean",
    "reduce_min": "lamina.min",
    "reduce_prod": "lamina.prod",
    "reduce_sum": "lamina.sum",
    # PyTorch
    "backward": "lamina.grad(f) is a function that gives the gradient of f",
    "from_numpy": "lamina.asarray",
    "manual_seed": "lamina.set_seed",
    "no_grad": "nothing is recorded unless a gradient is asked for; lamina.stop_gradient in one",
    "optim": "lamina.optimizers",
    "utils": "lamina.keras.utils, lamina.data",
    # JAX
    "jit": "lamina.compile",
    "lax": "lamina.scan, lamina.while_loop, lamina.cond",
    "numpy": "its functions are at lamina itself: lamina.sin, lamina.where, ...",
    "tree_util": "lamina.keras.tree",
    "vmap": "operations broadcast; lamina.einsum and lamina.matmul take batches",
}
