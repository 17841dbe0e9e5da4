"""`keras.callbacks`: the names of `lamina.callbacks`."""

from typing import Any

from lamina.callbacks import *  # noqa: F403
from lamina.callbacks import __all__ as __all__

_INSTEAD = {
    "TensorBoard": "CSVLogger('log.csv') writes the figures, lamina.plot.history draws them",
    "BackupAndRestore": "ModelCheckpoint('at.lamina') keeps model and optimizer; go on with "
    "load_model('at.lamina') and fit(..., initial_epoch=...)",
    "ProgbarLogger": "fit draws its progress by itself: verbose=1, or 2 for a line an epoch",
    "RemoteMonitor": "LambdaCallback(on_epoch_end=lambda epoch, logs: ...) sends what you want",
    "SwapEMAWeights": "optimizers have use_ema=True",
    "OrbaxCheckpoint": "ModelCheckpoint",
}


def __getattr__(name: str) -> Any:
    if name in _INSTEAD:
        raise AttributeError(f"keras.callbacks.{name} is not in Lamina: {_INSTEAD[name]}")
    raise AttributeError(f"module 'lamina.keras.callbacks' has no attribute {name!r}")
