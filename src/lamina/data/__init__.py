"""Data: the sets that one learns with, batches made when needed, and checks of what users bring."""

import importlib
from typing import Any

# Loaded when first asked for.
_LAZY = {
    "AUTOTUNE": "lamina.data.dataset",
    "CharacterCorpus": "lamina.data.corpora",
    "Dataset": "lamina.data.dataset",
    "PyDataset": "lamina.data.dataset",
    "WordCorpus": "lamina.data.corpora",
    "image_dataset_from_directory": "lamina.data.image_folders",
    "pad_sequences": "lamina.data.sequences",
    "text_dataset_from_directory": "lamina.data.text_folders",
    "timeseries_dataset_from_array": "lamina.data.sequences",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'lamina.data' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
