"""A program for 8 devices, run by test_distribution.py in a separate process: prints JSON."""

import json
import sys
from pathlib import Path

import numpy as np

import lamina as lm
from lamina.distribution import DataParallel, DeviceMesh, LayoutMap, ModelParallel
from lamina.engines import residence
from lamina.variables import memory_of
from small_networks import continued, trained

sys.path.append(str(Path(__file__).parents[1] / "tools"))
from count_exchanges import all_reduces


def parts(variable):
    """The shape of a Variable's part on each device."""
    return list(residence.copy_of(memory_of(variable)).addressable_shards[0].data.shape)


def result(kind, **sizes):
    losses, model, x = trained(kind, **sizes)
    return {
        "losses": losses,
        "predictions": model.predict(x[:16], verbose=0).tolist(),
        "parts": [parts(v) for v in model.weights],
        "slots": [parts(v) for v in model.optimizer.variables if v.ndim],
    }


def place_of_state():
    """The device that holds a Variable after a program has run."""
    v = lm.Variable([1.0])
    lm.compile(lambda: v.assign_add([1.0]))()
    (device,) = residence.copy_of(memory_of(v)).devices()
    return f"{device.platform}:{device.id}"


def losses_of(kind):
    """The losses of a training, with dropout if the network has it."""
    return trained(kind)[0]


def draws():
    """The number of each row's element that a program draws for a divided batch."""
    program = lm.compile(
        lambda x, key: lm.argmax(x + lm.random.uniform(x.shape, key=key), axis=1),
        signature=[lm.Spec(("batch", 1000)), lm.Spec((2,), "uint32")],
    )
    return program(lm.zeros((16, 1000)), lm.random.key(7)).tolist()


def resumed():
    """The losses of a training on 8 devices that continues on 2 of them after its first epoch."""
    with DataParallel(shard_optimizer_state=True).scope():
        _, model, _ = trained("perceptron", epochs=1)
        state = model.training_state()
    with DataParallel(devices=lm.devices()[:2], shard_optimizer_state=True).scope():
        return continued("perceptron", state)


def tensor_parallel():
    layouts = LayoutMap(DeviceMesh((2, 4), ("batch", "model")))
    layouts["dense/kernel"] = (None, "model")
    layouts["dense/bias"] = ("model",)
    layouts["dense_1/kernel"] = ("model", None)
    return ModelParallel(layout_map=layouts)


def main():
    found = {}
    with lm.settings(engine="xla"):
        found["devices"] = lm.devices()
        found["one"] = result("perceptron")
        with lm.device("cpu:5"):
            found["sixth"] = result("perceptron")
            found["sixth is on"] = place_of_state()
    for name, chosen in (
        ("data", DataParallel()),
        ("zero", DataParallel(shard_optimizer_state=True)),
        ("model", tensor_parallel()),
    ):
        with chosen.scope():
            found[name] = result("perceptron")
    with DataParallel().scope():
        found["networks"] = {kind: losses_of(kind) for kind in ("convolutional", "transformer")}
        found["draws"] = draws()
    found["resumed"] = resumed()
    with DataParallel().scope():
        found["short"] = result("recurrent", rows=70)
        found["all-reduce"] = all_reduced()
    with lm.settings(engine="xla"):
        found["short one"] = result("recurrent", rows=70)
    json.dump(found, sys.stdout)


def all_reduced():
    """The bytes of each exchange of a step with a weight of 48 elements."""
    w = lm.Variable(np.ones((8, 6), np.float32))
    spec = [lm.Spec(("batch", 8))]

    def step(x):
        w.assign_sub(lm.grad(lambda w: lm.mean((x @ w) ** 2))(w.read()) * 0.1)
        return lm.sum(w.read())

    program = lm.compile(step, signature=spec)
    program(lm.ones((16, 8)))
    ((_, executable),) = program._programs.values()
    ((known,),) = [executable._programs.values()]
    return all_reduces(known.compiled.as_text())


if __name__ == "__main__":
    main()
