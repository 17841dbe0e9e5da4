"""The steps of training that a user's class may override, its state, and its compilation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.layers._base.attributes import replaceable
from lamina.layers._base.facts import with_sublayers
from lamina.models.fitting import Fitting
from lamina.models.trainee import overridable
from lamina.tensor import Tensor
from lamina.training.columns import unpacked
from lamina.training.compile_config import compile_arguments, compile_config
from lamina.training.objectives import Compilation
from lamina.training.own_metrics import reported_metrics
from lamina.training.step import Steps


class Stepping(Fitting):
    """The methods of Model that training records, its state, and the arguments of `compile`."""

    # ---- overridden where the usual step is not wanted -----------------------------------------
    @overridable
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
        steps = self._need_steps("train_step")
        logs = steps.train(self._trainee, *unpacked(data))
        return dict(logs) if logs else self.get_metrics_result()

    @overridable
    def test_step(self, data: Any) -> dict[str, Any]:
        """Make one step of evaluation on a batch, in tensor code; a subclass may define its own.

        Args:
            data: (x, y), (x, y, sample_weight), or x alone.

        Returns:
            The logs, a dictionary by name.
        """
        steps = self._need_steps("test_step")
        logs = steps.evaluate(self._trainee, *unpacked(data))
        return dict(logs) if logs else self.get_metrics_result()

    @overridable
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
        self._need_steps("compute_metrics").update_metrics(y_pred, y, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the results of all metrics so far, by name."""
        return self._need_session("get_metrics_result").results(self._trainee)

    @overridable
    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """Return the scalar to minimize: the compiled losses and the penalties of layers.

        A subclass defines this method for a loss that needs more than targets and predictions.

        Args:
            x: inputs of the batch.
            y: targets of the batch.
            y_pred: outputs of the model.
            sample_weight: weight of each row, or None.
            training: True in training, False in inference.
        """
        return self._need_steps("compute_loss").loss(self._trainee, y, y_pred, sample_weight)[0]

    def _need_steps(self, what: str) -> Steps:
        steps = self._need_session(what).steps
        assert steps is not None
        return steps

    # ---- exact continuation --------------------------------------------------------------------
    def training_state(self) -> dict[str, Any]:
        """Return everything that the continuation of training depends on, as NumPy arrays and plain
        values: weights, optimizer, metrics, random state, position in the data, callbacks.

        A callback may call it: between steps, in `on_epoch_begin`, or with `comes_last = True` in
        `on_epoch_end`.

        Raises:
            StateError: before the first data.

        Example:
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((2,)), lm.layers.Dense(1)])
            >>> model.compile("sgd", "mse")
            >>> history = model.fit(lm.ones((4, 2)), lm.ones((4, 1)), verbose=0)
            >>> model.training_state()["position"]["epoch"]
            1
        """
        return self._need_session("training_state").state(self._trainee)

    def restore_training_state(self, state: Mapping[str, Any]) -> None:
        """Set the model to a state, and let the next `fit` continue from there: with the same data
        and arguments, weights and history are bit-identical to those of an uninterrupted run.

        Args:
            state: dictionary that `training_state` of a model of the same layers, compiled with the
                same arguments, returned.

        Raises:
            NotBuiltError: if the model has no weights yet.
            ShapeError: if the state is that of another model.
        """
        self._need_session("restore_training_state").restore(self._trainee, dict(state))

    # ---- compilation ---------------------------------------------------------------------------
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
        return self._need_session(what).compilation

    @property
    @overridable
    def metrics(self) -> list[Any]:
        """The metrics: the mean of the loss first and those of `compile`, known from the first data
        on, then those that attributes of the model and its layers hold."""
        steps = self._session.steps if self._session is not None else None
        found = list(steps.metrics.values()) if steps is not None else []
        own = reported_metrics(with_sublayers(self._model))
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
            self._session.reset(self._trainee)

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
        return compile_config(self._compilation("get_compile_config"), self._model.name)

    def compile_from_config(
        self, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> None:
        """Compile the model with the arguments that `get_compile_config` returned.

        Args:
            config: dictionary that `get_compile_config` returned.
            custom_objects: dictionary from name to class or function of the caller's own.
        """
        arguments: dict[str, Any] = compile_arguments(config, custom_objects)
        self.compile(**arguments)
