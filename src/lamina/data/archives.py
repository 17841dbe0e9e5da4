"""Archives of downloaded files, extracted without leaving their folder."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from pathlib import Path

from lamina.errors import FileFormatError, unknown_name

KINDS = ("tar", "zip")


def extract(path: Path, folder: Path, kinds: str | list[str] | tuple[str, ...] = "auto") -> bool:
    """Extract an archive into a folder, which appears whole or not at all; return False for a file
    that is none.

    Args:
        path: archive.
        folder: folder of its files.
        kinds: "tar" (also compressed), "zip", several of them, or "auto" for both.

    Raises:
        FileFormatError: if the archive is damaged, or a member would leave the folder or be
            something else than a file or a folder.
    """
    wanted = KINDS if kinds == "auto" else (kinds,) if isinstance(kinds, str) else tuple(kinds)
    for kind in wanted:
        if kind not in KINDS:
            raise unknown_name("archive_format", kind, KINDS)
    making = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    try:
        if "tar" in wanted and tarfile.is_tarfile(path):
            _extract_tar(path, making)
        elif "zip" in wanted and zipfile.is_zipfile(path):
            _extract_zip(path, making)
        else:
            return False
        if folder.exists():
            shutil.rmtree(folder)
        making.rename(folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise FileFormatError(f"{path}: the archive is damaged: {error}") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return True


def _extract_tar(path: Path, folder: Path) -> None:
    with tarfile.open(path) as archive:
        for member in archive:
            if not (member.isfile() or member.isdir()):
                raise FileFormatError(
                    f"{path}: {member.name!r} is neither a file nor a folder (expected no links)"
                )
            target = _inside(path, folder, member.name)
            content = archive.extractfile(member) if member.isfile() else None
            if content is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with content, open(target, "wb") as file:
                shutil.copyfileobj(content, file)


def _extract_zip(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            target = _inside(path, folder, entry.filename)
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as content, open(target, "wb") as file:
                shutil.copyfileobj(content, file)


def _inside(path: Path, folder: Path, name: str) -> Path:
    """Return the place of a member. Raises FileFormatError if it is outside of the folder."""
    root = folder.resolve()
    target = (root / name).resolve()
    if target != root and root not in target.parents:
        raise FileFormatError(f"{path}: {name!r} is outside of the archive's folder")
    return target
