"""Everything that the continuation of a training depends on, as arrays and plain values.

    state = {"weights": {path: array}, "optimizer": {path: array}, "steps": {name: array},
             "metrics": {name: array}, "others": {name: array}, "seed": int,
             "position": {"epoch", "batch", "rows", "logs", "stopped"},
             "callbacks": [{"class", "state"}, ...], "random": {"key", "requests"}}

"others" are Variables that are not weights: of stateful layers, of generators of random numbers, of
metrics that layers hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import numpy as np

from lamina.data.arrays import Array
from lamina.errors import StateError
from lamina.layers import Layer
from lamina.layers._base.facts import need_built
from lamina.layers._base.saved_names import saved_weights
from lamina.metrics import Metric
from lamina.operations import random_keys
from lamina.saving.models import state_by_weight
from lamina.saving.weights import arrays, need_fitting, put
from lamina.seeding import SeedGenerator
from lamina.training.protocol import Logs, Trainable
from lamina.training.step import Steps
from lamina.variables import Variable

State: TypeAlias = dict[str, object]
Named: TypeAlias = dict[str, Variable]
WHERE = "restore_training_state"


@dataclass(frozen=True)
class Position:
    """The progress of a `fit`: `batch` batches with `rows` rows of epoch number `epoch` are done,
    and `logs` are those so far; `stopped` if a callback ended training."""

    epoch: int = 0
    batch: int = 0
    rows: int = 0
    logs: Logs = field(default_factory=dict)
    stopped: bool = False


START = Position()


# ---- taking it ---------------------------------------------------------------------------------
def state_of(
    model: Trainable,
    steps: Steps,
    seed: int,
    position: Position,
    callbacks: Sequence[object] | None,
) -> State:
    """Return the state of a training between two steps; arrays are copies."""
    outermost = model.layers[0]
    need_built(outermost, "training_state")
    return {
        "weights": arrays(saved_weights(outermost)),
        "optimizer": arrays(state_by_weight(outermost, model.optimizer)),
        "steps": arrays(steps.variables),
        "metrics": arrays(_of_metrics(steps)),
        "others": arrays(_others(model)),
        "seed": seed,
        "position": {
            **vars(position),
            "logs": dict(position.logs),
            "stopped": model.is_stopped("train"),
        },
        "callbacks": None if callbacks is None else list(callbacks),
        "random": random_keys.global_state(),
    }


def variables_of(model: Trainable, steps: Steps) -> list[Variable]:
    """Return all Variables that training changes, each once: those whose values `state_of` copies.
    The optimizer's come without their names."""
    weights = [*model.trainable_weights, *model.non_trainable_weights]
    named = [steps.variables, _of_metrics(steps), _others(model) if model.layers else {}]
    rest = (v for variables in named for v in variables.values())
    return list(dict.fromkeys([*weights, *model.optimizer.variables, *rest]))


def _of_metrics(steps: Steps) -> Named:
    """The Variables of the metrics of `compile`: "accuracy/0"."""
    return {
        f"{name}/{k}": variable
        for name, metric in steps.metrics.items()
        for k, variable in enumerate(metric.variables)
    }


def _others(model: Trainable) -> Named:
    """The Variables in attributes of layers that are not weights: "2/states/0" in layer 2."""
    known = {id(v) for v in saved_weights(model.layers[0]).values()}
    found: Named = {}
    for number, layer in enumerate(model.layers):
        for name, value in list(vars(layer).items()):
            for k, variable in enumerate(_variables_in(value)):
                if id(variable) not in known:
                    known.add(id(variable))
                    found[f"{number}/{name}/{k}"] = variable
    return found


def _variables_in(value: object) -> Iterator[Variable]:
    if isinstance(value, Variable):
        yield value
    elif isinstance(value, SeedGenerator):
        yield from (value.key, value.count)
    elif isinstance(value, Metric):
        yield from value.variables
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _variables_in(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _variables_in(each)


# ---- checking it -------------------------------------------------------------------------------
PARTS = ("weights", "optimizer", "steps", "metrics", "others")


def check_structure(state: Mapping[str, object]) -> None:
    """Raise ValueError, with the part, if something is not as `state_of` makes it."""
    wrong = [part for part in PARTS if not _is_named_arrays(state.get(part))]
    if type(state.get("seed")) is not int:
        wrong.append("seed")
    if not _is_position(state.get("position")):
        wrong.append("position")
    if "callbacks" not in state or not _are_states(state["callbacks"]):
        wrong.append("callbacks")
    random = state.get("random")
    if not isinstance(random, Mapping) or set(random) != {"key", "requests"}:
        wrong.append("random")
    if wrong:
        raise ValueError(f"the state of the training lacks {', '.join(wrong)}, or they are wrong")


def _is_named_arrays(part: object) -> bool:
    return isinstance(part, Mapping) and all(
        isinstance(name, str) and isinstance(array, np.ndarray) for name, array in part.items()
    )


def _is_position(found: object) -> bool:
    if not isinstance(found, Mapping) or set(found) != set(vars(START)):
        return False
    counts = [found[name] for name in ("epoch", "batch", "rows")]
    are_counts = all(type(each) is int and 0 <= each < 2**63 for each in counts)
    return are_counts and _are_logs(found["logs"]) and type(found["stopped"]) is bool


def _are_logs(found: object) -> bool:
    return isinstance(found, Mapping) and all(
        isinstance(name, str) and isinstance(value, (int, float, np.ndarray))
        for name, value in found.items()
    )


def _are_states(found: object) -> bool:
    return found is None or (
        isinstance(found, list)
        and all(
            isinstance(each, Mapping)
            and isinstance(each.get("class"), str)
            and isinstance(each.get("state"), Mapping)
            for each in found
        )
    )


# ---- putting it back ---------------------------------------------------------------------------
def put_model(model: Trainable, state: State) -> None:
    """Set weights, optimizer and the global random state. Raises StateError or ShapeError, and
    changes nothing, if the state is that of another model."""
    outermost: Layer = model.layers[0]
    need_built(outermost, WHERE)
    model.optimizer.build(model.trainable_weights)
    optimizer = state_by_weight(outermost, model.optimizer)
    weights = saved_weights(outermost)
    need_fitting(optimizer, _arrays(state, "optimizer"), f"{WHERE}, optimizer")
    put(weights, _arrays(state, "weights"), WHERE)
    put(optimizer, _arrays(state, "optimizer"), f"{WHERE}, optimizer")
    random_keys.set_global_state(cast(Mapping[str, object], state["random"]))


def put_steps(model: Trainable, steps: Steps, state: State) -> None:
    """Set what exists only after the first data: the step's number and seed, metrics, the state of
    layers."""
    put(steps.variables, _arrays(state, "steps"), WHERE)
    put(_of_metrics(steps), _arrays(state, "metrics"), f"{WHERE}, metrics")
    put(_others(model), _arrays(state, "others"), f"{WHERE}, other state of layers")


def position_in(state: State) -> Position:
    """Return how far the training was."""
    return Position(**cast(dict[str, int], state["position"]))  # type: ignore[arg-type]


def callbacks_in(state: State) -> Sequence[object] | None:
    """Return the states of the callbacks; None if there was no `fit`."""
    return cast(Sequence[object] | None, state["callbacks"])


def seed_in(state: State, given: int | None) -> int:
    """Return the seed of the fit that the state was taken in. Raises StateError for another one."""
    seed = cast(int, state["seed"])
    if given is not None and given != seed:
        raise StateError(
            f"fit: the restored training has seed {seed}, and seed={given} was given",
            hint="leave seed out to continue it",
        )
    return seed


def _arrays(state: State, part: str) -> Mapping[str, Array]:
    found = cast(Mapping[str, Array], state[part])
    return {name: np.asarray(array) for name, array in found.items()}
