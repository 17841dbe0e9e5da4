"""Signatures of public classes and functions name all arguments, also those that are passed on."""

import importlib
import inspect

import pytest

import lamina as lm
from lamina import layers as L

FAMILIES = [
    *("layers", "losses", "metrics", "optimizers", "initializers", "regularizers", "constraints"),
    "schedules",
]
OPEN = {"MeanMetricWrapper": "arguments"}  # those of a function that the caller gives
VARIADIC = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
OBJECTS = [
    pytest.param(found, id=f"{family}.{name}")
    for family in FAMILIES
    for module in [importlib.import_module(f"lamina.{family}")]
    for name in module.__all__
    if callable(found := getattr(module, name))
]


@pytest.mark.parametrize("found", OBJECTS)
def test_a_signature_names_every_argument(found):
    parameters = inspect.signature(found).parameters.values()
    variadic = [p.name for p in parameters if p.kind in VARIADIC]
    assert variadic == [n for k, n in OPEN.items() if k == found.__name__]


LAYERS = [found for found in map(vars(L).get, L.__all__) if isinstance(found, type)]
LAYERS.remove(L.InputLayer)  # has other arguments than layers


@pytest.mark.parametrize("cls", [c for c in LAYERS if issubclass(c, L.Layer)])
def test_a_signature_of_a_layer_holds_the_arguments_of_layer_with_their_defaults(cls):
    found = inspect.signature(cls).parameters
    for name, parameter in inspect.signature(L.Layer).parameters.items():
        if name != "input_dim" or not issubclass(cls, L.Embedding):  # the size of a vocabulary
            assert found[name].default == parameter.default, name


def test_the_signature_of_a_recurrent_layer_joins_those_of_cell_and_rnn():
    found = inspect.signature(L.LSTM).parameters
    assert list(found)[:4] == ["units", "activation", "recurrent_activation", "use_bias"]
    assert found["dropout"].default == 0.0 and found["return_sequences"].default is False
    assert found["unit_forget_bias"].default is True and "cell" not in found
    assert "reset_after" in inspect.signature(L.GRU).parameters
    of_images = inspect.signature(L.ConvLSTM2D).parameters
    assert not {"units", "rank", "cell"} & of_images.keys()
    assert "filters" in of_images and "recurrent_dropout" in of_images


def test_each_named_argument_of_a_recurrent_layer_is_taken():
    for cls, first in ((L.SimpleRNN, (4,)), (L.LSTM, (4,)), (L.GRU, (4,)), (L.ConvLSTM1D, (4, 3))):
        shapes = ("input_shape", "input_dim", "batch_input_shape", "batch_shape", "batch_size")
        for name, parameter in inspect.signature(cls).parameters.items():
            if parameter.default is not parameter.empty and name not in shapes:
                cls(*first, **{name: parameter.default})


def test_signatures_of_a_users_classes_and_of_instances():
    class Scale(L.Layer):
        def __init__(self, factor=2.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, inputs, flag=False):
            return inputs * self.factor

    parameters = inspect.signature(Scale).parameters
    assert list(parameters)[:2] == ["factor", "name"] and "kwargs" not in parameters
    assert "inputs" not in parameters and inspect.signature(Scale().call).parameters
    assert list(inspect.signature(Scale()).parameters) == ["args", "kwargs"]  # of __call__

    class Open(lm.metrics.Mean):
        def __init__(self, **anything):
            super().__init__()

    assert list(inspect.signature(Open).parameters) == ["anything"]
