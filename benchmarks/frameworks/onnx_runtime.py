"""ONNX Runtime's side: inference of graphs written out by hand, in the layout that ONNX has, NCHW.

Batch normalization is left in the graph; the session's own optimization joins it with what it can.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.contestants import Prepare, Trial
from benchmarks.data import examples, witness
from benchmarks.networks import BY_NAME

OPERATIONS, FORMAT = 17, 9
"""Versions of ONNX's operations and of its files that every runtime of recent years reads."""


class Writer:
    """A graph as it is written, node after node; `last` is the value that the next one takes."""

    def __init__(self, weights: list[np.ndarray], last: str = "inputs") -> None:
        self.weights, self.last = iter(weights), last
        self.nodes: list = []
        self.constants: list = []

    def constant(self, value: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operation: str, *values: np.ndarray, **attributes: object) -> None:
        names = [self.last, *map(self.constant, values)]
        self.last = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, names, [self.last], **attributes))

    def dense(self, activation: str, **attributes: object) -> None:
        self.add("Gemm", next(self.weights), next(self.weights))
        self.add(activation, **attributes)

    def convolution(self) -> None:
        kernel = next(self.weights).transpose(3, 2, 0, 1)
        self.add("Conv", kernel, next(self.weights), pads=[1, 1, 1, 1])
        self.add("Relu")

    def batch_norm(self) -> None:
        """As it is before any training: means zero, variances one."""
        gamma, beta = next(self.weights), next(self.weights)
        mean, variance = np.zeros_like(beta), np.ones_like(gamma)
        self.add("BatchNormalization", gamma, beta, mean, variance, epsilon=1e-3)


def mlp(graph: Writer) -> None:
    """The lecture's network, 784-512-10."""
    graph.dense("Relu")
    graph.dense("Softmax", axis=-1)


def vgg(graph: Writer) -> None:
    """ShallowVGGNet as the lecture prints it; predicting, dropout does nothing."""
    for _ in range(2):
        for _ in range(2):
            graph.convolution()
            graph.batch_norm()
        graph.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    graph.add("Transpose", perm=[0, 2, 3, 1])  # the dense layer's rows are in the order of NHWC
    graph.add("Flatten")
    graph.dense("Relu")
    graph.batch_norm()
    graph.dense("Softmax", axis=-1)


def session(network: str, write: Callable[[Writer], None]) -> onnxruntime.InferenceSession:
    """The network, optimized by the runtime, on as many threads as all have."""
    graph = Writer(BY_NAME[network].weights())
    write(graph)
    shape = BY_NAME[network].inputs
    shape = (shape[-1], *shape[:-1]) if len(shape) == 3 else shape
    inputs = helper.make_tensor_value_info("inputs", TensorProto.FLOAT, ["batch", *shape])
    outputs = helper.make_tensor_value_info(graph.last, TensorProto.FLOAT, ["batch", 10])
    made = helper.make_graph(graph.nodes, network, [inputs], [outputs], graph.constants)
    sets = [helper.make_opsetid("", OPERATIONS)]
    model = helper.make_model(made, opset_imports=sets, ir_version=FORMAT)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "2"))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def predict(network: str, write: Callable[[Writer], None], batch: int, steps: int) -> Trial:
    """The forward pass with its softmax, on NumPy arrays."""
    forward = session(network, write)
    x = examples(BY_NAME[network], batch * steps)[0]
    if x.ndim == 4:
        x = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    batches = np.split(x, steps)

    def trial() -> float:
        for rows in batches:
            (result,) = forward.run(None, {"inputs": rows})
        return witness(result)

    return trial


WORK: dict[str, Prepare] = {
    "predict-mlp": partial(predict, "mlp", mlp),
    "predict-vgg": partial(predict, "vgg", vgg),
}
