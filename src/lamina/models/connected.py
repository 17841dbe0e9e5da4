"""The symbolic inputs and outputs of a model, their shapes and names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lamina import tree
from lamina.layers._base import symbolic
from lamina.layers._base.attributes import replaceable
from lamina.layers._base.facts import label, need_built
from lamina.models.functional import FunctionalGraph
from lamina.models.host_stage import Split
from lamina.models.trainee import Wiring

if TYPE_CHECKING:
    from lamina.models.model import Model


class Connected:
    """The attributes of Model that come from its graph. A class may assign over most of them."""

    _graph: FunctionalGraph | None
    _split: Split | None
    _output_shape: Any

    @replaceable
    def inputs(self) -> list[Any]:
        """The symbolic inputs, as a flat list."""
        return tree.leaves(self._symbolic("inputs").inputs)

    @replaceable
    def outputs(self) -> list[Any]:
        """The symbolic outputs, as a flat list."""
        return tree.leaves(self._symbolic("outputs").outputs)

    @property
    def operations(self) -> list[Any]:
        """The layers of a functional model, as Keras calls them."""
        self._symbolic("operations")
        return self._of_model.layers

    @property
    def input(self) -> Any:
        """The symbolic input, or the nest of several."""
        return self._symbolic("input").inputs

    @property
    def output(self) -> Any:
        """The symbolic output, or the nest of several."""
        return self._symbolic("output").outputs

    def _symbolic(self, what: str) -> FunctionalGraph:
        if self._graph is None:
            raise AttributeError(
                f"{label(self._of_model)} has no symbolic {what}: it is neither made of Inputs and "
                "outputs, nor a Sequential model that knows its input's shape"
            )
        return self._graph if self._split is None else self._split.whole

    @replaceable
    def input_shape(self) -> Any:
        """The shape of the inputs, None for an open extent; a nest for several inputs."""
        return symbolic.shapes_of(self._symbolic("input_shape").inputs)

    @replaceable
    def output_shape(self) -> Any:
        """The shape of the outputs, None for an open extent; a nest for several outputs."""
        need_built(self._of_model, "output_shape")
        return self._output_shape

    @replaceable
    def input_names(self) -> list[str]:
        """The names of the Inputs, in order."""
        return list(self._symbolic("input_names").input_names)

    @replaceable
    def output_names(self) -> list[str]:
        """The names of the outputs: the keys of a dictionary of outputs, else the layers' names."""
        self._symbolic("output_names")
        return Wiring(self._of_model).shapes_and_names(self._output_shape)[1]

    @property
    def _of_model(self) -> Model:
        return cast("Model", self)
