"""LearningRateFinder: the learning-rate range test, with suggestions and a figure."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from lamina.annotations import DataLike
from lamina.arguments import Checks, Integer, Number, one_of
from lamina.callbacks import Callback
from lamina.callbacks.base import Logs
from lamina.errors import RangeError, StateError
from lamina.models.fitting import session_of
from lamina.models.model import Model
from lamina.models.trainee import Trainee
from lamina.operations import random_keys
from lamina.plot import style
from lamina.training.kept import Snapshot
from lamina.training.state import variables_of
from lamina.variables import Variable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rule = Literal["half", "steep", "minimum"]
RULES = ("half", "steep", "minimum")
LEAST = 4  # batches from which a curve is read
SKIPPED = 0.1  # share of the curve in which the mean of few batches may be steep


class LearningRateFinder(Callback):
    """A callback that tries learning rates from small to large and suggests one.

    The rate grows exponentially from batch to batch, min_rate (max_rate / min_rate)^(k / (n - 1)),
    and the loss of each batch is recorded. The test ends after `steps` batches, or when the
    smoothed loss is `stop_factor` times the least so far, or not finite. Then weights, optimizer
    and all other state are what they were before. `find` runs the test; as a callback of `fit` it
    ends that `fit`, at the latest after its last epoch.

    Args:
        min_rate: first learning rate.
        max_rate: last learning rate.
        steps: number of batches.
        smoothing: share of the mean so far in the smoothed loss, an exponential mean with
            correction of the bias.
        stop_factor: multiple of the least smoothed loss at which the test ends.

    Raises:
        RangeError: if min_rate is not below max_rate.
        StateError: if the optimizer's learning rate is a schedule.

    Example:
        >>> import numpy as np
        >>> import lamina as lm
        >>> x = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
        >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(1)])
        >>> model.compile(lm.optimizers.SGD(), "mse")
        >>> finder = lm.tune.LearningRateFinder(steps=50)
        >>> model.optimizer.learning_rate = finder.find(model, x, x[:, :1])
        >>> 0.0001 < float(model.optimizer.learning_rate) < 1.0
        True

    Source: Smith (2015), Cyclical learning rates for training neural networks, section 3.3, with
    the exponential growth and smoothing of fastai.
    """

    argument_checks: ClassVar[Checks] = {
        **dict.fromkeys(("min_rate", "max_rate"), Number(above=0)),
        "steps": Integer(LEAST),
        "smoothing": Number(0, below=1),
        "stop_factor": Number(above=1),
    }

    def __init__(
        self,
        min_rate: float = 1e-7,
        max_rate: float = 10.0,
        steps: int = 100,
        smoothing: float = 0.9,
        stop_factor: float = 4.0,
    ) -> None:
        super().__init__()
        if not min_rate < max_rate:
            raise RangeError(
                f"LearningRateFinder: min_rate is {min_rate:g} and max_rate {max_rate:g} (expected "
                "0 < min_rate < max_rate)"
            )
        self.min_rate, self.max_rate, self.steps = min_rate, max_rate, steps
        self.smoothing, self.stop_factor = smoothing, stop_factor
        self._forget()

    def _forget(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []  # of each batch
        self.smoothed: list[float] = []
        self._mean = 0.0
        self._before: Snapshot | None = None

    # ---- the test ------------------------------------------------------------------------------
    def find(
        self,
        model: Model,
        x: DataLike,
        y: DataLike | None = None,
        rule: Rule = "half",
        **fit: Any,
    ) -> float:
        """Run the test and return the suggested learning rate; the model stays as it is.

        Args:
            model: compiled model.
            x: inputs, as for `fit`.
            y: targets, as for `fit`.
            rule: rule of `suggestion`.
            **fit: further arguments of `fit`, such as `batch_size` and `class_weight`.

        Returns:
            The learning rate.

        Raises:
            StateError: if too few batches have a finite loss.
        """
        one_of("LearningRateFinder", "rule", rule, RULES)
        history, drawn = model.history, random_keys.global_state()
        try:
            with warnings.catch_warnings():  # the loss may become infinite: that ends the test
                warnings.filterwarnings("ignore", message=".*the loss is ")
                options = {"epochs": self.steps, "verbose": 0, **fit}
                model.fit(x, y, callbacks=[self, *options.pop("callbacks", [])], **options)
        finally:
            self._restore()
            random_keys.set_global_state(drawn)
            model.history, model.stop_training = history, False
        return self.suggestion(rule)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._forget()
        if not isinstance(self.model.optimizer.learning_rate, Variable):
            raise StateError(
                "LearningRateFinder: the optimizer's learning rate follows a schedule (expected a "
                "number)",
                hint="compile with a number for the test, and with the schedule afterwards",
            )

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        if self._before is None:  # now the weights exist
            session = session_of(self.model)
            assert session is not None and session.steps is not None
            self._before = Snapshot(variables_of(Trainee(self.model), session.steps))
        share = len(self.rates) / (self.steps - 1)
        rate = self.min_rate * (self.max_rate / self.min_rate) ** share
        self.rates.append(rate)
        self.model.optimizer.learning_rate = rate

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = float((logs or {})["loss"])
        self.model.reset_metrics()  # so that the next loss is that of the next batch alone
        self.losses.append(loss)
        self._mean = self.smoothing * self._mean + (1 - self.smoothing) * loss
        self.smoothed.append(self._mean / (1 - self.smoothing ** len(self.losses)))
        is_large = self.smoothed[-1] > self.stop_factor * min(self.smoothed)
        if not math.isfinite(loss) or is_large or len(self.losses) >= self.steps:
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._restore()

    def _restore(self) -> None:
        if self._before is not None:
            self._before.put_back()
            self._before = None

    # ---- its result ----------------------------------------------------------------------------
    def suggestion(self, rule: Rule = "half") -> float:
        """Return a learning rate for training.

        Args:
            rule: "half" is the rate at which the smoothed loss has come half the way from its first
                values to its least, "steep" that of its steepest descent over the logarithm of the
                rate, "minimum" a tenth of the rate of its least value.

        Returns:
            The learning rate.

        Raises:
            StateError: if too few batches have a finite loss.
        """
        one_of("LearningRateFinder", "rule", rule, RULES)
        finite = [k for k, value in enumerate(self.smoothed) if math.isfinite(value)]
        if len(finite) < LEAST:
            raise StateError(
                f"LearningRateFinder: {len(finite)} batches had a finite loss (expected at least "
                f"{LEAST})",
                hint="run finder.find(model, x, y), and start at a smaller min_rate",
            )
        losses = np.array([self.smoothed[k] for k in finite])
        least = int(np.argmin(losses))
        if rule == "minimum":
            return self.rates[least] / 10
        begin = min(int(len(losses) * SKIPPED), least)
        if rule == "half":
            level = (float(np.median(losses[: begin + 1])) + losses[least]) / 2
            return self.rates[begin + int(np.argmax(losses[begin:] <= level))]
        slopes = np.gradient(losses, np.log(self.rates[: len(losses)]))[begin : least + 1]
        return self.rates[begin + int(np.argmin(slopes))]

    def plot(
        self, rule: Rule = "half", title: str | None = None, path: style.Path | None = None
    ) -> Figure:
        """Draw the loss over the learning rate, and the suggestion.

        Args:
            rule: rule of `suggestion`.
            title: title of the figure; None for none.
            path: file to save the figure to; its ending is the format. None saves nothing.

        Returns:
            A matplotlib Figure.

        Raises:
            StateError: if too few batches have a finite loss.
            MissingExtraError: if matplotlib is not installed.
        """
        suggested = self.suggestion(rule)
        drawn = style.figure("LearningRateFinder.plot", 5.0, 3.4)
        axes = drawn.subplots()
        count = len(self.losses)
        axes.plot(self.rates[:count], self.losses, color=style.GREY, linewidth=0.8, label="batch")
        axes.plot(
            self.rates[:count], self.smoothed, color=style.BLUE, linewidth=2, label="smoothed"
        )
        at = self.smoothed[int(np.argmin(np.abs(np.log(np.array(self.rates[:count]) / suggested))))]
        axes.plot([suggested], [at], "o", color=style.RED, label=f"{rule}: {suggested:.2g}")
        axes.set_xscale("log")
        axes.set_xlabel("learning rate", fontsize=style.TEXT)
        axes.set_ylabel("loss", fontsize=style.TEXT)
        finite = np.array([v for v in self.smoothed if math.isfinite(v)])
        axes.set_ylim(*_limits(finite))
        axes.legend(frameon=False, fontsize=style.TEXT)
        style.plain_axes(axes)
        style.title(drawn, title)
        return style.finished(drawn, path)


def _limits(smoothed: np.ndarray) -> tuple[float, float]:
    """Limits of the axis of losses: the smoothed curve, and little of where it diverges."""
    low, first = float(smoothed.min()), float(smoothed[0])
    high = max(first, min(float(smoothed.max()), low + 2 * max(first - low, 1e-12)))
    margin = 0.1 * (high - low) or 1.0
    return low - margin, high + margin
