"""Models and weights in files: data only, written whole or not at all, checked when read."""

from lamina.saving.models import load_model, save_model
from lamina.saving.weights import load_weights, save_weights

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]
