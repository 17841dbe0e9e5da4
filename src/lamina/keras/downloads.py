"""`keras.utils.get_file`: a file from the web, downloaded once, checked, and extracted."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from lamina.arguments import one_of
from lamina.data.archives import extract as extracted
from lamina.datasets.download import BLOCK
from lamina.errors import ArgumentError, DownloadError, FileFormatError
from lamina.settings import settings


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | tuple[str, ...] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file from the web, which is downloaded unless it is there already.

    The file gets its name after its checksum was compared. An archive is extracted next to it; a
    member that would leave its folder, and a link, is an error.

    Args:
        fname: name of the file, or of the folder of an archive; None takes that of `origin`.
        origin: address to download from.
        untar: extract a tar archive; `extract` does so for all.
        md5_hash: MD5 of the file; `file_hash` takes it as well.
        file_hash: SHA-256 or MD5 of the file, in hexadecimal; None compares nothing.
        cache_subdir: folder below `cache_dir`.
        hash_algorithm: "sha256", "md5", or "auto" by the length of `file_hash`.
        extract: extract an archive, and return its folder.
        archive_format: "tar" (also compressed), "zip", a list of them, or "auto" for both.
        cache_dir: folder for downloads; None is that of Lamina's cache.
        force_download: download even if the file is there.

    Returns:
        The path of the file, or of the folder of the archive's files.

    Raises:
        ArgumentError: without an address, or for a name with a folder.
        DownloadError: if the file cannot be downloaded, or LAMINA_OFFLINE forbids it.
        FileFormatError: if the checksum differs, or the archive is damaged or not safe.

    Example:
        >>> import pathlib, tempfile
        >>> from lamina import keras
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> size = (folder / "numbers.txt").write_text("1 2 3")
        >>> address = (folder / "numbers.txt").as_uri()
        >>> path = keras.utils.get_file(origin=address, cache_dir=folder)
        >>> pathlib.Path(path).read_text()
        '1 2 3'
    """
    if origin is None:
        raise ArgumentError("get_file: expected the address of a file as origin, got None")
    one_of("get_file", "hash_algorithm", hash_algorithm, ("auto", "sha256", "md5"))
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    folder = _folder(cache_dir) / cache_subdir
    folder.mkdir(parents=True, exist_ok=True)
    name, is_archive = _name(fname, origin), extract or untar
    target, place = folder / name, folder / name
    if is_archive:
        is_file_name = fname is not None and "." in name
        target = folder / (name if is_file_name else f"{name}_archive")
        place = folder / (f"{name.partition('.')[0]}_extracted" if is_file_name else name)
    known = target.is_file() and not force_download
    if not known or (file_hash is not None and not _matches(target, file_hash, hash_algorithm)):
        _download(origin, target, file_hash, hash_algorithm)
    if is_archive and not extracted(target, place, "tar" if untar else archive_format or ()):
        raise FileFormatError(f"{target}: is not an archive (expected {archive_format})")
    return str(place)


def _folder(cache_dir: str | os.PathLike[str] | None) -> Path:
    return settings.cache_dir if cache_dir is None else Path(cache_dir).expanduser()


def _name(fname: str | os.PathLike[str] | None, origin: str) -> str:
    name = os.fspath(fname) if fname else os.path.basename(urlsplit(origin).path)
    if not name:
        raise ArgumentError(
            f"get_file: {origin!r} does not end in the name of a file (expected fname=...)"
        )
    if Path(name).name != name or name in (".", ".."):
        raise ArgumentError(
            f"get_file: fname is the name of a file without a folder (got {name!r})",
            hint="cache_dir and cache_subdir say where it goes",
        )
    return name


def _matches(path: Path, digest: str, algorithm: str) -> bool:
    kind = algorithm if algorithm != "auto" else ("sha256" if len(digest) == 64 else "md5")
    found = hashlib.sha256() if kind == "sha256" else hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest() == digest.lower()


def _download(origin: str, target: Path, digest: str | None, algorithm: str) -> None:
    """Download into a file that gets its name at the end."""
    from urllib.request import Request, urlopen

    if settings.offline:
        raise DownloadError(
            f"get_file: {target} is not there, and LAMINA_OFFLINE forbids to download {origin}"
        )
    print(f"downloading {origin}", file=sys.stderr)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        request = Request(origin, headers={"User-Agent": "lamina"})
        with urlopen(request, timeout=settings.timeout) as response, open(part, "wb") as file:
            shutil.copyfileobj(response, file, BLOCK)
        if digest is not None and not _matches(part, digest, algorithm):
            raise FileFormatError(
                f"get_file: {origin} is not the file that was expected ({algorithm} differs from "
                f"{digest})",
                hint="download it again; if its publisher changed it, give the new file_hash",
            )
        os.replace(part, target)
    except (OSError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        raise DownloadError(f"get_file: {origin} cannot be downloaded: {error}") from error
    finally:
        part.unlink(missing_ok=True)
