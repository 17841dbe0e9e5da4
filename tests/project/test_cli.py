"""The command line: what people type first."""

import os
import subprocess
import sys
import zlib

import numpy as np
import pytest

import lamina as lm
from lamina.cli import main


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No network, no data set of the developer's, an empty folder."""
    monkeypatch.setenv("LAMINA_OFFLINE", "1")
    monkeypatch.setenv("LAMINA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("LAMINA_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


def test_demo_without_a_network(capsys, tmp_path):
    assert main(["demo", "--epochs", "6", "--out", "made"]) == 0
    out = capsys.readouterr().out
    assert "MNIST is not on this machine and cannot be downloaded" in out
    assert "1,437 images of 8x8 pixels to learn from, 360 to be tested on" in out
    assert out.count("\nEpoch ") == 6
    assert "8,622 examples in " in out and "examples per second" in out
    accuracy = float(out.split("Test accuracy ")[1].split("%")[0])
    assert accuracy > 85
    model = lm.load_model(tmp_path / "made" / "demo.lamina")
    (_, _), (x, y) = lm.datasets.digits.load_data()
    seen = model.predict(x.reshape(-1, 64) / 16.0).argmax(axis=1)
    assert 100 * np.mean(seen == y) == pytest.approx(accuracy, abs=0.006)
    width, height, colors = png(tmp_path / "made" / "demo.png")
    assert (width, height) == (1320, 504)
    assert colors > 50


def png(path):
    """Width, height and the number of colors of a PNG of 8-bit RGBA, read by hand."""
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(content[k : k + 4]) for k in (16, 20))
    data, place = b"", 8
    while place < len(content):
        size, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
        data += content[place + 8 : place + 8 + size] if kind == b"IDAT" else b""
        place += size + 12
    pixels = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, -1)[:, 1:]
    return width, height, len(np.unique(pixels.reshape(-1, 4), axis=0))


def test_demo_without_matplotlib_prints_a_hint_and_continues(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["demo", "--data", "digits", "--epochs", "1"]) == 0
    out = capsys.readouterr().out
    assert "no figure: " in out and "pip install matplotlib pillow" in out
    assert (tmp_path / "demo.lamina").is_file()
    assert not (tmp_path / "demo.png").exists()


def test_demo_repeats(capsys, tmp_path):
    contents = []
    for name in ("a", "b"):
        main(["demo", "--data", "digits", "--epochs", "1", "--out", name, "--seed", "4"])
        contents.append((tmp_path / name / "demo.lamina").read_bytes())
    assert contents[0] == contents[1]


def test_mistakes_are_one_message(capsys, tmp_path):
    assert main(["demo", "--data", "mnist"]) == 1
    assert "lamina demo: MNIST" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["demo", "--out", "file"]) == 1
    assert "--out file" in capsys.readouterr().err
    for wrong in (["demo", "--epochs", "0"], ["demo", "--data", "cifar"], [], ["dmeo"]):
        with pytest.raises(SystemExit):
            main(wrong)


def test_info_prints_versions_and_engines(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    for part in (lm.__version__, np.__version__, "threads", "vectors", "engines", "cache"):
        assert part in out
    for row in lm.settings.rows():
        assert row.variable in out


def test_info_without_llvmlite():
    code = "import sys; sys.modules['llvmlite'] = None; from lamina.cli import main; main(['info'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "vectors" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"], ["--version"]])
def test_help(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "lamina" in capsys.readouterr().out


def test_python_m_lamina_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "lamina", "--version"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == f"lamina {lm.__version__}\n"
