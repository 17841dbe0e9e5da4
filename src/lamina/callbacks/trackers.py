"""Loggers of experiment trackers: MLflow and Weights & Biases, through their public packages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from lamina.arguments import Checks, integer, one_of
from lamina.callbacks.base import Callback, Logs
from lamina.callbacks.intervals import Interval
from lamina.distribution.processes import process_index
from lamina.errors import ArgumentError, describe, need_extra

Value = bool | int | float | str


def _check_values(owner: str, name: str, value: Any) -> None:
    if value is not None and not isinstance(value, Mapping):
        raise ArgumentError(
            f"{owner}: {name}: expected a dictionary from name to value, got {describe(value)}"
        )


def _optional_text(owner: str, name: str, value: Any) -> None:
    if not (value is None or isinstance(value, str)):
        raise ArgumentError(f"{owner}: {name}: expected a string or None, got {describe(value)}")


class _Tracker(Callback, ABC):
    """A logger: subclasses begin a run, write figures to it, and end it.

    The run begins with the first epoch, so that a training that is resumed from a checkpoint
    continues the run that the checkpoint names.
    """

    argument_checks: ClassVar[Checks] = {
        **dict.fromkeys(("experiment", "project", "run_name", "tracking_uri"), _optional_text),
        **dict.fromkeys(("config", "options"), _check_values),
    }

    def __init__(self, config: Mapping[str, Value] | None, update_freq: str | int) -> None:
        super().__init__()
        owner = type(self).__name__
        self.config = dict(config or {})
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch":
            if isinstance(self.update_freq, str):
                one_of(owner, "update_freq", self.update_freq, ("epoch", "batch"))
            self.update_freq = integer(owner, "update_freq", self.update_freq, 1)
        self.each_batch = self.update_freq != "epoch"
        self.batches_between = self.update_freq if isinstance(self.update_freq, int) else 1
        self._batches = Interval(self.batches_between if self.each_batch else None)
        self.run_id: str | None = None
        self._runs = False

    # ---- what a subclass defines ---------------------------------------------------------------
    @abstractmethod
    def _need(self) -> Any:
        """Return the package; raise MissingExtraError without it."""

    @abstractmethod
    def _begin(self) -> None:
        """Begin a run, or continue number `run_id`."""

    @abstractmethod
    def _write(self, figures: Mapping[str, float], step: int) -> None:
        """Send the metrics of a step."""

    @abstractmethod
    def _end(self) -> None:
        """End the run."""

    # ---- hooks ---------------------------------------------------------------------------------
    def get_state(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "batches": self._batches.get_state()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        self.run_id = state["run_id"]
        self._batches.set_state(state["batches"])

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._need()
        self.run_id, self._runs = None, False
        self._batches = Interval(self._batches.length)

    def _ensure(self) -> None:
        if not self._runs and process_index() == 0:
            self._begin()
            self._runs = True

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._batches.begin_epoch()
        self._ensure()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self._batches.passes(batch):
            self._log(logs, self._batches.count, "batch_")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        figures = dict(logs or {})
        rate = getattr(self.model.optimizer, "learning_rate", None)
        if rate is not None:
            figures["learning_rate"] = float(np.asarray(rate))
        self._log(figures, epoch, "")

    def _log(self, logs: Logs | None, step: int, prefix: str) -> None:
        self._ensure()
        if self._runs:
            found = {f"{prefix}{n}": float(v) for n, v in (logs or {}).items() if np.size(v) == 1}
            self._write(found, step)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._runs:
            self._end()
            self._runs = False

    def _described(self) -> dict[str, Value]:
        """The hyperparameters of a run: those of model, optimizer and fit, then the user's own."""
        optimizer = self.model.optimizer
        found: dict[str, Value] = {
            "model": self.model.name,
            "optimizer": type(optimizer).__name__,
            "epochs": self.params.get("epochs") or 0,
            "steps": self.params.get("steps") or 0,
        }
        if self.model.built:
            found["parameters"] = int(self.model.count_params())
        return {**found, **self.config}


class MLflowLogger(_Tracker):
    """A callback that logs a training to MLflow: a run with hyperparameters and metrics.

    Inside `with mlflow.start_run():` that run is used and stays open; otherwise the callback
    begins one and ends it. Metrics of epochs have the number of the epoch as their step. A training
    that is resumed from a checkpoint continues its run. Needs `pip install mlflow-skinny` (or
    `mlflow`).

    Args:
        experiment: name of the experiment, made if it does not exist; None is MLflow's active one,
            or "Default" of another `tracking_uri`.
        run_name: name of the run; None lets MLflow choose.
        tracking_uri: address or folder of the tracking store; None is MLflow's own setting.
        config: further hyperparameters by name.
        update_freq: "epoch", "batch", or a number of batches, after which the metrics so far are
            also logged as "batch_loss" and so on.

    Raises:
        MissingExtraError: when training begins, if mlflow is not installed.

    Example:
        >>> import lamina as lm
        >>> logger = lm.callbacks.MLflowLogger("digits", config={"units": 64})
        >>> logger.config
        {'units': 64}
    """

    places = ("tracking_uri",)

    def __init__(
        self,
        experiment: str | None = None,
        run_name: str | None = None,
        tracking_uri: str | None = None,
        config: Mapping[str, Value] | None = None,
        update_freq: str | int = "epoch",
    ) -> None:
        super().__init__(config, update_freq)
        self.experiment, self.run_name, self.tracking_uri = experiment, run_name, tracking_uri
        self._client: Any = None
        self._began_run = False  # the run was begun here

    def _need(self) -> Any:
        return need_extra("mlflow", "mlflow", "MLflowLogger")

    def _begin(self) -> None:
        mlflow = self._need()
        active = mlflow.active_run()
        self._client = mlflow.MlflowClient(tracking_uri=self.tracking_uri)
        self._began_run = active is None
        if active is not None:
            self.run_id = active.info.run_id
        elif self.run_id is not None:
            self._client.update_run(self.run_id, status="RUNNING")
            return
        else:
            self.run_id = self._made(mlflow)
        for name, value in self._described().items():
            self._client.log_param(self.run_id, name, value)

    def _made(self, mlflow: Any) -> str:
        """Make a run, and return its id."""
        if self.experiment is None and self.tracking_uri is None:  # of MLflow's active experiment
            with mlflow.start_run(run_name=self.run_name) as run:
                made = str(run.info.run_id)
            self._client.update_run(made, status="RUNNING")
            return made
        experiment = self.experiment or "Default"
        known = self._client.get_experiment_by_name(experiment)
        place = known.experiment_id if known else self._client.create_experiment(experiment)
        return str(self._client.create_run(place, run_name=self.run_name).info.run_id)

    def _write(self, figures: Mapping[str, float], step: int) -> None:
        for name, value in figures.items():
            self._client.log_metric(self.run_id, name, value, step=step)

    def _end(self) -> None:
        if self._began_run:
            self._client.set_terminated(self.run_id)


class WandbLogger(_Tracker):
    """A callback that logs a training to Weights & Biases: hyperparameters and metrics.

    A run that `wandb.init` has begun is used and stays open; otherwise the callback begins one and
    finishes it. `WANDB_MODE=offline` writes it to a local folder. Metrics of epochs are drawn over
    "epoch". A training that is resumed from a checkpoint continues its run. Needs `pip install
    wandb`.

    Args:
        project: name of the project; None lets W&B choose.
        run_name: name of the run; None lets W&B choose.
        config: further hyperparameters by name.
        update_freq: "epoch", "batch", or a number of batches, after which the metrics so far are
            also logged as "batch_loss" and so on.
        options: further arguments of `wandb.init`, such as {"mode": "offline", "dir": "logs"}.

    Raises:
        MissingExtraError: when training begins, if wandb is not installed.

    Example:
        >>> import lamina as lm
        >>> logger = lm.callbacks.WandbLogger("digits", options={"mode": "offline"})
        >>> logger.project
        'digits'
    """

    def __init__(
        self,
        project: str | None = None,
        run_name: str | None = None,
        config: Mapping[str, Value] | None = None,
        update_freq: str | int = "epoch",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(config, update_freq)
        self.project, self.run_name, self.options = project, run_name, dict(options or {})
        self._run: Any = None
        self._began_run = False  # the run was begun here

    def _need(self) -> Any:
        return need_extra("wandb", "wandb", "WandbLogger")

    def _begin(self) -> None:
        wandb = self._need()
        self._began_run = wandb.run is None
        if wandb.run is not None:
            self._run = wandb.run
        else:
            named = {"project": self.project, "name": self.run_name, "id": self.run_id}
            resume = {} if self.run_id is None else {"resume": "allow"}
            self._run = wandb.init(**{**named, **resume, **self.options})
        self.run_id = str(self._run.id)
        self._run.config.update(self._described(), allow_val_change=True)
        for pattern, step in (("batch_*", "batch"), ("*", "epoch")):
            self._run.define_metric(pattern, step_metric=step)

    def _write(self, figures: Mapping[str, float], step: int) -> None:
        over = "batch" if any(name.startswith("batch_") for name in figures) else "epoch"
        self._run.log({**figures, over: step})

    def _end(self) -> None:
        if self._began_run:
            self._run.finish()
        self._run = None
