"""Distributions on 8 virtual devices: what one device computes, and divided as the layouts say."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import lamina as lm
from engine_names import needs_jax
from lamina.distribution import DataParallel, DeviceMesh, LayoutMap, TensorLayout, initialize
from paths import TESTS
from small_networks import trained

EIGHT = [f"cpu:{k}" for k in range(8)]


@pytest.fixture(scope="module")
def found():
    """Return what distributed.py prints."""
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    program = TESTS / "distributed.py"
    done = subprocess.run(
        [sys.executable, program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_jax
def test_all_devices_have_names(found):
    assert found["devices"] == EIGHT


@needs_jax
def test_a_device_gives_the_bits_of_another_of_its_kind(found):
    assert found["sixth"] == found["one"]
    assert found["sixth is on"] == "cpu:5"


@needs_jax
@pytest.mark.parametrize("name", ["data", "zero", "model"])
def test_a_distribution_computes_what_one_device_computes(found, name):
    """Dropout, batch normalization and Adam among it: the same draws and the whole batch."""
    one, divided = found["one"], found[name]
    np.testing.assert_allclose(divided["losses"], one["losses"], rtol=1e-6)
    np.testing.assert_allclose(divided["predictions"], one["predictions"], atol=2e-6)


@needs_jax
def test_a_batch_that_devices_do_not_divide_is_computed_whole(found):
    np.testing.assert_allclose(found["short"]["losses"], found["short one"]["losses"], rtol=1e-6)


@needs_jax
def test_data_parallel_copies_weights_and_divides_optimizer_state_if_asked_to(found):
    assert found["data"]["parts"] == found["zero"]["parts"] == found["one"]["parts"]
    assert found["data"]["slots"] == found["one"]["slots"]
    assert found["zero"]["slots"][0] == [784 // 8, 32]


@needs_jax
def test_model_parallel_divides_weights_and_their_slots_by_path(found):
    kernel, bias, *_, last, _ = found["model"]["parts"]
    assert (kernel, bias, last) == ([784, 8], [8], [8, 10])
    assert found["model"]["slots"][0] == [784, 8]


@needs_jax
def test_devices_exchange_as_much_as_the_gradient_has(found):
    assert found["all-reduce"] == [4 * 48]


@needs_jax
@pytest.mark.parametrize("kind", ["convolutional", "transformer"])
def test_networks_on_eight_devices_have_the_losses_of_one(found, kind):
    np.testing.assert_allclose(found["networks"][kind], trained(kind)[0], rtol=1e-5)


@needs_jax
def test_rows_draw_on_eight_devices_what_they_draw_on_one(found):
    uniform = lm.random.uniform((16, 1000), key=lm.random.key(7))
    assert found["draws"] == lm.argmax(uniform, axis=1).tolist()


@needs_jax
def test_a_training_on_eight_devices_resumes_on_two(found):
    np.testing.assert_allclose(found["resumed"], found["one"]["losses"], rtol=1e-6)


# ---- meshes and layouts ------------------------------------------------------------------------
def test_a_mesh_needs_a_name_for_each_axis_and_as_many_devices_as_its_shape():
    assert repr(DeviceMesh((2, 4), ("batch", "model"), EIGHT)) == "DeviceMesh(batch=2, model=4)"
    with pytest.raises(lm.LaminaError, match="expected 1 names"):
        DeviceMesh((8,), ("batch", "model"), EIGHT)
    with pytest.raises(lm.LaminaError, match=r"shape \(2, 2\) takes 4 devices, got 8"):
        DeviceMesh((2, 2), ("batch", "model"), EIGHT)


def test_a_layout_is_found_by_the_one_expression_in_a_path():
    layouts = LayoutMap(DeviceMesh((2, 4), ("batch", "model"), EIGHT))
    layouts["dense.*/kernel"] = (None, "model")
    layouts["bias"] = TensorLayout(("model",))
    assert layouts.of("dense_1/kernel") == (None, "model")
    assert layouts.of("dense_1/bias") == ("model",)
    assert layouts.of("embedding/table") == ()
    assert layouts["bias"].device_mesh is layouts.device_mesh
    layouts["kernel"] = (None, None)
    with pytest.raises(lm.LaminaError, match="several expressions match 'dense_1/kernel'"):
        layouts.of("dense_1/kernel")
    with pytest.raises(lm.LaminaError, match="unknown axis of the mesh 'modle'"):
        layouts["embedding"] = ("modle", None)
    del layouts["kernel"]
    assert list(layouts) == ["dense.*/kernel", "bias"]


@needs_jax
def test_a_weight_that_a_mesh_does_not_divide_evenly_is_refused_by_name():
    layouts = LayoutMap(DeviceMesh((1, 3), ("batch", "model"), EIGHT[:3]))
    layouts["kernel"] = (None, "model")
    model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(8)])
    distribution = lm.distribution.ModelParallel(layout_map=layouts)
    with pytest.raises(lm.LaminaError, match=r"kernel: 8 rows or columns cannot be"):
        distribution.arrange(model)


def test_a_distribution_is_in_force_within_its_scope():
    chosen = DataParallel(devices=EIGHT)
    engine = lm.settings.engine
    with chosen.scope():
        assert lm.distribution.distribution() is chosen
        assert lm.settings.engine == "xla"
    assert lm.distribution.distribution() is None
    assert lm.settings.engine == engine


@needs_jax
def test_initialize_takes_all_of_its_arguments_or_none():
    with pytest.raises(lm.LaminaError, match="or none of them"):
        initialize("localhost:1234", 2)
