"""Models as files, copies and text."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, cast

from lamina.models.state_tree import assign_state_tree, state_tree
from lamina.saving import load_weights, save_model, save_weights

if TYPE_CHECKING:
    from lamina.layers import Layer
    from lamina.models.model import Model


class Filing:
    """The methods of Model that write, read and copy it."""

    def save(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        zipped: bool | None = None,
        include_optimizer: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write the model, its weights and its optimizer's state to a .lamina file, or a folder.

        `lamina.load_model` reads it; it holds data only, nothing that can run code.

        Args:
            filepath: path of the file, ending in .lamina; a path that ends in / is that of a
                folder.
            overwrite: replace an existing file or folder; False raises an error.
            zipped: True writes one file, False a folder with the same content under any name; None
                decides by the path.
            include_optimizer: write the optimizer's state as well, with which training can
                continue.
            **kwargs: not accepted; `save_format` of older programs is the ending of the path.
        """
        save_model(self, filepath, overwrite, zipped, include_optimizer, **kwargs)

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """Return the values of weights, optimizer and metrics as nested dictionaries by names.

        Args:
            value_format: "backend_tensor" for tensors, "numpy_array" for arrays.

        Example:
            >>> import lamina as lm
            >>> model = lm.Sequential([lm.Input((4,)), lm.layers.Dense(2)])
            >>> sorted(model.get_state_tree()["trainable_variables"]["dense"])
            ['bias', 'kernel']
        """
        return state_tree(cast("Model", self), value_format)

    def set_state_tree(self, state_tree: Mapping[str, Any]) -> None:
        """Assign values that `get_state_tree` returned, or a part of them.

        Args:
            state_tree: nested dictionaries of arrays by names.

        Raises:
            UnknownNameError: a name that no variable has.
        """
        assign_state_tree(cast("Model", self), state_tree)

    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        max_shard_size: float | None = None,
        objects_to_skip: Sequence[Layer] | None = None,
    ) -> None:
        """Write the weights to a .safetensors file, by their paths in the model.

        Args:
            filepath: path of the file.
            overwrite: replace an existing file; False raises an error.
            max_shard_size: accepted for Keras; the file is not divided.
            objects_to_skip: layers whose weights are left out.
        """
        model = cast("Model", self)
        save_weights(model, filepath, overwrite, max_shard_size, objects_to_skip)

    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        skip_mismatch: bool = False,
        objects_to_skip: Sequence[Layer] | None = None,
    ) -> None:
        """Read the weights of a model of the same layers from a .safetensors or .lamina file.

        Args:
            filepath: path of the file, or of the folder of a model.
            skip_mismatch: load the weights whose names and shapes match, and leave the others.
            objects_to_skip: layers whose weights are left as they are.

        Raises:
            ShapeError: if names or shapes differ; then no weight is changed.
        """
        load_weights(cast("Model", self), filepath, skip_mismatch, objects_to_skip)

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "onnx",
        verbose: int | bool | None = None,
        input_signature: Sequence[Any] | None = None,
        opset_version: int | None = None,
    ) -> None:
        """Write the model's inference as a file that other programs run.

        Dropout and the like are left out; batch sizes and lengths that are open stay open.

        Args:
            filepath: path of the file.
            format: "onnx", the only format.
            verbose: print the path of the file.
            input_signature: shapes and dtypes of the inputs (`lm.Input(...)`), for models that do
                not know them.
            opset_version: version of ONNX's operator set, 13 to 25; by default the newest.

        Raises:
            ArgumentError: ONNX has no operator for a part of the model.
            UnknownNameError: the format is another one.
        """
        from lamina.errors import UnknownNameError
        from lamina.onnx.exporting.export import export

        if format != "onnx":
            raise UnknownNameError(
                f"export: expected format='onnx', got {format!r}",
                hint="model.save(filepath) writes a model for Lamina",
            )
        export(cast("Model", self), filepath, opset_version, input_signature)
        if verbose:
            print(f"Saved ONNX file at '{os.fspath(filepath)}'")

    def __reduce__(self) -> Any:
        """For pickle: the content of the model's file, and the user's classes that it names."""
        from lamina.models.pickled import reduced

        return reduced(self)

    def __copy__(self) -> Self:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """The same model with separate weights, state and compiled programs."""
        twin = memo[id(self)] = object.__new__(type(self))
        for name, value in self.__dict__.items():
            twin.__dict__[name] = copy.deepcopy(value, memo)
        return twin

    def to_json(self, **kwargs: Any) -> str:
        """Return the configuration as JSON text, for `model_from_json`.

        Args:
            **kwargs: arguments of `json.dumps`.
        """
        import json

        from lamina.configuration import serialize

        return json.dumps(serialize(cast("Model", self)), **kwargs)
