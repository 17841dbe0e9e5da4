"""Kernels of one structure share their nest, their schedule and their code."""

import numpy as np
import pytest

import lamina as lm
from lamina.engines.llvm import pipeline
from lamina.engines.llvm.loops.nest import Nest
from lamina.engines.llvm.loops.parse import parse
from lamina.engines.llvm.loops.structure import structure
from lamina.engines.llvm.pipeline import kernel_texts, program_of, run_passes
from lamina.ir.graph import Graph
from lamina.ir.types import Extent, TensorType, float32
from lamina.transforms.tracing import record

BATCH = Extent.symbol("batch")
SUM = """nest reduce for (i0 in 4)
  buffers b0 float32, b1 float32, b2 float32
  acc0 = sum over (k0 in 8) of multiply(b0[8*i0 + k0], b2[k0])
  b1[i0] <- guard(0 <= i0 < 3; add(acc0, float32(0.0)); acc0)
"""


def key(text: str) -> object:
    return structure(parse(text))


def test_equal_texts_have_equal_structures():
    assert parse(SUM).loops[0] is not parse(SUM).loops[0]
    assert key(SUM) == key(SUM)
    assert hash(key(SUM)) == hash(key(SUM))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("i0 in 4", "i0 in 5"),
        ("k0 in 8", "k0 in 7"),
        ("sum over", "max over"),
        ("8*i0 + k0", "8*i0 + k0 + 1"),
        ("b2[k0]", "b0[k0]"),
        ("multiply(", "add("),
        ("float32(0.0)", "float32(-0.0)"),
        ("0 <= i0 < 3", "0 <= i0 < 2"),
        ("b1[i0] <-", "b1[2*i0] <-"),
        ("b2 float32", "b2 float64"),
    ],
)
def test_nests_that_differ_have_different_structures(old, new):
    assert key(SUM.replace(old, new)) != key(SUM)


# ---- networks ----------------------------------------------------------------------------------
def deep(layers: int) -> Graph:
    """Equal dense layers and their gradients, recorded."""

    def loss(x, *weights):
        for w in weights:
            x = lm.tanh(x @ w)
        return lm.sum(x)

    def gradients(x, *weights):
        return lm.grad(loss, argnums=tuple(range(1, layers + 1)))(x, *weights)

    types = [TensorType((BATCH, 256), float32)] + [TensorType((256, 256), float32)] * layers
    graph: Graph = run_passes(record(gradients, types).graph, {}, passes=pipeline.PASSES[:1])
    return graph


def nests(layers: int) -> tuple[int, int, int]:
    """Return the numbers of kernels, nests and texts of a network."""
    texts = kernel_texts(program_of(deep(layers), {}))
    found: dict[int, Nest] = {id(k.nest): k.nest for k in texts}
    return len(texts), len(found), len({text.symbol for text in texts.values()})


def test_more_equal_layers_need_no_more_code():
    few, many = nests(4), nests(8)
    assert many[0] > few[0]
    assert many[1:] == few[1:]


def test_training_resnet_50_compiles_fewer_than_300_kernels(monkeypatch):
    found: list[tuple[int, int]] = []

    class Enough(Exception):
        pass

    def counted(graph, updates, flush_denormals=False, held=()):
        if not graph.name.startswith("train"):
            return compile_graph(graph, updates, flush_denormals, held)
        simple = run_passes(graph, updates, passes=pipeline.PASSES[:1])
        texts = kernel_texts(program_of(simple, updates))
        found.append((len(texts), len({text.symbol for text in texts.values()})))
        raise Enough

    compile_graph = pipeline.compile_graph
    monkeypatch.setattr("lamina.engines.llvm.engine.compile_graph", counted)
    model = lm.zoo.ResNet50(weights=None)
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = np.zeros((8, 224, 224, 3), np.float32), np.zeros(8, np.int64)
    with lm.settings(engine="llvm"), pytest.raises(Enough):
        model.fit(x, y, batch_size=8, verbose=0)
    ((kernels, codes),) = found
    assert kernels < 1100
    assert codes < 300
