"""Location of a data set's files: the user's folder, the cache, or a download server.

A download is checked against a SHA-256 before it gets its name, and gets it in one step, so that a
file in the cache is always whole, also after a crash and with several processes at once.
"""

import hashlib
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lamina.errors import CacheError, DownloadError, FileFormatError
from lamina.files import write_whole
from lamina.settings import settings

BLOCK = 1 << 18  # bytes read at once
TRIES = 3  # at each mirror
WAIT = 1.0  # seconds before the second try, twice as many before the third


@dataclass(frozen=True)
class Source:
    """The addresses of a data set, and the checksums of its files.

    name: folder of the data set, below `LAMINA_DATA` and in the cache.
    title: its name for people.
    mirrors: addresses before the file's name; the first that answers is taken.
    digests: file (without .gz) -> SHA-256 of the published .gz file, or of what is in it; "" for
        a file that is not downloaded. An MD5, of 32 digits, where no SHA-256 is published.
    flat: its files may also be in `LAMINA_DATA` itself.
    suffix: what the names of the published files have at the end; "" where they are not gzipped.
    other_names: file -> where else below `LAMINA_DATA` it may be.
    most: bytes that no file exceeds; a server that sends more is not one of these.
    """

    name: str
    title: str
    mirrors: tuple[str, ...]
    digests: dict[str, str]
    flat: bool = False
    suffix: str = ".gz"
    other_names: Mapping[str, str] = field(default_factory=dict)
    most: int = 1 << 28


def find_file(source: Source, filename: str) -> Path:
    """The path of a file of the data set: the user's own, else the cached one, else downloaded.

    A file in a folder that bears the name of the data set is taken as it is: a smaller or changed
    set can be put there. In `LAMINA_DATA` itself it has to be the published one, since other data
    sets have files of the same names.

    Raises:
        DownloadError: it is nowhere, and cannot be downloaded.
        FileFormatError: `LAMINA_DATA` itself holds a file of this name that is another one.
        CacheError: the cache folder cannot be written to.
    """
    for folder, trusted in _own_folders(source):
        for spelling in _spellings(filename):
            path = folder / spelling
            if path.is_file():
                if not trusted:
                    _check_published(source, filename, path)
                return path
    other = _other_name(source, filename)
    if other is not None and other.is_file():
        return other
    cached = _cache_folder(source) / f"{filename}{source.suffix}"
    return cached if cached.is_file() else _download(source, filename, cached)


def _own_folders(source: Source) -> Iterator[tuple[Path, bool]]:
    """Folders to look in first, and whether their files are taken as they are."""
    root = settings.data
    if root is None:
        return
    yield root / source.name, True
    yield root / source.name.replace("_", "-"), True
    if source.flat:
        yield root, False


def _other_name(source: Source, filename: str) -> Path | None:
    other = source.other_names.get(filename)
    return settings.data / other if settings.data is not None and other is not None else None


def _spellings(filename: str) -> Iterator[str]:
    for name in (filename, filename.replace("-idx", ".idx")):
        yield name
        yield f"{name}.gz"


def _cache_folder(source: Source) -> Path:
    return settings.cache_dir / "datasets" / source.name


def _check_published(source: Source, filename: str, path: Path) -> None:
    content = path.read_bytes()
    if not _is_published(content, source.digests[filename]):
        raise FileFormatError(
            f"{path}: {len(content):,} bytes, not the file of this name of {source.title}",
            hint=f"put your own files into {path.parent / source.name}",
        )


def _is_published(content: bytes, digest: str) -> bool:
    kind = "md5" if len(digest) == 32 else "sha256"  # of some files only an MD5 is published
    return any(hashlib.new(kind, form).hexdigest() == digest for form in _forms(content))


def _forms(content: bytes) -> Iterator[bytes]:
    """The file as it is and, when it is a gzip file that is not damaged, what is in it."""
    import gzip
    import zlib

    yield content
    try:
        yield gzip.decompress(content)
    except (OSError, EOFError, zlib.error):
        return


def _download(source: Source, filename: str, target: Path) -> Path:
    """Fetch from the first mirror that has the right file, and put it in place in one step."""
    failures: list[str] = []
    if not source.digests[filename]:
        raise _nowhere(source, filename, ["nowhere: its SHA-256 is not known"])
    for mirror in () if settings.offline else source.mirrors:
        address = f"{mirror}{filename}{source.suffix}"
        print(f"downloading {source.title}: {address}", file=sys.stderr)
        content = _fetch(address, failures, source.most)
        if content is None:
            continue
        if _is_published(content, source.digests[filename]):
            _write_whole(target, content)
            return target
        failures.append(f"{address}: {len(content):,} bytes that are not this file (SHA-256)")
    raise _nowhere(source, filename, failures or ["LAMINA_OFFLINE forbids downloads"])


def _fetch(address: str, failures: list[str], most: int) -> bytes | None:
    """Return the file at an address; None if the server has none, or fails TRIES times."""
    # Imported here: most programs never download, and these modules take 40 ms to import.
    from http.client import HTTPException
    from socket import gaierror
    from urllib.error import HTTPError

    seen: list[str] = []
    for attempt in range(1, TRIES + 1):
        try:
            return _received(address, most)
        except HTTPError as error:
            seen.append(str(error))
            if error.code < 500:  # missing or forbidden, also the next time
                break
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            seen.append(str(reason))
            if isinstance(reason, gaierror):  # no network, or no such host, also the next time
                break
        if attempt < TRIES:
            time.sleep(WAIT * attempt)
    often = f" (in {len(seen)} attempts)" if len(seen) > 1 else ""
    failures.append(f"{address}: {'; '.join(dict.fromkeys(seen))}{often}")
    return None


def _received(address: str, most: int) -> bytes:
    """Return the content of an address, with a line of progress on a terminal. Raises OSError if
    the connection ends before the file does."""
    from urllib.request import Request, urlopen

    request = Request(address, headers={"User-Agent": "lamina"})
    content = bytearray()
    with urlopen(request, timeout=settings.timeout) as response:
        size = int(response.headers.get("Content-Length") or 0)
        meter = _Meter(size)
        while block := response.read(BLOCK):
            content += block
            if len(content) > most:
                break
            meter.show(len(content))
        meter.end()
    if len(content) < size:
        raise OSError(f"{len(content):,} of {size:,} bytes came before the connection ended")
    return bytes(content)


class _Meter:
    """The progress of a download, on standard error if that is a terminal."""

    def __init__(self, size: int) -> None:
        self._size, self._shown = size, 0.0
        self._live = sys.stderr is not None and sys.stderr.isatty()

    def show(self, received: int) -> None:
        now = time.monotonic()
        if self._live and now - self._shown >= 0.1:
            self._shown = now
            of = f" of {self._size / 1e6:.1f}" if self._size else ""
            print(f"\r  {received / 1e6:.1f}{of} MB", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._live and self._shown:
            print("\r" + " " * 40 + "\r", end="", file=sys.stderr, flush=True)


def _nowhere(source: Source, filename: str, failures: list[str]) -> DownloadError:
    folders = [str(folder) for folder, _ in _own_folders(source)] or ["LAMINA_DATA is not set"]
    other = _other_name(source, filename)
    looked = dict.fromkeys([*folders, *([str(other)] if other else []), str(_cache_folder(source))])
    own = settings.data or Path("FOLDER")
    return DownloadError(
        f"{source.title}: {filename}{source.suffix} is not on this machine and could not be "
        "downloaded\n"
        + "\n".join(f"  looked in: {each}" for each in looked)
        + "\n"
        + "\n".join(f"  tried: {each}" for each in failures),
        hint=f"put {', '.join(f'{each}{source.suffix}' for each in source.digests)} into "
        f"{own / source.name} "
        f"and set LAMINA_DATA={own}",
    )


def _write_whole(target: Path, content: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, content)
    except OSError as error:
        raise CacheError(
            f"cannot write {target}: {error}",
            hint="set LAMINA_CACHE_DIR to a folder that you can write to",
        ) from error
