"""`lm.interchange`: weights and models of other programs."""

from typing import TYPE_CHECKING

from lamina import namespaces

if TYPE_CHECKING:
    from lamina.interchange.loading import Report as Report
    from lamina.interchange.loading import load as load
    from lamina.interchange.reading import read as read
    from lamina.interchange.torch_modules import from_torch as from_torch

__all__ = ["Report", "from_torch", "load", "read"]

namespaces.declare(
    __name__,
    lazy={
        "Report": "lamina.interchange.loading:Report",
        "from_torch": "lamina.interchange.torch_modules:from_torch",
        "load": "lamina.interchange.loading:load",
        "read": "lamina.interchange.reading:read",
    },
)
