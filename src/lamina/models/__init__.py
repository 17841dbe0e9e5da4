"""Models: layers put together and trained as one."""

from lamina import namespaces
from lamina.models.cloning import clone_model
from lamina.models.model import Model
from lamina.models.resuming import resume
from lamina.models.sequential import Sequential
from lamina.models.writing import model_from_json
from lamina.saving import load_model, save_model

__all__ = [
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "resume",
    "save_model",
]

namespaces.declare(__name__)
