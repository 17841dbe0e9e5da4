"""`tf.saved_model`: not a format of Lamina; errors name those that are."""

from typing import Any, NoReturn

from lamina.errors import FileFormatError


def save(obj: Any, export_dir: Any, signatures: Any = None, options: Any = None) -> NoReturn:
    """Raise FileFormatError: models are saved as .lamina files."""
    raise FileFormatError(
        "tf.saved_model.save: Lamina does not write SavedModel folders",
        hint="model.save('model.lamina') writes the whole model, tf.train.Checkpoint Variables",
    )


def load(export_dir: Any, tags: Any = None, options: Any = None) -> NoReturn:
    """Raise FileFormatError: models are loaded from .lamina files."""
    raise FileFormatError(
        "tf.saved_model.load: Lamina does not read SavedModel folders",
        hint="lamina.load_model('model.lamina') reads what model.save has written",
    )
