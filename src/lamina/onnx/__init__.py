"""`lm.onnx`: models from ONNX files, and models as ONNX files.

The package `onnx` is not needed.
"""

from typing import TYPE_CHECKING

from lamina import namespaces

if TYPE_CHECKING:
    from lamina.onnx.exporting.export import export as export
    from lamina.onnx.loading import load as load
    from lamina.onnx.model import OnnxModel as OnnxModel

__all__ = ["OnnxModel", "export", "load"]

namespaces.declare(
    __name__,
    lazy={
        "OnnxModel": "lamina.onnx.model:OnnxModel",
        "export": "lamina.onnx.exporting.export:export",
        "load": "lamina.onnx.loading:load",
    },
    instead={"save": "lamina.onnx.export(model, filepath), or model.export(filepath)"},
)
