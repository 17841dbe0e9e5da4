"""Callbacks: objects that `fit` calls at epochs and batches, and that may change or stop it."""

from lamina import namespaces
from lamina.callbacks.averages import SwapEMAWeights
from lamina.callbacks.backup import BackupAndRestore
from lamina.callbacks.base import Callback
from lamina.callbacks.checkpoint import ModelCheckpoint
from lamina.callbacks.functions import LambdaCallback
from lamina.callbacks.history import History
from lamina.callbacks.nan_guard import NaNGuard
from lamina.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from lamina.callbacks.remote import ProgbarLogger, RemoteMonitor
from lamina.callbacks.several import CallbackList
from lamina.callbacks.stopping import EarlyStopping, TerminateOnNaN
from lamina.callbacks.swa import StochasticWeightAveraging
from lamina.callbacks.table import CSVLogger
from lamina.callbacks.tensorboard import TensorBoard
from lamina.callbacks.timer import Timer
from lamina.callbacks.trackers import MLflowLogger, WandbLogger
from lamina.elsewhere import CALLBACKS

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "MLflowLogger",
    "ModelCheckpoint",
    "NaNGuard",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TensorBoard",
    "RemoteMonitor",
    "StochasticWeightAveraging",
    "SwapEMAWeights",
    "TerminateOnNaN",
    "Timer",
    "WandbLogger",
]

namespaces.declare(__name__, instead=CALLBACKS)
