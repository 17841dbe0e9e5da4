"""Files of several processes: each takes part in making the content, and process 0 writes it.

The content of divided weights comes from the devices of all processes, so that each must ask for
it. When `write_once` returns, the file is complete for all of them, if they share a file system.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from lamina.distribution.processes import process_index, wait_for_all
from lamina.files import checked_name, write_whole
from lamina.saving.folders import write_folder


def write_once(path: str | os.PathLike[str], content: bytes) -> None:
    """Replace a file whole, as `write_whole` does; of several processes, process 0 does it."""
    try:
        if process_index() == 0:
            write_whole(path, content)
    finally:
        wait_for_all()


def write_folder_once(
    path: str | os.PathLike[str], members: Mapping[str, bytes], known: set[str]
) -> None:
    """Replace a folder whole; of several processes, process 0 does it."""
    try:
        if process_index() == 0:
            write_folder(Path(checked_name(path)), members, known)
    finally:
        wait_for_all()
