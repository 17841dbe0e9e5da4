"""`lm.interchange`: weights from the files of other programs."""

from typing import TYPE_CHECKING

from lamina import namespaces

if TYPE_CHECKING:
    from lamina.interchange.reading import read as read

__all__ = ["read"]

namespaces.declare(__name__, lazy={"read": "lamina.interchange.reading:read"})
