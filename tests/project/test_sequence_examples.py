"""The examples with sequences, at a small size: they run, draw, and find what they are about."""

import runpy

import numpy as np
import pytest

import lamina as lm
from paths import EXAMPLES


def example(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


@pytest.fixture
def figure(tmp_path):
    """The path of a figure, which must exist afterwards."""
    path = tmp_path / "figure.png"
    yield str(path)
    assert path.stat().st_size > 10_000


def test_gradients_vanish_in_simple_networks(figure, capsys):
    reach, errors = example("vanishing_gradient")["main"](2, (10, 40), figure)
    last = {name: norms[-1] for name, norms in reach.items()}
    assert last["SimpleRNN, eigenvalue 0.7"] < 1e-7 < 1e-3 < last["SimpleRNN, eigenvalue 0.95"]
    assert last["SimpleRNN, eigenvalue 1.2"] > 10
    assert last["LSTM, forget bias 4"] > 0.1
    assert errors["LSTM"][0] < 0.08  # of 1/6
    assert errors["SimpleRNN"][1] > 0.12
    assert "adding problem" in capsys.readouterr().out


def test_sine_waves_are_continued(figure, capsys):
    names = example("sine_waves")
    assert names["main"](epochs=3, count=16, path=figure) < 1.5
    assert "on its own" in capsys.readouterr().out


def test_a_wave_is_continued_as_if_it_were_read_from_the_beginning():
    names = example("sine_waves")
    lm.set_seed(3)
    model, given = names["network"](), names["waves"](2, seed=0)[:, :9]
    said = names["continued"](model, given, 3)
    for _ in range(3):
        given = np.concatenate([given, model(given)[:, -1:].numpy()], axis=1)
    np.testing.assert_allclose(said, given[:, 9:], atol=1e-6)


def test_dates_are_translated(figure, capsys):
    assert example("dates_with_attention")["main"](4, 3000, figure) > 0.1
    assert "of new dates are right" in capsys.readouterr().out


def test_dates_are_written_as_people_do():
    names = example("dates_with_attention")
    day = names["datetime"].date(1987, 3, 3)
    assert [names["written"](day, form) for form in names["FORMATS"]] == [
        "3.3.1987",
        "03/03/1987",
        "3 march 1987",
        "march 3, 1987",
        "mar 3 1987",
        "3rd of march, 1987",
        "tue, mar 3rd 1987",
        "3-mar-87",
    ]
