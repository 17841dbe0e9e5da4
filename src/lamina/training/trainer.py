"""Trainer: what makes a model trainable: compile, fit, evaluate, predict, and single batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from lamina.callbacks.base import Callback
from lamina.callbacks.history import History
from lamina.locks import MAKING
from lamina.training import checks
from lamina.training.arguments import MOST_ROWS, checked, checked_fit, need_data
from lamina.training.attributes import replaceable
from lamina.training.columns import columns, unpacked
from lamina.training.compile_config import compile_arguments, compile_config
from lamina.training.objectives import Compilation
from lamina.training.own_metrics import reported_metrics
from lamina.training.predict import Predictor, predict
from lamina.training.session import Session
from lamina.training.stateful import check_rows


def of_trainer(method: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a method that a model may define anew, so that the usual one can be told from it."""
    method.of_trainer = True  # type: ignore[attr-defined]
    return method


class Trainer:
    """The training half of Model; names and arguments are those of Keras 3."""

    _session: Session | None = None
    _own_predictor: Predictor | None = None
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False
    history: History | None = None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: Any = None,
        jit_compile: Any = None,
        auto_scale_loss: bool = True,
    ) -> None:
        """Set optimizer, loss and metrics for training.

        Args:
            optimizer: name or Optimizer.
            loss: name, Loss, or function of (y_true, y_pred); for several outputs a list, or a
                dictionary by their names.
            loss_weights: factor of the loss of each output, as a list or dictionary; None weights
                all alike.
            metrics: list of names, Metrics or functions; "accuracy" is resolved by loss and shapes
                at the first data.
            weighted_metrics: metrics that also take sample weights.
            run_eagerly: run each step as plain Python, for a debugger; slow.
            steps_per_execution: accepted for Keras; as many steps run in one call as fit into a
                tenth of a second.
            jit_compile: accepted for Keras; steps are always compiled.
            auto_scale_loss: accepted for Keras.

        Raises:
            UnknownNameError: for an unknown name, with the nearest known names.
        """
        for name in ("optimizer", "loss", "run_eagerly"):  # that the user's class assigned before
            self.__dict__.pop(name, None)
        self._session = Session(
            Compilation.of(optimizer, loss, loss_weights, metrics, weighted_metrics, run_eagerly)
        )

    # ---- many batches --------------------------------------------------------------------------
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Callback | Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        seed: int | None = None,
    ) -> History:
        """Train the model: `epochs` passes over the data in batches, one step for each batch.

        Ctrl-C stops within a moment and keeps the weights of the last completed step.

        Args:
            x: inputs: array (rows, ...), list or dictionary of arrays for several inputs, or
                iterable of batches (x, y) or (x, y, sample_weight).
            y: targets: array (rows, ...), or list or dict of arrays for several outputs; None if
                `x` gives batches with targets.
            batch_size: rows of one batch; None is 32.
            epochs: number of passes over the data; the last one, if `initial_epoch` is given.
            verbose: 0 prints nothing, 1 or "auto" a live line (in a terminal or notebook), 2 one
                line for each epoch.
            callbacks: a Callback, or several.
            validation_split: fraction of the rows held out and evaluated after each epoch; of class
                labels each class has its share.
            validation_data: (x, y) or (x, y, sample_weight), or iterable of batches, evaluated
                after each epoch.
            shuffle: use another order of rows in each epoch.
            class_weight: dictionary from class to weight; None weights all alike.
            sample_weight: weight of each row, array (rows,); None weights all alike.
            initial_epoch: number of the first epoch, to continue an earlier `fit`.
            steps_per_epoch: batches of an epoch; None takes all.
            validation_steps: batches of a validation; None takes all.
            validation_batch_size: rows of a batch of validation; None is `batch_size`.
            validation_freq: number of epochs between validations, or a list of epochs.
            seed: integer that fixes the order of rows and random layers: the same seed gives the
                same bits on any number of threads. None draws one from the state of
                `lamina.random`.

        Returns:
            A History with the metrics of each epoch.

        Raises:
            DataError, ShapeError, RangeError: before anything is computed, if data, model and loss
                do not match.

        Example:
            >>> import numpy as np
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> x, y = np.zeros((8, 2), "float32"), np.zeros((8, 1), "float32")
            >>> model.fit(x, y, epochs=2, verbose=0).history["loss"]
            [0.0, 0.0]
        """
        from lamina.training.fit import fit

        checks.need_compiled(self, "fit")
        need_data("fit", x)
        numbers = checked_fit(
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            validation_split=validation_split,
            shuffle=shuffle,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
            seed=seed,
        )
        validation_data = self._prepared_pair(validation_data)
        return fit(
            self,
            self._prepared(x),
            y,
            callbacks=callbacks,
            validation_data=validation_data,
            class_weight=class_weight,
            sample_weight=sample_weight,
            **numbers,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss and metrics on data.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
            y: targets: array (rows, ...), or list or dict of arrays for several outputs; None if
                `x` gives batches with targets.
            batch_size: rows of one batch; None is 32.
            verbose: 0 prints nothing, 1 or "auto" a live line, 2 one line for each epoch.
            sample_weight: weight of each row, array (rows,); None weights all alike.
            steps: number of batches; None takes all.
            callbacks: a Callback, or several.
            return_dict: return a dictionary by name instead of a list.

        Returns:
            A number if there is only the loss, else a list in the order of `metrics_names`; a
            dictionary with `return_dict`.

        Example:
            >>> import numpy as np
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> x, y = np.zeros((8, 2), "float32"), np.zeros((8, 1), "float32")
            >>> model.evaluate(x, y, verbose=0)
            0.0
        """
        from lamina.training.fit import evaluate

        checks.need_compiled(self, "evaluate")
        need_data("evaluate", x)
        numbers = checked("evaluate", batch_size=batch_size, steps=steps, verbose=verbose)
        x = self._prepared(x)
        logs = evaluate(self, x, y, sample_weight=sample_weight, callbacks=callbacks, **numbers)
        return _returned(logs, return_dict)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Return the outputs for data, as NumPy arrays.

        A few rows take microseconds, so calls in a loop are fine. A progress line appears after one
        second.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
            batch_size: rows of one batch; None is 32.
            verbose: 0 prints nothing, 1 or "auto" a live line.
            steps: number of batches; None takes all.
            callbacks: a Callback, or several.

        Example:
            >>> import numpy as np
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
            >>> model.predict(np.zeros((8, 2), "float32"), verbose=0).shape
            (8, 1)
        """
        need_data("predict", x)
        x = self._prepared(x)
        plain = type(x) is np.ndarray and callbacks is None and steps is None and x.ndim
        if plain and _holds(batch_size, len(x)):
            quick = self._predictor.quick(self, x)
            if quick is not None:
                return quick
        numbers = checked("predict", batch_size=batch_size, steps=steps, verbose=verbose)
        return predict(self, x, callbacks=callbacks, **numbers)

    # ---- one batch -----------------------------------------------------------------------------
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Make one step on one batch, and return its loss and metrics as `evaluate` does.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
            y: targets: array (rows, ...), or list or dict of arrays for several outputs; None if
                `x` gives batches with targets.
            sample_weight: weight of each row, array (rows,); None weights all alike.
            class_weight: dictionary from class to weight; None weights all alike.
            return_dict: return a dictionary by name instead of a list.
        """
        return self._on_batch("train", x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Return the loss and metrics of one batch, as `evaluate` does.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
            y: targets: array (rows, ...), or list or dict of arrays for several outputs; None if
                `x` gives batches with targets.
            sample_weight: weight of each row, array (rows,); None weights all alike.
            return_dict: return a dictionary by name instead of a list.
        """
        return self._on_batch("evaluate", x, y, sample_weight, None, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs for one batch, as NumPy arrays.

        Args:
            x: inputs: array (rows, ...), list or dict of arrays for several inputs, or iterable of
                batches.
        """
        return self.predict(x, verbose=0)

    def _on_batch(
        self, kind: str, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool
    ) -> Any:
        checks.need_compiled(self, f"{kind}_on_batch".replace("evaluate", "test"))
        session = self._session
        assert session is not None
        data = columns(self._prepared(x), y, sample_weight, class_weight)
        steps = session.prepare(self, data, kind)
        check_rows(self, data.rows, batches=False)
        session.reset(self)
        if data.numbers is not None:  # each batch of its own is an epoch
            session.begin_epoch(steps.count.numpy().item())
        order = np.arange(data.rows, dtype=np.int32)[None]
        results = session.runner(self, kind, data)(order, *data.arrays)
        return _returned(session.logs(results), return_dict)

    def _prepared(self, data: Any) -> Any:
        """The inputs that the user gave, as the programs take them."""
        return data

    def _prepared_pair(self, data: Any) -> Any:
        """The same of validation data: (x, y, ...), or an iterable of batches."""
        if isinstance(data, (tuple, list)) and data and not isinstance(data[0], tuple):
            return (self._prepared(data[0]), *data[1:])
        return data if data is None else self._prepared(data)

    # ---- files ---------------------------------------------------------------------------------
    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        include_optimizer: bool = True,
    ) -> None:
        """Write the model, its weights and its optimizer's state to a .lamina file.

        `lamina.load_model` reads the file, which holds data only, nothing that can run code.

        Args:
            filepath: path of the file.
            overwrite: replace an existing file; False raises an error.
            include_optimizer: write the optimizer's state as well, with which training can
                continue.
        """
        from lamina.saving import save_model

        save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights to a .safetensors file, by their paths in the model.

        Args:
            filepath: path of the file.
            overwrite: replace an existing file; False raises an error.
        """
        from lamina.saving import save_weights

        save_weights(self, filepath, overwrite)  # type: ignore[arg-type]

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Read the weights of a model of the same layers from a .safetensors or .lamina file.

        Args:
            filepath: path of the file.
            skip_mismatch: load the weights whose names and shapes match, and leave the others.

        Raises:
            ShapeError: if names or shapes differ; then no weight is changed.
        """
        from lamina.saving import load_weights

        load_weights(self, filepath, skip_mismatch)  # type: ignore[arg-type]

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile` as JSON data, for `compile_from_config`; None, with a
        warning, if one of them is a function, which only code can express.

        Example:
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(2)])
            >>> model.compile("sgd", "mse")
            >>> other = lm.models.clone_model(model)
            >>> other.compile_from_config(model.get_compile_config())
            >>> other.optimizer
            SGD(learning_rate=0.01)
        """
        return compile_config(self._compilation("get_compile_config"), self.name)  # type: ignore[attr-defined]

    def compile_from_config(
        self, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> None:
        """Compile the model with the arguments that `get_compile_config` returned.

        Args:
            config: dictionary that `get_compile_config` returned.
            custom_objects: dictionary from name to class or function of the caller's own.
        """
        self.compile(**compile_arguments(config, custom_objects))

    # ---- to be defined anew where the usual step is not wanted ---------------------------------
    @of_trainer
    def train_step(self, data: Any) -> dict[str, Any]:
        """Make one training step on a batch, in tensor code; a subclass may define its own.

        The method is recorded into the training program, so it reads the data as tensors, changes
        Variables with `assign`, and uses `self.optimizer.apply`.

        Args:
            data: (x, y), (x, y, sample_weight) with sample or class weights, or x alone, as `fit`
                received them; `keras.utils.unpack_x_y_sample_weight` takes all three.

        Returns:
            The logs, a dictionary by name.
        """
        assert self._session is not None and self._session.steps is not None
        return self._session.steps.train(self, *unpacked(data)) or self.get_metrics_result()

    @of_trainer
    def test_step(self, data: Any) -> dict[str, Any]:
        """Make one step of evaluation on a batch, in tensor code; a subclass may define its own.

        Args:
            data: (x, y), (x, y, sample_weight), or x alone.

        Returns:
            The logs, a dictionary by name.
        """
        assert self._session is not None and self._session.steps is not None
        return self._session.steps.evaluate(self, *unpacked(data)) or self.get_metrics_result()

    @of_trainer
    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the compiled metrics with a batch; a subclass may add further logs.

        Args:
            x: inputs of the batch.
            y: targets of the batch.
            y_pred: outputs of the model.
            sample_weight: weight of each row, or None.

        Returns:
            The logs, a dictionary by name.
        """
        assert self._session is not None and self._session.steps is not None
        self._session.steps.update_metrics(y_pred, y, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the results of all metrics so far, by name."""
        assert self._session is not None
        return self._session.results(self)

    @of_trainer
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the scalar to minimize: the compiled losses and the penalties of layers.

        A subclass defines this method for a loss that needs more than targets and predictions.

        Args:
            x: inputs of the batch.
            y: targets of the batch.
            y_pred: outputs of the model.
            sample_weight: weight of each row, or None.
            training: True in training, False in inference.
        """
        assert self._session is not None and self._session.steps is not None
        return self._session.steps.loss(self, y, y_pred, sample_weight)[0]

    # ---- what it was compiled with -------------------------------------------------------------
    def _optimizer(self) -> Any:
        """The Optimizer; another one may be assigned, before and after `compile`."""
        return self._compilation("optimizer").optimizer

    def _set_optimizer(self, value: Any) -> None:
        if self._session is None:
            self.__dict__["optimizer"] = value
        else:
            self._session.set_optimizer(value)

    optimizer = replaceable(_optimizer, _set_optimizer)

    @replaceable
    def loss(self) -> Any:
        """The loss, as it was given to `compile`."""
        return self._compilation("loss").loss

    def _run_eagerly(self) -> bool:
        return self._compilation("run_eagerly").run_eagerly

    def _set_run_eagerly(self, value: bool) -> None:
        if self._session is None:
            self.__dict__["run_eagerly"] = value
        else:
            self._session.compilation.run_eagerly = bool(value)

    run_eagerly = replaceable(_run_eagerly, _set_run_eagerly)

    @replaceable
    def compiled(self) -> bool:
        """True after `compile`."""
        return self._session is not None

    def _compilation(self, what: str) -> Compilation:
        checks.need_compiled(self, what)
        assert self._session is not None
        return self._session.compilation

    @property
    @of_trainer
    def metrics(self) -> list[Any]:
        """The metrics: the mean of the loss first and those of `compile`, known from the first data
        on, then those that attributes of the model and its layers hold."""
        steps = self._session.steps if self._session is not None else None
        found = list(steps.metrics.values()) if steps is not None else []
        own = reported_metrics(self)
        return list({id(metric): metric for metric in [*found, *own]}.values())

    @property
    def metrics_names(self) -> list[str]:
        """The names of the metrics in the logs, in the order in which `evaluate` returns them."""
        steps = self._session.steps if self._session is not None else None
        names = {id(metric): name for name, metric in (steps.metrics if steps else {}).items()}
        return [names.get(id(metric), metric.name) for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Reset the states of all metrics."""
        if self._session is not None:
            self._session.reset(self)

    @property
    def _predictor(self) -> Predictor:
        if self._own_predictor is None:
            with MAKING:
                if self._own_predictor is None:
                    self._own_predictor = Predictor()
        return self._own_predictor


def _returned(logs: dict[str, Any], return_dict: bool) -> Any:
    if return_dict:
        return logs
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _holds(batch_size: Any, rows: int) -> bool:
    """Whether one batch holds these rows."""
    return batch_size is None or (type(batch_size) is int and rows <= batch_size <= MOST_ROWS)
