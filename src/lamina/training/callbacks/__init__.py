"""Callbacks: what is told of training, epoch by epoch, and may change or stop it."""

from lamina.training.callbacks.base import Callback, CallbackList, LambdaCallback
from lamina.training.callbacks.checkpoint import ModelCheckpoint
from lamina.training.callbacks.history import History
from lamina.training.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from lamina.training.callbacks.stopping import EarlyStopping, TerminateOnNaN
from lamina.training.callbacks.table import CSVLogger

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
