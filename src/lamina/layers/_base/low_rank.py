"""LowRank, the base class of layers whose large weight can be adapted by a product of low rank."""

from __future__ import annotations

from typing import Any, ClassVar

from lamina import operations as ops
from lamina.annotations import InitializerLike
from lamina.arguments import Integer, Number, integer, number
from lamina.errors import ArgumentError, NotBuiltError, StateError
from lamina.ir.types import float32
from lamina.layers._base.layer import Layer
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

CHECKS = {"lora_rank": Integer(1, optional=True), "lora_alpha": Number(optional=True)}


class AdaptedWeight:
    """The attribute under which users find the large weight of a layer: the Variable, or the value
    that the layer computes with if the weight is adapted or packed."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.held = name, f"_{name}"

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        if not layer.built and self.held not in vars(layer):
            raise NotBuiltError(
                f"{layer._label()}: {self.name} is made by the first call, or by build(input_shape)"
            )
        return layer._shown_weight()

    def __set__(self, layer: Any, value: Any) -> None:
        vars(layer)[self.held] = value


class LowRank(Layer):
    """Base class of layers with a weight W that `enable_lora` freezes, adapted by a product.

        W + alpha / rank A B, A (..., rank), B (rank, last extent of W)

    Only A and B, which are float32, are trained. B begins with zeros, so that the outputs are at
    first those of W.

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
        lora_alpha: float | None = None,
        a_initializer: InitializerLike = "he_uniform",
        b_initializer: InitializerLike = "zeros",
    ) -> None:
        """Freeze the weight, and make the two weights of a product of low rank that adapts it.

        Call it before `compile`.

        Args:
            rank: columns of A and rows of B.
            lora_alpha: numerator of the factor alpha / rank; None is `rank`.
            a_initializer: initializer of A.
            b_initializer: initializer of B; "zeros" leaves the outputs as they are.

        Raises:
            ArgumentError: the weight has a constraint.
            NotBuiltError: the layer has no weights yet.
            StateError: the weight is adapted already, or rounded by GPTQ.
        """
        own, name = type(self).__name__, self.adapted_weight
        if getattr(self, f"{name}_constraint", None) is not None:
            raise ArgumentError(
                f"{self._label()}: a sum of two weights has no constraint (expected "
                f"{name}_constraint=None)"
            )
        if self.lora_enabled:
            raise StateError(f"{self._label()}: the low-rank adaptation is on already")
        if not self.built:
            raise NotBuiltError(
                f"{self._label()}: enable_lora needs the weights, which are made by the first call",
                hint="call build(input_shape), or give lora_rank= to the layer",
            )
        if self.quantization_mode == "gptq":
            raise NotImplementedError(f"{self._label()}: GPTQ has no low-rank adaptation")
        shape = self._adapted_shape()
        self.lora_rank = integer(own, "rank", rank, 1)
        alpha = rank if lora_alpha is None else lora_alpha
        self.lora_alpha = number(own, "lora_alpha", alpha)
        penalty = getattr(self, f"{name}_regularizer", None)
        for part, extents, initializer in (
            ("a", (*shape[:-1], rank), a_initializer),
            ("b", (rank, shape[-1]), b_initializer),
        ):
            narrow = self.add_weight(
                extents, initializer, float32, regularizer=penalty, name=f"lora_{name}_{part}"
            )
            setattr(self, f"lora_{name}_{part}", narrow)
        held = self._held()
        if held is not None:
            held.trainable = False
        self.lora_enabled = True
        self._arguments.update(lora_rank=rank, lora_alpha=lora_alpha)
        self._weights_changed()

    def _held(self) -> Variable | None:
        """Return the Variable that holds the weight, perhaps in another form."""
        return vars(self).get(f"_{self.adapted_weight}")

    def _adapted_shape(self) -> tuple[int, ...]:
        """Return the shape of the weight."""
        held = self._held()
        assert held is not None
        return held.shape

    def _adapt_if_asked(self) -> None:
        """Enable the adaptation that the constructor was asked for; the end of `build`."""
        if self.lora_rank is not None and not self.lora_enabled:
            self.built = True
            self.enable_lora(self.lora_rank, lora_alpha=self.lora_alpha)

    def _low_rank(self) -> tuple[Tensor, Tensor]:
        """Return A, and B times the factor, in the dtype of the computation."""
        assert self.lora_rank is not None
        assert self.lora_alpha is not None
        a, b = (getattr(self, f"lora_{self.adapted_weight}_{part}").read() for part in "ab")
        factor = self.lora_alpha / self.lora_rank
        return as_tensor(a, self._compute_dtype), as_tensor(b * factor, self._compute_dtype)

    def _adapted(self) -> Any:
        """Return the weight with its adaptation."""
        weight = self._held()
        if weight is None:
            raise NotBuiltError(f"{self._label()}: has no weights yet; they are made by a call")
        if not self.lora_enabled:
            return weight
        a, b = self._low_rank()
        return as_tensor(weight.read() + ops.matmul(a, b), self._compute_dtype)

    def _absorb(self, a: Any, b: Any, factor: float) -> None:
        """Add a product of low rank to the weight."""
        held = self._held()
        assert held is not None
        held.assign(held._read() + factor * ops.matmul(as_tensor(a), as_tensor(b)))

    def _shown_weight(self) -> Any:
        """Return what users find under the name of the weight."""
        return self._adapted()
