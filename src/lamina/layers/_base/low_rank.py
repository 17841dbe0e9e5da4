"""LowRank, the base class of layers whose large weight can be adapted by a product of low rank."""

from __future__ import annotations

from typing import Any, ClassVar

from lamina import operations as ops
from lamina.annotations import InitializerLike
from lamina.arguments import Integer, Number, integer, number
from lamina.errors import StateError
from lamina.layers._base.layer import Layer

CHECKS = {"lora_rank": Integer(1, optional=True), "lora_alpha": Number(optional=True)}


class LowRank(Layer):
    """Base class of layers with a weight W that `enable_lora` freezes, adapted by a product.

        W + alpha / rank A B, A (..., rank), B (rank, last extent of W)

    Only A and B are trained. B begins with zeros, so that the outputs are at first those of W.

    Source: Hu et al. (2022), LoRA: low-rank adaptation of large language models.
    """

    argument_checks: ClassVar[Any] = CHECKS
    adapted_weight: ClassVar[str] = "kernel"  # the name of W
    lora_rank: int | None = None
    lora_alpha: float | None = None
    lora_enabled: bool = False

    def enable_lora(
        self,
        rank: int,
        a_initializer: InitializerLike = "he_uniform",
        b_initializer: InitializerLike = "zeros",
        lora_alpha: float | None = None,
    ) -> None:
        """Freeze the weight, and make the two weights of a product of low rank that adapts it.

        Call it before `compile`.

        Args:
            rank: columns of A and rows of B.
            a_initializer: initializer of A.
            b_initializer: initializer of B; "zeros" leaves the outputs as they are.
            lora_alpha: numerator of the factor alpha / rank; None is `rank`.
        """
        own, name = type(self).__name__, self.adapted_weight
        if self.lora_enabled:
            raise StateError(f"{self._label()}: the low-rank adaptation is on already")
        if not self.built:
            raise StateError(
                f"{self._label()}: enable_lora needs the weights, which are made by the first call",
                hint="call build(input_shape), or give lora_rank= to the layer",
            )
        weight = getattr(self, name)
        self.lora_rank = integer(own, "rank", rank, 1)
        alpha = rank if lora_alpha is None else lora_alpha
        self.lora_alpha = number(own, "lora_alpha", alpha)
        a = self.add_weight((*weight.shape[:-1], rank), a_initializer, name=f"lora_{name}_a")
        b = self.add_weight((rank, weight.shape[-1]), b_initializer, name=f"lora_{name}_b")
        setattr(self, f"lora_{name}_a", a)
        setattr(self, f"lora_{name}_b", b)
        weight.trainable = False
        self.lora_enabled = True
        self._arguments.update(lora_rank=rank, lora_alpha=lora_alpha)

    def _adapt_if_asked(self) -> None:
        """Enable the adaptation that the constructor was asked for; the end of `build`."""
        if self.lora_rank is not None and not self.lora_enabled:
            self.built = True
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    def _low_rank(self) -> tuple[Any, Any]:
        """Return A, and B times the factor."""
        assert self.lora_rank is not None
        assert self.lora_alpha is not None
        a, b = (getattr(self, f"lora_{self.adapted_weight}_{part}").read() for part in "ab")
        return a, b * (self.lora_alpha / self.lora_rank)

    def _adapted(self) -> Any:
        """Return the weight with its adaptation."""
        weight = getattr(self, self.adapted_weight)
        if not self.lora_enabled:
            return weight
        a, b = self._low_rank()
        return weight.read() + ops.matmul(a, b)
