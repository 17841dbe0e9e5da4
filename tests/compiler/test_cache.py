"""Compiled code on disk: it comes back exactly, or not at all, whatever happened to the file."""

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lamina.engines.llvm.runtime import cache, limits
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.target import target, using
from lamina.settings import settings

KEY = "0123456789abcdef" * 4
PAYLOAD = bytes(range(256)) * 20

needs_users = pytest.mark.skipif(
    sys.platform == "win32" or not hasattr(os, "geteuid"), reason="owners and modes as on Unix"
)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty cache of this test's own, in which nothing has been said yet."""
    monkeypatch.setattr(cache, "_said", set())
    monkeypatch.setattr(cache, "_usable", {})
    monkeypatch.setattr(cache, "_stores", {})
    with settings(cache_dir=tmp_path / "lamina", cache=True):
        yield cache.folder()


def entry(place: Path, key: str = KEY) -> Path:
    (found,) = place.glob(f"{key}*")
    return found


# ---- what is stored comes back -----------------------------------------------------------------
def test_a_stored_entry_is_found(place):
    assert cache.lookup(KEY) is None
    cache.store(KEY, PAYLOAD)
    assert cache.lookup(KEY) == PAYLOAD
    cache.store(KEY, b"")
    assert cache.lookup(KEY) == b""
    assert [path.name for path in place.iterdir()] == [entry(place).name]


def test_plan_and_objects_survive_packing():
    plan = {"arena": 4096, "kernels": ["a", "b"], "scale": 0.1}
    for objects in ([], [b"one"], [b"", b"\x00" * 9, PAYLOAD]):
        assert cache.unpack(cache.pack(plan, objects)) == (plan, objects)


@pytest.mark.parametrize("figure", ["l1", "l2", "vector_bits", "vector_registers", "fma"])
def test_a_key_depends_on_every_figure_of_the_machine_that_schedules_use(figure):
    before, this = cache.key_of("a"), target()
    changed = replace(this.machine, **{figure: getattr(this.machine, figure) * 2 + 1})
    with using(replace(this, machine=changed)):
        assert cache.key_of("a") != before
    assert cache.key_of("a") == before


def test_keys_differ_between_programs(monkeypatch):
    keys = [
        cache.key_of("a"),
        cache.key_of("b"),
        cache.key_of("ab", "c"),
        cache.key_of("a", "bc"),
        cache.key_of("abc"),
        cache.key_of(),
    ]
    assert len(set(keys)) == len(keys)
    assert cache.key_of("a") == cache.key_of(b"a") == keys[0]
    with settings(compare=True):
        assert cache.key_of("a") != keys[0]
    monkeypatch.setattr(toolchain, "host", lambda: toolchain.Host("triple", "other", ""))
    assert cache.key_of("a") != keys[0]


def test_size_and_clear(place):
    assert cache.size() == 0
    cache.store(KEY, PAYLOAD)
    assert len(PAYLOAD) < cache.size() < len(PAYLOAD) + 4096
    cache.clear()
    assert cache.size() == 0 and cache.lookup(KEY) is None


def test_switched_off(place):
    cache.store(KEY, PAYLOAD)
    with settings(cache=False):
        assert cache.lookup(KEY) is None
        cache.store("f" * 64, PAYLOAD)
    assert [path.name for path in place.iterdir()] == [entry(place).name]


# ---- damage ------------------------------------------------------------------------------------
def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def shorter_than_its_head(data: bytes) -> bytes:
    return data[:9]


def flipped(data: bytes) -> bytes:
    at = len(data) - 7
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def flipped_in_its_header(data: bytes) -> bytes:
    return data[:60] + bytes([data[60] ^ 1]) + data[61:]


def zeroed(data: bytes) -> bytes:
    return bytes(len(data))


def zeroed_after_its_magic(data: bytes) -> bytes:
    return data[:8] + bytes(len(data) - 8)


def lengthened(data: bytes) -> bytes:
    return data + b"\x00"


def emptied(data: bytes) -> bytes:
    return b""


def of_another_program(data: bytes) -> bytes:
    return b"\x7fELF" + data


DAMAGES = [
    truncated, shorter_than_its_head, flipped, flipped_in_its_header, zeroed,
    zeroed_after_its_magic, lengthened, emptied, of_another_program,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_entry_is_deleted_and_said_once(place, capsys, damage):
    for _ in range(2):
        cache.store(KEY, PAYLOAD)
        path = entry(place)
        path.write_bytes(damage(path.read_bytes()))
        assert cache.lookup(KEY) is None
        assert not path.exists()
    said = capsys.readouterr().err
    assert said.count("compiled again") == 1 and said.count("\n") == 1
    cache.store(KEY, PAYLOAD)
    assert cache.lookup(KEY) == PAYLOAD


def test_every_single_flipped_bit_is_noticed(place):
    cache.store(KEY, b"payload")
    path = entry(place)
    data = path.read_bytes()
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << at % 8)]) + data[at + 1 :])
        assert cache.lookup(KEY) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lamina", "0.0.1"),
        ("llvm", "0.1.0 LLVM 3.4"),
        ("machine", ["x86_64-unknown-linux-gnu", "i386", "+avx512f"]),
        ("format", 0),
        ("key", "f" * 64),
        ("settings", {"compare": True}),
    ],
)
def test_an_entry_made_elsewhere_is_not_used(place, capsys, monkeypatch, field, value):
    """Whole, unharmed, under the right name, but its header says that it does not belong here."""
    with monkeypatch.context() as patch:
        header = cache._header(KEY) | {field: value}
        patch.setattr(cache, "_header", lambda key: header)
        cache.store(KEY, PAYLOAD)
    assert cache.lookup(KEY) is None
    assert f"made for another {field}" in capsys.readouterr().err
    assert not list(place.iterdir())


# ---- the folder --------------------------------------------------------------------------------
@needs_users
def test_the_folder_is_private(place):
    cache.store(KEY, PAYLOAD)
    assert place.stat().st_mode & 0o077 == 0


@needs_users
def test_a_link_is_not_followed(place, tmp_path, capsys):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place.parent.mkdir()
    place.symlink_to(elsewhere)
    for _ in range(2):
        cache.store(KEY, PAYLOAD)
        assert cache.lookup(KEY) is None
    assert not list(elsewhere.iterdir())
    assert capsys.readouterr().err.count("it is a link or a file") == 1


@needs_users
def test_a_folder_that_others_may_write_to_is_refused(place, capsys):
    place.mkdir(parents=True)
    place.chmod(0o777)
    cache.store(KEY, PAYLOAD)
    assert not list(place.iterdir())
    assert "other users may write to it" in capsys.readouterr().err


@needs_users
def test_a_folder_of_another_user_is_refused(place, capsys, monkeypatch):
    place.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)
    cache.store(KEY, PAYLOAD)
    assert not list(place.iterdir())
    assert "belongs to another user" in capsys.readouterr().err


def test_a_file_where_the_folder_should_be(place, capsys):
    place.parent.parent.joinpath("lamina").write_text("not a folder")
    cache.store(KEY, PAYLOAD)
    assert cache.lookup(KEY) is None
    assert capsys.readouterr().err.count("\n") == 1


@needs_users
def test_a_full_or_unwritable_folder_is_said_once(place, capsys, monkeypatch):
    cache.store("a" * 64, PAYLOAD)

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for _ in range(2):
        cache.store(KEY, PAYLOAD)
    monkeypatch.undo()
    said = capsys.readouterr().err
    assert said.count("No space left on device") == 1 and "continuing without it" in said
    assert len(list(place.iterdir())) == 1  # what was begun is gone, what was there is still there


@needs_users
def test_a_folder_without_permission_to_write(place, capsys):
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind root")
    place.parent.mkdir()
    place.parent.chmod(0o500)
    cache.store(KEY, PAYLOAD)
    assert cache.lookup(KEY) is None
    assert "not caching" in capsys.readouterr().err
    place.parent.chmod(0o700)


def test_deleted_while_in_use(place):
    cache.store(KEY, PAYLOAD)
    cache.clear()
    place.rmdir()
    place.parent.rmdir()
    assert cache.lookup(KEY) is None
    cache.store(KEY, PAYLOAD)
    assert cache.lookup(KEY) == PAYLOAD


def test_the_longest_unused_make_room(place, monkeypatch):
    monkeypatch.setattr(limits, "SWEEP_EVERY", 1)
    payload = PAYLOAD * 20
    keys = [f"{k:064}" for k in range(8)]
    for k, key in enumerate(keys):
        cache.store(key, payload)
        os.utime(entry(place, key), (k, k))
    assert cache.lookup(keys[0]) == payload  # used: the youngest now
    with settings(cache_limit=len(payload) * 17 // 2):
        cache.store(KEY, payload)
        assert cache.size() <= settings.cache_limit
    left = [key for key in (*keys, KEY) if cache.lookup(key)]
    assert left == [keys[0], *keys[2:], KEY]


def test_files_of_killed_writers_are_removed(place):
    place.mkdir(parents=True, mode=0o700)
    old, young = (place / f"{name}{cache.UNFINISHED}" for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 2 * limits.STALE,) * 2)
    cache.store(KEY, PAYLOAD)
    assert not old.exists() and young.exists()


WRITER = """
import hashlib, sys
from lamina.engines.llvm.runtime import cache
for number in range(40):
    for k in range(5):
        key = hashlib.sha256(b"%d" % k).hexdigest()
        found = cache.lookup(key)
        assert found is None or found == b"%d" % k * 10000, "mixed"
        cache.store(key, b"%d" % k * 10000)
"""


def test_several_processes_write_the_same_keys(place):
    environment = os.environ | {"LAMINA_CACHE_DIR": str(place.parent), "LAMINA_CACHE": "1"}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER], env=environment, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for writer in writers:
        _, said = writer.communicate(timeout=60)
        assert (writer.returncode, said) == (0, "")
    for k in range(5):
        assert cache.lookup(hashlib.sha256(b"%d" % k).hexdigest()) == b"%d" % k * 10000
    assert len(list(place.iterdir())) == 5
