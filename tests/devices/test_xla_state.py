"""State on devices: programs of the xla engine keep it there, and everyone else sees its value."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest

import lamina as lm
from engine_names import needs_jax
from lamina.engines import engine, residence
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import Extent, TensorType, float32, int32
from lamina.variables import memory_of

pytestmark = needs_jax
N = Extent.symbol("n")


@pytest.fixture(autouse=True)
def _on_xla():
    with lm.settings(engine="xla", cache=False):
        yield


def counter():
    """A Variable, and a compiled function that adds to it."""
    state = lm.Variable([1.0, 2.0])

    def add(x):
        state.assign_add(x)
        return state.read() * 2

    return state, lm.compile(add)


def test_state_stays_on_the_device_until_it_is_read():
    state, add = counter()
    one = lm.ones(2)
    assert add(one).tolist() == [4, 6]
    first = residence.copy_of(memory_of(state))
    assert residence.is_newer(memory_of(state))
    assert add(one).tolist() == [6, 8]
    assert first.is_deleted()  # donated to the second call
    assert state.numpy().tolist() == [3, 4]
    assert not residence.is_newer(memory_of(state))


def test_an_assignment_from_python_reaches_the_next_call():
    state, add = counter()
    add(lm.ones(2))
    state.assign([10.0, 20.0])
    assert add(lm.ones(2)).tolist() == [22, 42]
    state.assign_add([1.0, 1.0])
    assert state.numpy().tolist() == [12, 22]


@pytest.mark.parametrize("other", ["numpy", "llvm"])
def test_programs_of_other_engines_see_state_that_is_on_a_device(other):
    state, add = counter()
    add(lm.ones(2))
    with lm.settings(engine=other):
        assert add(lm.ones(2)).tolist() == [6, 8]
    assert add(lm.ones(2)).tolist() == [8, 10]
    assert state.numpy().tolist() == [4, 5]


def test_a_deep_copy_of_a_variable_has_the_value_on_the_device():
    state, add = counter()
    add(lm.ones(2))
    twin = copy.deepcopy(state)
    add(lm.ones(2))
    assert twin.numpy().tolist() == [2, 3]
    assert state.numpy().tolist() == [3, 4]


def test_copies_on_devices_are_dropped_with_their_variables():
    state, add = counter()
    add(lm.ones(2))
    assert id(memory_of(state)) in residence.COPIES
    key = id(memory_of(state))
    del state, add
    assert key not in residence.COPIES


def test_threads_may_read_and_use_state_that_another_one_changes():
    state, add = counter()
    read = lm.compile(lambda: state.read() * 1)
    add(lm.zeros(2)), read()
    seen = []

    def look():
        for _ in range(50):
            seen.extend([state.numpy(), read().numpy()])

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        add(lm.ones(2))
    for thread in threads:
        thread.join()
    assert len(seen) == 200
    assert all(b - a == 1 for a, b in seen)
    assert state.numpy().tolist() == [101, 102]


def test_data_are_transferred_once_while_they_do_not_change():
    x = np.arange(4, dtype=np.float32)
    program = lm.compile(lambda x: x + 1)
    with residence.unchanging([x]):
        tensor = lm.as_tensor(x)
        program(tensor)
        copied = residence.copy_of(tensor._value)
        program(tensor)
        assert residence.copy_of(tensor._value) is copied is not None
    assert residence.copy_of(x) is None
    x[:] = 5
    assert program(lm.as_tensor(x)).tolist() == [6] * 4


def test_a_tensor_with_a_copy_on_a_device_names_it():
    x = lm.asarray([1.0, 2.0])
    there = x.to("cpu:0")
    assert (x.device, there.device, there.to("cpu").device) == ("cpu", "cpu:0", "cpu")
    assert x.to_device("cpu") is x
    assert lm.compile(lambda x: x * 2)(there).tolist() == [2, 4]
    assert (there + 1).tolist() == [2, 3]


def test_devices_are_listed_and_unknown_ones_refused():
    assert lm.devices() == [f"cpu:{k}" for k in range(len(lm.devices("cpu")))]
    with pytest.raises(ValueError, match="unknown device 'gpu:7'"), lm.device("gpu:7"):
        pass
    with lm.settings(engine="llvm"):
        assert lm.devices() == ["cpu"]
        with lm.device("cpu:0"):
            assert lm.settings.engine == "xla"
        with lm.device("cpu"):
            assert lm.settings.engine == "llvm"


# ---- numbers of iterations ---------------------------------------------------------------------
def total(reverse=False):
    """The graph of a scan that weighs by position: carry' = carry / 2 + element."""
    x, start = (
        parameter(TensorType((N, 2), float32), "x"),
        parameter(TensorType((2,), float32), "s"),
    )
    carry, element = (parameter(TensorType((2,), float32), name) for name in "ce")
    half = ops.multiply(carry, ops.fill(0.5, carry))
    body = Graph([carry, element], [ops.add(half, element)], "step")
    node = ops.scan(start, x, body=body, num_consts=0, num_carry=1, length=N, reverse=reverse)
    return Graph([x, start], ops.elements(node), "total")


@pytest.mark.parametrize("reverse", [False, True])
def test_one_program_serves_every_number_of_iterations(reverse):
    graph = total(reverse)
    program, reference = (engine(name).compile(graph, {}) for name in ("xla", "numpy"))
    rng = np.random.default_rng(0)
    for n in (0, 1, 7, 64):
        arrays = [rng.normal(size=(n, 2)).astype("f"), np.ones(2, "f")]
        np.testing.assert_allclose(program(arrays)[0], reference(arrays)[0], rtol=1e-6)
    assert len(program._programs) == 1
    program([np.zeros((65, 2), "f"), np.ones(2, "f")])
    assert len(program._programs) == 2


def test_a_symbol_that_also_is_a_size_does_not_count_iterations():
    from lamina.engines.xla.counted import counted

    graph = total()
    assert counted(graph).symbol == "n"
    x = graph.parameters[0]
    for other in (ops.size_of(extent=N), ops.negate(x)):
        assert counted(Graph(graph.parameters, [*graph.results, other])) is None
    index = parameter(TensorType((N,), int32), "i")
    assert counted(Graph([*graph.parameters, index], [*graph.results, index])) is None
