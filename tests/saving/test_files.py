"""Files are written whole or not at all, and what killed writers leave is removed."""

import errno
import os
import subprocess
import sys
import time

import pytest

from lamina import files
from lamina.errors import ArgumentError

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions and links")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.lamina"


def left(path):
    return [name for name in os.listdir(path.parent) if name != path.name]


def test_a_file_is_made_and_replaced(path):
    for content in (b"first", b"second"):
        files.write_whole(path, content)
        assert path.read_bytes() == content
    assert not left(path)


# ---- killed at any moment ----------------------------------------------------------------------
KILLED = """
import os, sys
from lamina import files
target, at = sys.argv[1], int(sys.argv[2])
calls = 0
def hook(event, arguments):
    global calls
    if event in ("open", "os.rename", "os.remove", "os.chmod", "os.scandir", "killed.sync"):
        calls += 1
        if calls == at:
            os._exit(9)
fsync = os.fsync
os.fsync = lambda handle: (sys.audit("killed.sync"), fsync(handle))[1]
import platform
platform.node()
sys.addaudithook(hook)
files.write_whole(target, b"new" * 1000)
os._exit(0)
"""


def test_a_writer_killed_at_any_step_leaves_the_old_file_or_the_new_one(path):
    for step in range(1, 50):
        path.write_bytes(b"old")
        done = subprocess.run([sys.executable, "-c", KILLED, str(path), str(step)], timeout=60)
        assert path.read_bytes() in (b"old", b"new" * 1000)
        files.write_whole(path, b"after")
        assert path.read_bytes() == b"after"
        assert not left(path)
        if done.returncode == 0:
            break
    assert 5 <= step < 49


@pytest.mark.parametrize("failing", ["open", "fsync", "replace"])
def test_an_error_at_any_step_keeps_the_old_file_and_names_it(path, monkeypatch, failing):
    path.write_bytes(b"old")

    def fail(*arguments, **named):
        raise OSError(28, "No space left on device", ".temporary")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="cannot write 3 bytes: No space left on device") as raised:
        files.write_whole(path, b"new")
    monkeypatch.undo()
    assert (raised.value.errno, raised.value.filename) == (28, str(path))
    assert path.read_bytes() == b"old"
    assert not left(path)


@posix
def test_a_full_disk_is_named_with_the_file(path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path.write_bytes(b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match=r"cannot write 5,000 bytes: .*model\.lamina"):
            files.write_whole(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert not left(path)


# ---- what killed writers left ------------------------------------------------------------------
def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@posix
def test_temporary_files_of_writers_that_are_gone_are_removed_at_the_next_write(path):
    folder, host = path.parent, files._host()
    two_days_ago = time.time() - 2 * files.DAY
    gone = f".model.lamina.{host}-{dead_pid()}-0123456789abcdef.tmp"
    old = ".model.lamina.00000000-1-0123456789abcdef.tmp"
    of_version_1 = ".model.lamina-abcd_123"
    kept = {
        f".model.lamina.{host}-{os.getppid()}-0123456789abcdef.tmp": "its writer is running",
        ".model.lamina.00000000-1-fedcba9876543210.tmp": "new, of another machine",
        ".model.lamina-dcba_321": "new, of an earlier version",
        ".model.lamina.backup": "not ours",
        ".other.lamina.00000000-1-0123456789abcdef.tmp": "of another file",
    }
    for name in (gone, old, of_version_1, *kept):
        (folder / name).write_bytes(b"part")
    for name in (old, of_version_1, ".model.lamina.backup"):
        os.utime(folder / name, (two_days_ago, two_days_ago))
    files.write_whole(path, b"whole")
    assert set(left(path)) == set(kept)


# ---- permissions, links and names --------------------------------------------------------------
@posix
def test_an_existing_file_keeps_its_permissions(path):
    for mode in (0o600, 0o664, 0o640):
        path.write_bytes(b"old")
        path.chmod(mode)
        files.write_whole(path, b"new")
        assert path.stat().st_mode & 0o777 == mode


@posix
def test_a_file_system_without_permissions_is_written_to(path, monkeypatch):
    path.write_bytes(b"old")

    def refuse(*arguments, **named):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refuse)
    files.write_whole(path, b"new")
    assert path.read_bytes() == b"new"


@posix
def test_the_target_of_a_symbolic_link_is_written(path, tmp_path):
    (tmp_path / "store").mkdir()
    target = tmp_path / "store" / "of_today.lamina"
    path.symlink_to("store/of_today.lamina")
    for content in (b"made", b"replaced"):
        files.write_whole(path, content)
        assert path.is_symlink()
        assert target.read_bytes() == content


@posix
def test_a_device_is_not_replaced(path):
    path.symlink_to("/dev/null")
    with pytest.raises(OSError, match="something else than a file"):
        files.write_whole(path, b"new")


def test_a_missing_folder_is_named(tmp_path):
    path = tmp_path / "missing" / "model.lamina"
    with pytest.raises(FileNotFoundError, match="missing' does not exist: make it first") as raised:
        files.write_whole(path, b"new")
    assert raised.value.filename == str(path)


def test_a_name_with_a_nul_character_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="NUL"):
        files.write_whole(f"{tmp_path}/a\0b.lamina", b"new")


def test_a_long_name_is_written(tmp_path):
    path = tmp_path / f"{'m' * 240}.lamina"
    files.write_whole(path, b"new")
    assert path.read_bytes() == b"new"


# ---- names on the disk -------------------------------------------------------------------------
@posix
def test_a_temporary_file_of_an_earlier_process_with_this_number_is_removed(path):
    """In a container the restarted program often has the number of the one that was killed."""
    left_behind = f".model.lamina.{files._host()}-{os.getpid()}-0123456789abcdef.tmp"
    (path.parent / left_behind).write_bytes(b"part")
    files.write_whole(path, b"whole")
    assert not left(path)


@posix
def test_temporary_files_of_all_names_are_removed_from_a_folder(tmp_path):
    host = files._host()
    gone = [f".{name}.{host}-{dead_pid()}-0123456789abcdef.tmp" for name in ("a.state", "b.json")]
    kept = [f".a.state.{host}-{os.getppid()}-0123456789abcdef.tmp", "a.tmp", ".b.json.tmp", "x.y"]
    for name in (*gone, *kept):
        (tmp_path / name).write_bytes(b"part")
    files.remove_all_unfinished(tmp_path)
    assert set(os.listdir(tmp_path)) == set(kept)


@posix
def test_a_folder_that_cannot_be_synchronized_is_an_error_unless_the_system_lacks_it(
    path, monkeypatch
):
    real = os.fsync

    def failing(number):
        def fsync(handle):
            if os.path.isdir(f"/proc/self/fd/{handle}"):
                raise OSError(number, os.strerror(number))
            real(handle)

        return fsync

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc")
    monkeypatch.setattr(os, "fsync", failing(errno.EINVAL))
    files.write_whole(path, b"old")
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="cannot write 3 bytes: Input/output error"):
        files.write_whole(path, b"new")
    assert path.read_bytes() in (b"old", b"new")


@posix
def test_names_of_new_folders_are_synchronized(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(files, "sync_folder", lambda folder: synced.append(folder))
    files.make_folder(tmp_path / "a" / "b")
    files.make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]
