"""Trial: hyperparameters, and how far their training is; a folder on the disk for each.

tuning/a/
    search.json             method, seed, space and metric of the search
    trial-0003/trial.json   hyperparameters, status, values
    trial-0003/fold-0/      the checkpoints of its training
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lamina.errors import FileFormatError
from lamina.files import read_text, write_whole
from lamina.saving import json_data
from lamina.tune.spaces import Params

SEARCH, TRIAL = "search.json", "trial.json"


@dataclass
class Trial:
    """One choice of hyperparameters and its result.

    `value` is the metric after `epochs` epochs, the mean over folds; None before. `history` is that
    of each fold.

    Args:
        number: position in the search, from 0.
        params: hyperparameters.
        seed: seed of weights, order of rows and draws.
        epochs: epochs that are trained.
        value: metric after them.
        history: metrics of each epoch, for each fold.
        status: "waiting", "complete" or "failed".
        error: message of what failed.

    Example:
        >>> import lamina as lm
        >>> trial = lm.tune.Tuner({"units": [32]}).ask()
        >>> trial.params.units, trial.status
        (32, 'waiting')
    """

    number: int
    params: Params
    seed: int
    epochs: int = 0
    value: float | None = None
    history: list[dict[str, list[float]]] = field(default_factory=list)
    status: Literal["waiting", "complete", "failed"] = "waiting"
    error: str = ""

    def value_at(self, metric: str, epochs: int) -> float:
        """Return a metric after a number of epochs, or after the last if there were fewer.

        Args:
            metric: name in the history.
            epochs: number of epochs.
        """
        return mean([h[metric][: max(1, epochs)][-1] for h in self.history] or [math.nan])

    def write(self, folder: Path) -> None:
        """Write the trial to its folder.

        Args:
            folder: folder of the search.
        """
        place = place_of(folder, self.number)
        place.mkdir(parents=True, exist_ok=True)
        write_whole(place / TRIAL, json.dumps(asdict(self), indent=1).encode())


def place_of(folder: Path, number: int) -> Path:
    """The folder of a trial."""
    return folder / f"trial-{number:04d}"


def read_trials(folder: Path) -> list[Trial]:
    """The trials of a search on the disk, in order.

    Raises:
        FileFormatError: for a damaged file.
    """
    return [_read(path) for path in sorted(folder.glob(f"trial-*/{TRIAL}"))]


def _read(path: Path) -> Trial:
    try:
        found = json_data.from_json(read_text(path).encode())
        return Trial(**{**found, "params": Params(found["params"])})
    except (ValueError, TypeError, LookupError) as error:
        raise FileFormatError(f"{path}: is not a trial that lamina.tune wrote: {error}") from error


# ---- comparing ---------------------------------------------------------------------------------
def lower_is_better(metric: str, mode: str) -> bool:
    """True if smaller values of the metric are better; "auto" tells by the name."""
    if mode != "auto":
        return mode == "min"
    words = ("acc", "auc", "precision", "recall", "score", "iou", "psnr", "r2", "cosine")
    return not any(word in metric.lower() for word in words)


def ranked(
    trials: Sequence[Trial], lower: bool, values: Mapping[int, float] | None = None
) -> list[Trial]:
    """The trials with a value, the best first; of equal ones the earlier. NaN is worst. `values`
    are other values than theirs, by number."""
    found = [trial for trial in trials if trial.value is not None]

    def key(trial: Trial) -> tuple[float, int]:
        value = trial.value if values is None else values[trial.number]
        value = math.nan if value is None else float(value)
        worst = math.isnan(value)
        return (math.inf if worst else value if lower else -value, trial.number)

    return sorted(found, key=key)


def mean(values: Sequence[float]) -> float:
    """The mean over folds."""
    return float(np.mean(values))


def plain(history: Any) -> dict[str, list[float]]:
    """A history as plain numbers; of metrics of several numbers, their means."""
    return {name: [float(np.mean(v)) for v in values] for name, values in history.items()}
