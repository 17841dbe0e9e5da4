"""Models: layers put together and trained as one."""

from lamina.models.model import Model
from lamina.models.sequential import Sequential
from lamina.saving import load_model, save_model

__all__ = ["Model", "Sequential", "load_model", "save_model"]
