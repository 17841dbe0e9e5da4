"""Muon: steps of orthogonal matrices for weights that are matrices, AdamW for all others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from lamina import operations as ops
from lamina.arguments import FLAG, Checks, Integer, Number
from lamina.errors import ArgumentError, describe
from lamina.optimizers.base import Optimizer
from lamina.optimizers.options import Rate, Slots
from lamina.optimizers.terms import one_minus_power, zeros_like
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable


class Muon(Optimizer):
    """Momentum whose steps are made orthogonal (O(g): the iteration of Newton and Schulz).

        m = g + momentum m
        x = x - a rms_rate sqrt(max(rows, columns)) O(g + momentum m)      of matrices
        x = x - a ratio m_hat / (sqrt(v_hat) + epsilon)                    of others, as Adam

    Args:
        learning_rate: number of at least 0, schedule, or function of the step.
        adam_beta_1: decay rate of Adam's mean of the gradients.
        adam_beta_2: decay rate of Adam's mean of their squares.
        adam_weight_decay: weight decay of the variables that Adam updates; None applies none.
        epsilon: small positive number that keeps Adam's division finite.
        weight_decay: weight decay of matrices; None applies none.
        clipnorm: largest norm of each gradient.
        clipvalue: largest magnitude of each element of a gradient.
        global_clipnorm: largest norm of all gradients together.
        use_ema: keep a running mean of each variable.
        ema_momentum: weight of the old mean, in [0, 1].
        ema_overwrite_frequency: number of updates after which the means replace the variables.
        loss_scale_factor: number that the loss is multiplied by.
        gradient_accumulation_steps: number of calls whose mean gradient makes one update.
        name: name of the optimizer.
        exclude_layers: regular expressions; a variable whose path one of them matches is updated by
            Adam.
        exclude_embeddings: update variables with "embedding" in their path by Adam.
        muon_a: coefficient of x in the iteration.
        muon_b: coefficient of x x^T x.
        muon_c: coefficient of (x x^T)^2 x.
        adam_lr_ratio: learning rate of Adam over that of matrices.
        momentum: fraction of the old momentum, in [0, 1].
        ns_steps: number of iterations.
        nesterov: apply Nesterov's momentum.
        rms_rate: scale of the steps of matrices, so that they have the size of Adam's; None leaves
            them as they are.

    Example:
        >>> import lamina as lm
        >>> x = lm.Variable([[1.0, 0.0], [0.0, 1.0]])
        >>> muon = lm.optimizers.Muon(0.1, weight_decay=None)
        >>> muon.apply([lm.asarray([[1.0, 0.0], [0.0, 1.0]])], [x])
        >>> x.numpy().astype("float64").round(2).tolist()
        [[0.97, 0.0], [0.0, 0.97]]

    Source: Jordan et al. (2024), Muon: an optimizer for hidden layers; Liu et al. (2025), Muon is
        scalable for LLM training.
    """

    argument_checks: ClassVar[Checks] = {
        **dict.fromkeys(("adam_beta_1", "adam_beta_2", "momentum"), Number(0, 1)),
        **dict.fromkeys(("muon_a", "muon_b", "muon_c", "adam_lr_ratio"), Number()),
        **dict.fromkeys(("adam_weight_decay", "rms_rate"), Number(0, optional=True)),
        **dict.fromkeys(("exclude_embeddings", "nesterov"), FLAG),
        "epsilon": Number(0),
        "ns_steps": Integer(1),
    }

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
        )
        self.adam_beta_1, self.adam_beta_2 = adam_beta_1, adam_beta_2
        self.adam_weight_decay, self.epsilon = adam_weight_decay, epsilon
        patterns = () if exclude_layers is None else exclude_layers
        if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
            raise ArgumentError(
                f"Muon: exclude_layers: expected a list of regular expressions, got "
                f"{describe(exclude_layers)}"
            )
        self.exclude_layers = list(patterns)
        self.exclude_embeddings = exclude_embeddings
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio, self.momentum = adam_lr_ratio, momentum
        self.ns_steps, self.nesterov, self.rms_rate = ns_steps, nesterov, rms_rate

    def _is_for_adam(self, variable: Variable) -> bool:
        path = variable.path
        if variable.ndim != 2 or (self.exclude_embeddings and "embedding" in path.lower()):
            return True
        return any(re.search(pattern, path) for pattern in self.exclude_layers)

    def _decay_of(self, variable: Variable) -> float | None:
        return self.adam_weight_decay if self._is_for_adam(variable) else self.weight_decay

    def slots(self, variable: Variable) -> dict[str, Any]:
        kept = {"momentum": zeros_like(variable)}
        return {**kept, "velocity": zeros_like(variable)} if self._is_for_adam(variable) else kept

    def scalars(self, rate: Tensor, t: Tensor) -> tuple[Tensor, ...]:
        second = ops.sqrt(one_minus_power(self.adam_beta_2, t))
        adam = rate * self.adam_lr_ratio * second / one_minus_power(self.adam_beta_1, t)
        return (rate, adam)

    def update(self, x: Tensor, g: Tensor, slots: Slots, *scalars: Tensor) -> tuple[Tensor, Slots]:
        rate, adam = scalars
        m = slots["momentum"]
        if "velocity" in slots:
            v = slots["velocity"]
            m = m + (g - m) * (1.0 - self.adam_beta_1)
            v = v + (ops.square(g) - v) * (1.0 - self.adam_beta_2)
            return x - m * adam / (ops.sqrt(v) + self.epsilon), {"momentum": m, "velocity": v}
        m = g + m * self.momentum
        direction = g + self.momentum * m if self.nesterov else m
        step = rate * self.zeropower_via_newtonschulz5(direction, self.ns_steps)
        return x - self.lr_adjust(step), {"momentum": m}

    def lr_adjust(self, x: Tensor) -> Tensor:
        """Return a step scaled by rms_rate sqrt(max(rows, columns)); without `rms_rate`, unchanged.

        Args:
            x: step, a matrix.
        """
        if self.rms_rate is None:
            return x
        rows, columns = x.shape
        return x * (float(max(rows, columns)) ** 0.5 * self.rms_rate)

    def zeropower_via_newtonschulz5(self, x: Tensor, steps: int) -> Tensor:
        """Return a matrix with the singular vectors of x, whose singular values are about 1.

        Args:
            x: matrix.
            steps: number of iterations.
        """
        g = as_tensor(x)
        rows, columns = g.shape
        x = ops.matrix_transpose(g) if rows > columns else g
        x = x / (ops.sqrt(ops.sum(ops.square(x))) + 1e-7)
        for _ in range(steps):
            a = ops.matmul(x, ops.matrix_transpose(x))
            b = self.muon_b * a + self.muon_c * ops.matmul(a, a)
            x = self.muon_a * x + ops.matmul(b, x)
        return as_tensor(ops.matrix_transpose(x) if rows > columns else x, g.dtype)
