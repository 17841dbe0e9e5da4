"""The protocols of training: of a model, and of the objects that training calls.

`fit`, its programs and its checks are written against these protocols. `models.trainee` implements
`Trainable` for Model, `callbacks` implements `Listeners`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from lamina.data.arrays import Array
from lamina.ir.types import Shape
from lamina.layers import Layer
from lamina.metrics import Metric
from lamina.optimizers import Optimizer
from lamina.tensor import Tensor
from lamina.variables import Variable

if TYPE_CHECKING:
    from lamina.training.guarding import Chunk
    from lamina.training.session import Session
    from lamina.training.sources import Resident, Stream
    from lamina.training.state import Position

Nest: TypeAlias = object
"""A value, or lists, tuples and dictionaries of values."""

Logs: TypeAlias = dict[str, float | Array]
"""Loss and metrics by name; an array for a metric of several numbers."""

Outputs: TypeAlias = "Array | list[Outputs] | tuple[Outputs, ...] | dict[str, Outputs]"
"""What `predict` returns: an array, or the nest of the model's outputs."""

Extents: TypeAlias = tuple[int | None, ...]
"""A shape of which None is open."""

Kind: TypeAlias = Literal["train", "evaluate"]
STEPS: dict[str, str] = {"train": "train_step", "evaluate": "test_step"}
"""The method of a model that makes one step of each kind."""


class Reader(Protocol):
    """Checks the data of one input before a program, which cannot raise, takes them."""

    def check_data(self, values: Array, first: int = 0) -> None:
        """Raise for values that the reader cannot process; rows are counted from `first`."""


class Structure(Protocol):
    """The connections between the layers of a model, as far as the model knows them.

    A model is *code* if only its `call` knows.
    """

    @property
    def key(self) -> Hashable:
        """An object that is another one as soon as layers were added or removed; None for code."""

    @property
    def input_names(self) -> Sequence[str]:
        """The names of the Inputs in order; empty for code."""

    @property
    def output_names(self) -> Sequence[str]:
        """The names of the outputs in order; empty for code."""

    @property
    def output_shapes(self) -> Sequence[Shape]:
        """The shapes of the outputs in order, with symbols for what is open; empty for code."""

    @property
    def output_layers(self) -> Sequence[Layer | None]:
        """The layer that each output comes from; empty if that is not known."""

    def input_shapes(self, places: Nest) -> Sequence[tuple[int, Shape]]:
        """Pair the leaves of `places`, a nest like the inputs, with the shapes of the Inputs."""

    def readers(self, places: Nest) -> Sequence[tuple[int, Reader]]:
        """Pair the leaves of `places` with what reads these inputs as they are; empty for code."""

    def outputs_for(self, shapes: Nest) -> tuple[list[Extents], list[str], object]:
        """Return shapes, names and structure (`tree.flatten`) of the outputs for inputs of these
        shapes."""

    def last_layer(self, layer: Layer) -> Layer | None:
        """Return the layer that the output of `layer` comes from, inside of inner models."""

    def layer_before(self, layer: Layer) -> Layer | None:
        """Return the layer whose output `layer` is called on, if it is one."""


class Trainable(Protocol):
    """A model, as training sees it."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str:
        """Class and name for errors: Sequential 'sequential'."""

    @property
    def built(self) -> bool:
        """True if all weights exist."""

    @property
    def computes(self) -> bool:
        """False for a model without `call`, which only defines steps."""

    @property
    def structure(self) -> Structure: ...

    @property
    def layers(self) -> Sequence[Layer]:
        """The model itself, then all layers in it, each once."""

    @property
    def trainable_weights(self) -> list[Variable]: ...

    @property
    def non_trainable_weights(self) -> list[Variable]: ...

    @property
    def optimizer(self) -> Optimizer: ...

    @property
    def penalties(self) -> Sequence[Tensor]:
        """The terms that layers add to the loss, of the last forward pass."""

    @property
    def own_metrics(self) -> Sequence[Metric]:
        """The metrics that an overridden property `metrics` lists."""

    # ---- computing -----------------------------------------------------------------------------
    def build_for(self, inputs: Nest) -> None:
        """Create the weights, if they do not exist, for inputs like these."""

    def arrange(self) -> None:
        """Divide weights and the optimizer's state as the distribution in force says."""

    def build_without_call(self) -> None:
        """Accept a model that only defines steps as built; raise TypeError if it defines none."""

    def forward(self, inputs: Nest, training: bool) -> Nest:
        """Return the outputs."""

    def forget_penalties(self) -> None:
        """Remove the penalties of the last forward pass."""

    # ---- methods that a user's class may override ----------------------------------------------
    def overrides(self, name: str) -> bool:
        """True if the model's class has its own method or property of this name."""

    def step(self, kind: Kind, data: Nest) -> Mapping[str, object]:
        """Make one step by the model's method, and return its logs."""

    def compute_loss(
        self, x: Nest, y: Nest, outputs: Nest, weights: Nest, training: bool
    ) -> Tensor:
        """Return the loss by the model's method."""

    def compute_metrics(
        self, x: Nest, y: Nest, outputs: Nest, weights: Nest
    ) -> Mapping[str, object]:
        """Update metrics by the model's method, and return its logs."""

    # ---- being stopped -------------------------------------------------------------------------
    def is_stopped(self, kind: Kind | Literal["predict"]) -> bool:
        """True if someone asked to stop training, evaluation or prediction."""

    def start(self, kind: Kind | Literal["predict"]) -> None:
        """Forget earlier wishes to stop."""


class Finisher(Protocol):
    """A function that sets the weights at the end of `fit`, before `on_train_end`."""

    def __call__(
        self, session: Session, model: Trainable, source: Resident | Stream, /
    ) -> None: ...


class StepGuard(Protocol):
    """An object that `fit` calls around each native call; `training.guarding.Guard` is one."""

    def before(self, session: Session, model: Trainable, chunk: Chunk) -> None:
        """Note the steps that are about to run."""

    def after(self, session: Session, model: Trainable, position: Position) -> Position:
        """Check what the steps made; return the position, or an earlier one to which the state has
        been put back."""

    def end(self, session: Session, model: Trainable) -> None:
        """Check what the last steps made."""


class Listeners(Protocol):
    """The callbacks of one `fit`, `evaluate` or `predict`."""

    @property
    def may_change_model(self) -> bool:
        """True if a callback may freeze layers or replace the optimizer."""

    @property
    def batches_between(self) -> int | None:
        """The number of batches of training after which a callback needs a call; None for any."""

    @property
    def each_test_batch(self) -> bool:
        """True if a callback needs a call after each batch of evaluation."""

    def set_params(self, params: Mapping[str, object]) -> None:
        """Give all callbacks the parameters of this run."""

    def tell(self, hook: str, *args: object) -> None:
        """Call a hook of all callbacks."""

    @property
    def costs(self) -> Mapping[str, float]:
        """The seconds that each hook of each callback has taken so far, by their names."""

    @property
    def finishers(self) -> Sequence[Finisher]:
        """The functions of callbacks that set the weights at the end of training."""

    @property
    def guards(self) -> Sequence[StepGuard]:
        """The guards that callbacks bring along."""

    def states(self) -> Sequence[object]:
        """Return the states of all callbacks, in order."""

    def descriptions(self) -> Sequence[object]:
        """Return class and arguments of each callback that the user gave, None for those that only
        code can express."""

    def restore(self, states: Sequence[object]) -> None:
        """Set the states of all callbacks. Raises StateError for those of other callbacks."""
