"""The methods of models before Keras 3: `fit` and its like take generators themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lamina.callbacks.base import Callback
from lamina.callbacks.history import History
from lamina.errors import deprecated
from lamina.models.fitting import Prediction, Scores
from lamina.models.steps import Stepping


class OlderMethods(Stepping):
    """`fit_generator`, `evaluate_generator` and `predict_generator`, which warn and work."""

    def fit_generator(
        self,
        generator: Iterable[Any],
        steps_per_epoch: int | None = None,
        epochs: int = 1,
        verbose: int | str = 1,
        callbacks: Callback | Iterable[Callback] | None = None,
        validation_data: Iterable[Any] | None = None,
        validation_steps: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        class_weight: Mapping[int, float] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        shuffle: bool = True,
        initial_epoch: int = 0,
    ) -> History:
        """Train the model on batches: `fit`, by its name before Keras 3.

        Args:
            generator: iterable of batches (x, y) or (x, y, sample_weight).
            steps_per_epoch: batches of an epoch; None takes all.
            epochs: number of passes over the data; the last one, if `initial_epoch` is given.
            verbose: 0 prints nothing, 1 a live line, 2 one line for each epoch.
            callbacks: a Callback, or several.
            validation_data: pair of arrays, or iterable of batches, evaluated after each epoch.
            validation_steps: batches of a validation; None takes all.
            validation_freq: number of epochs between validations, or a list of epochs.
            class_weight: dictionary from class to weight; None weights all alike.
            max_queue_size: accepted for Keras 2; a PyDataset has it.
            workers: accepted for Keras 2; a PyDataset has it.
            use_multiprocessing: accepted for Keras 2; a PyDataset has it.
            shuffle: use another order of a PyDataset in each epoch.
            initial_epoch: number of the first epoch, to continue an earlier `fit`.
        """
        deprecated("Model.fit_generator", "model.fit(generator)")
        return self.fit(
            generator,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
        )

    def evaluate_generator(
        self,
        generator: Iterable[Any],
        steps: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: int | str = 0,
    ) -> Scores:
        """Return loss and metrics on batches: `evaluate`, by its name before Keras 3.

        Args:
            generator: iterable of batches (x, y) or (x, y, sample_weight).
            steps: number of batches; None takes all.
            callbacks: a Callback, or several.
            max_queue_size: accepted for Keras 2; a PyDataset has it.
            workers: accepted for Keras 2; a PyDataset has it.
            use_multiprocessing: accepted for Keras 2; a PyDataset has it.
            verbose: 0 prints nothing, 1 a live line.
        """
        deprecated("Model.evaluate_generator", "model.evaluate(generator)")
        return self.evaluate(generator, steps=steps, callbacks=callbacks, verbose=verbose)

    def predict_generator(
        self,
        generator: Iterable[Any],
        steps: int | None = None,
        callbacks: Callback | Iterable[Callback] | None = None,
        max_queue_size: int = 10,
        workers: int = 1,
        use_multiprocessing: bool = False,
        verbose: int | str = 0,
    ) -> Prediction:
        """Return the outputs for batches: `predict`, by its name before Keras 3.

        Args:
            generator: iterable of batches of inputs.
            steps: number of batches; None takes all.
            callbacks: a Callback, or several.
            max_queue_size: accepted for Keras 2; a PyDataset has it.
            workers: accepted for Keras 2; a PyDataset has it.
            use_multiprocessing: accepted for Keras 2; a PyDataset has it.
            verbose: 0 prints nothing, 1 a live line.
        """
        deprecated("Model.predict_generator", "model.predict(generator)")
        return self.predict(generator, steps=steps, callbacks=callbacks, verbose=verbose)
