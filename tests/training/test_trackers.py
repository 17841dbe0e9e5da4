"""MLflow and Weights & Biases: runs in local stores, read back with the packages themselves."""

import json
import subprocess
import sys

import numpy as np
import pytest

import lamina as lm
from lamina.callbacks import Callback, MLflowLogger, WandbLogger
from lamina.errors import ArgumentError, MissingExtraError, RangeError

X = np.random.default_rng(0).standard_normal((64, 3)).astype(np.float32)
Y = X[:, :1]


def network():
    lm.set_seed(1)
    model = lm.Sequential([lm.Input((3,)), lm.layers.Dense(1)], name="line")
    model.compile(lm.optimizers.SGD(0.1), "mse")
    return model


class Fail(Callback):
    """A callback that interrupts the first training in epoch 2."""

    fails = True

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2 and Fail.fails:
            Fail.fails = False
            raise KeyboardInterrupt


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    yield mlflow
    while mlflow.active_run():
        mlflow.end_run()


def test_mlflow_run_holds_hyperparameters_and_metrics_of_each_epoch(mlflow):
    logger = MLflowLogger("lines", "first", config={"units": 1}, update_freq=2)
    history = network().fit(
        X, Y, epochs=3, verbose=0, callbacks=[logger], validation_data=(X, Y), batch_size=16
    )
    client = mlflow.MlflowClient()
    run = client.get_run(logger.run_id)
    assert run.info.status == "FINISHED" and run.info.run_name == "first"
    assert client.get_experiment(run.info.experiment_id).name == "lines"
    assert run.data.params == {
        "model": "line", "optimizer": "SGD", "epochs": "3", "steps": "4", "parameters": "4",
        "units": "1",
    }  # fmt: skip
    for name in ("loss", "val_loss"):
        logged = client.get_metric_history(logger.run_id, name)
        assert [m.step for m in logged] == [0, 1, 2]
        np.testing.assert_allclose([m.value for m in logged], history.history[name])
    assert [m.step for m in client.get_metric_history(logger.run_id, "batch_loss")] == [
        2, 4, 6, 8, 10, 12,
    ]  # fmt: skip


def test_mlflow_logger_uses_an_active_run_and_leaves_it_open(mlflow):
    with mlflow.start_run() as run:
        logger = MLflowLogger()
        network().fit(X, Y, verbose=0, callbacks=[logger])
        assert logger.run_id == run.info.run_id and mlflow.active_run() is not None
        assert mlflow.MlflowClient().get_run(logger.run_id).info.status == "RUNNING"


def test_mlflow_logger_takes_the_active_experiment_and_other_stores(mlflow, tmp_path):
    chosen = mlflow.set_experiment("chosen")
    logger = MLflowLogger()
    network().fit(X, Y, verbose=0, callbacks=[logger])
    run = mlflow.MlflowClient().get_run(logger.run_id)
    assert run.info.experiment_id == chosen.experiment_id and run.info.status == "FINISHED"
    elsewhere = (tmp_path / "other").as_uri()
    logger = MLflowLogger(tracking_uri=elsewhere)
    network().fit(X, Y, verbose=0, callbacks=[logger])
    assert mlflow.MlflowClient(elsewhere).get_run(logger.run_id).info.status == "FINISHED"


def test_mlflow_run_continues_in_a_resumed_training(mlflow, tmp_path):
    options = {"epochs": 4, "verbose": 0, "checkpoint": tmp_path / "run", "every": "epoch"}
    Fail.fails, first = True, MLflowLogger("resumed")
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, callbacks=[first, Fail()], seed=1, **options)
    again = MLflowLogger("resumed")
    network().fit(X, Y, callbacks=[again, Fail()], seed=1, resume=True, **options)
    assert again.run_id == first.run_id
    client = mlflow.MlflowClient()
    assert client.get_run(again.run_id).info.status == "FINISHED"
    assert [m.step for m in client.get_metric_history(again.run_id, "loss")] == [0, 1, 2, 3]


@pytest.fixture
def wandb(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    yield wandb
    wandb.finish()


def test_wandb_run_holds_hyperparameters_and_metrics(wandb, tmp_path):
    options = {"dir": str(tmp_path), "settings": wandb.Settings(console="off")}
    logger = WandbLogger("lines", "first", {"units": 1}, update_freq=2, options=options)
    seen = {}

    class Read(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen["config"] = dict(wandb.run.config)
            seen["summary"] = dict(wandb.run.summary)

    history = network().fit(X, Y, epochs=3, verbose=0, callbacks=[logger, Read()], batch_size=16)
    assert wandb.run is None  # the callback has finished its own run
    assert seen["config"]["units"] == 1 and seen["config"]["optimizer"] == "SGD"
    assert seen["summary"]["epoch"] == 2 and seen["summary"]["batch"] == 12
    assert seen["summary"]["loss"] == pytest.approx(history.history["loss"][-1])
    assert any(tmp_path.rglob("*.wandb"))


def test_wandb_logger_uses_a_run_that_was_begun_and_leaves_it_open(wandb, tmp_path):
    run = wandb.init(project="lines", dir=str(tmp_path))
    logger = WandbLogger()
    network().fit(X, Y, verbose=0, callbacks=[logger])
    assert wandb.run is run and logger.run_id == run.id


def test_wandb_run_continues_in_a_resumed_training(wandb, tmp_path):
    options = {"epochs": 4, "verbose": 0, "checkpoint": tmp_path / "run", "every": "epoch"}
    Fail.fails, first = True, WandbLogger("resumed", options={"dir": str(tmp_path)})
    with pytest.raises(KeyboardInterrupt):
        network().fit(X, Y, callbacks=[first, Fail()], seed=1, **options)
    again = WandbLogger("resumed", options={"dir": str(tmp_path)})
    network().fit(X, Y, callbacks=[again, Fail()], seed=1, resume=True, **options)
    assert again.run_id == first.run_id


WITHOUT = """
import sys, json
sys.modules["mlflow"] = sys.modules["wandb"] = None
import numpy as np, lamina as lm
found = []
for make in (lm.callbacks.MLflowLogger, lm.callbacks.WandbLogger):
    model = lm.Sequential([lm.Input((1,)), lm.layers.Dense(1)])
    model.compile("sgd", "mse")
    try:
        model.fit(np.ones((4, 1)), np.ones((4, 1)), verbose=0, callbacks=[make()])
    except lm.errors.MissingExtraError as error:
        found.append(str(error))
print(json.dumps(found))
"""


def test_loggers_name_the_package_to_install():
    assert issubclass(MissingExtraError, ImportError)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True, timeout=120
    )
    first, second = json.loads(done.stdout)
    assert "MLflowLogger needs mlflow" in first and "pip install mlflow-skinny" in first
    assert "WandbLogger needs wandb" in second and "pip install wandb" in second


@pytest.mark.parametrize("make", [MLflowLogger, WandbLogger])
def test_loggers_name_wrong_arguments(make):
    with pytest.raises(RangeError, match="update_freq"):
        make(update_freq="step")
    with pytest.raises(RangeError, match="update_freq"):
        make(update_freq=0)
    with pytest.raises(ArgumentError, match="config: expected a dictionary"):
        make(config=3)
    with pytest.raises(ArgumentError, match="run_name: expected a string"):
        make(run_name=3)
