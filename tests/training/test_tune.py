"""Searches: proposals that repeat, trials that continue exactly, and searches that were killed."""

import contextlib
import json

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, RangeError, StateError, UnknownNameError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4)).astype("float32")
Y = (X.sum(axis=1) > 0).astype("int64")
SPACE = {"units": lm.tune.choice([2, 8]), "rate": lm.tune.loguniform(1e-3, 1e-1)}


def build(p):
    model = lm.Sequential(
        [
            lm.Input((4,)),
            lm.layers.Dense(p.units, "relu"),
            lm.layers.Dropout(0.1),
            lm.layers.Dense(2, "softmax"),
        ]
    )
    model.compile(
        lm.optimizers.Adam(p.rate), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def search(folder, **options):
    options = {"method": "random", "trials": 4, "epochs": 3, "verbose": 0, **options}
    return lm.tune.search(build, SPACE, X, Y, folder=folder, **options)


def figures(results):
    return [(t.params, t.value, t.history) for t in results.trials]


class TestProposals:
    def test_a_random_proposal_depends_on_seed_and_number_alone(self):
        one, other = lm.tune.Tuner(SPACE, seed=3), lm.tune.Tuner(SPACE, seed=3)
        drawn = [one.ask().params for _ in range(5)]
        assert [other.ask().params for _ in range(5)] == drawn
        assert lm.tune.Tuner(SPACE, seed=4).ask().params != drawn[0]

    def test_values_stay_in_their_range(self):
        space = {"a": lm.tune.uniform(-1, 2), "b": lm.tune.loguniform(1e-4, 1), "c": range(3)}
        tuner = lm.tune.Tuner(space)
        drawn = [tuner.ask().params for _ in range(300)]
        assert all(-1 <= p.a <= 2 and 1e-4 <= p.b <= 1 and p.c in (0, 1, 2) for p in drawn)
        below = np.mean([p.b < 1e-2 for p in drawn])
        assert 0.4 < below < 0.6  # half of the orders of magnitude

    def test_a_grid_has_every_combination_once(self):
        tuner = lm.tune.Tuner({"a": [1, 2], "b": ["x", "y", "z"]}, "grid")
        found = [tuple(tuner.ask().params.values()) for _ in range(tuner.size)]
        assert found == [(a, b) for a in (1, 2) for b in "xyz"]
        with pytest.raises(StateError, match="all 6 combinations"):
            tuner.ask()

    def test_tpe_finds_the_minimum_of_a_parabola(self):
        pytest.importorskip("optuna")
        tuner = lm.tune.Tuner({"a": lm.tune.uniform(-5, 5)}, "tpe", metric="loss")
        for _ in range(40):
            trial = tuner.ask()
            tuner.tell(trial, (trial.params.a - 2) ** 2)
        assert abs(tuner.results.best.params.a - 2) < 0.5

    @pytest.mark.parametrize("method", ["random", "tpe"])
    def test_a_tuner_on_the_same_folder_continues_with_the_same_proposal(self, method, tmp_path):
        pytest.importorskip("optuna")

        def run(folder, first, then):
            for count in (first, then):
                tuner = lm.tune.Tuner(SPACE, method, folder=folder)
                for _ in range(count):
                    trial = tuner.ask()
                    tuner.tell(trial, trial.params.rate)
            return [t.params for t in tuner.trials]

        assert run(tmp_path / "a", 4, 9) == run(tmp_path / "b", 13, 0)


class TestSearch:
    def test_trials_repeat_and_are_ranked(self, tmp_path):
        first = search(tmp_path / "a")
        assert figures(search(tmp_path / "b")) == figures(first)
        values = [t.value for t in first.trials]
        assert first.best.value == min(values)
        lines = first.table().splitlines()
        assert lines[0].split() == ["trial", "units", "rate", "epochs", "val_loss"]
        assert lines[1].split()[0] == str(first.best.number)

    def test_the_best_model_is_the_trained_one(self, tmp_path):
        found = search(tmp_path)
        model = found.best_model()
        _, held_out = lm.tune.searching.stratified_split(Y, 0.2, 0)
        scores = model.evaluate(X[held_out], Y[held_out], verbose=0)
        assert np.isclose(scores[0], found.best.value)

    def test_several_processes_find_the_same(self, tmp_path):
        assert figures(search(tmp_path / "a")) == figures(search(tmp_path / "b", workers=2))

    def test_accuracy_is_maximized(self, tmp_path):
        found = search(tmp_path, metric="val_accuracy")
        assert found.best.value == max(t.value for t in found.trials)

    def test_folds_hold_out_each_row_once(self, tmp_path):
        found = search(tmp_path, folds=3, trials=2)
        assert all(len(t.history) == 3 for t in found.trials)
        last = [h["val_loss"][-1] for h in found.best.history]
        assert np.isclose(found.best.value, np.mean(last))

    def test_a_promoted_trial_has_the_bits_of_one_that_was_never_stopped(self, tmp_path):
        found = search(tmp_path / "a", method="halving", trials=4, epochs=8, factor=2)
        assert sorted(t.epochs for t in found.trials) == [2, 2, 4, 8]
        best = next(t for t in found.trials if t.epochs == 8)
        whole = search(tmp_path / "b", trials=best.number + 1, epochs=8)
        assert whole.trials[best.number].history == best.history

    def test_hyperband_trades_trials_for_epochs(self, tmp_path):
        found = search(tmp_path, method="hyperband", trials=None, epochs=4, factor=2)
        assert len(found.trials) == 4 + 3 + 3
        assert found.best.epochs == 4

    @pytest.mark.parametrize("method", ["halving", "random"])
    @pytest.mark.parametrize("after", [1, 3, 6])
    def test_a_search_that_was_killed_ends_the_same(self, method, after, tmp_path):
        options = {"method": method, "trials": 4, "epochs": 4, "factor": 2}
        whole = search(tmp_path / "a", **options)
        calls = []

        def cut():
            calls.append(1)
            if len(calls) > after:
                raise KeyboardInterrupt
            return []

        with contextlib.suppress(KeyboardInterrupt):
            search(tmp_path / "b", callbacks=cut, **options)
        assert figures(search(tmp_path / "b", callbacks=list, **options)) == figures(whole)

    def test_a_trial_that_fails_is_kept_and_the_others_continue(self, tmp_path):
        def fragile(p):
            if p.units == 2:
                raise ValueError("two units are too few")
            return build(p)

        space = {"units": [2, 8], "rate": 0.01}
        found = lm.tune.search(
            fragile, space, X, Y, folder=tmp_path / "a", method="grid", verbose=0
        )
        assert [t.status for t in found.trials] == ["failed", "complete"]
        assert "two units are too few" in found.table()
        with pytest.raises(StateError, match="two units are too few"):
            lm.tune.search(
                fragile, {**space, "units": [2]}, X, Y, folder=tmp_path / "b", method="grid",
                verbose=0,
            )  # fmt: skip

    def test_the_global_random_state_stays(self, tmp_path):
        lm.set_seed(3)
        expected = lm.random.normal((2,)).numpy()
        lm.set_seed(3)
        search(tmp_path, trials=1)
        assert np.array_equal(lm.random.normal((2,)).numpy(), expected)

    def test_results_are_drawn(self, tmp_path):
        pytest.importorskip("matplotlib")
        found = search(tmp_path)
        curves = lm.plot.search(found).axes[0]
        assert len(curves.lines) == 4 and curves.get_xlabel() == "epoch"
        assert lm.plot.search(found, "rate").axes[0].get_xscale() == "log"
        with pytest.raises(UnknownNameError, match="unknown hyperparameter 'depth'"):
            lm.plot.search(found, "depth")


class TestMistakes:
    def test_another_search_in_the_folder_is_named(self, tmp_path):
        search(tmp_path, trials=1)
        with pytest.raises(StateError, match="has seed 0, and 1 was given"):
            search(tmp_path, trials=1, seed=1)
        with pytest.raises(StateError, match="has space"):
            lm.tune.Tuner({"a": [1]}, folder=tmp_path)

    def test_a_damaged_trial_is_named(self, tmp_path):
        search(tmp_path, trials=1)
        path = next(tmp_path.glob("trial-*/trial.json"))
        path.write_text(json.dumps({"number": 0}))
        with pytest.raises(lm.errors.FileFormatError, match="trial-0000"):
            search(tmp_path, trials=1)

    @pytest.mark.parametrize(
        ("call", "error", "text"),
        [
            (lambda: lm.tune.choice([]), ArgumentError, "choice: expected"),
            (lambda: lm.tune.uniform(2, 1), RangeError, "the smaller first"),
            (lambda: lm.tune.loguniform(0, 1), RangeError, "expected more than 0"),
            (lambda: lm.tune.integers(3, 1), RangeError, "low 3 exceeds high 1"),
            (lambda: lm.tune.Tuner({"a": object()}), ArgumentError, "'a': expected values"),
            (lambda: lm.tune.Tuner([1]), ArgumentError, "expected a dictionary"),
            (lambda: lm.tune.Tuner({}, "bayes"), lm.errors.LaminaError, "method"),
            (
                lambda: lm.tune.Tuner({"a": lm.tune.uniform(0, 1)}, "grid"),
                ArgumentError,
                "has no list of values",
            ),
        ],
    )
    def test_invalid_spaces_are_refused(self, call, error, text):
        with pytest.raises(error, match=text):
            call()

    def test_a_model_that_is_not_compiled_is_refused(self, tmp_path):
        with pytest.raises(StateError, match="expected a compiled model"):
            lm.tune.search(
                lambda p: lm.Sequential([lm.layers.Dense(1)]), {"a": [1]}, X, Y, folder=tmp_path,
                verbose=0,
            )  # fmt: skip
