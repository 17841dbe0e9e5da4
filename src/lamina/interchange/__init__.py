"""`lm.interchange`: weights from the files of other programs."""

from typing import TYPE_CHECKING

from lamina import namespaces

if TYPE_CHECKING:
    from lamina.interchange.loading import Report as Report
    from lamina.interchange.loading import load as load
    from lamina.interchange.reading import read as read

__all__ = ["Report", "load", "read"]

namespaces.declare(
    __name__,
    lazy={
        "Report": "lamina.interchange.loading:Report",
        "load": "lamina.interchange.loading:load",
        "read": "lamina.interchange.reading:read",
    },
)
