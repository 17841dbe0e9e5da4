"""The machine's registers and caches, as reported, and its limits, as measured."""

import sys
from pathlib import Path

import pytest

from lamina.engines.llvm.target import machine as machines
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.machine import Machine, machine, vector_unit
from lamina.engines.llvm.tools.peaks import ceilings
from lamina.errors import EngineError


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({"sse2", "avx", "avx2", "fma", "avx512f", "avx512vl"}, (512, 32)),
        ({"sse2", "avx", "avx2", "fma", "avx512f"}, (256, 16)),
        ({"sse2", "avx"}, (256, 16)),
        ({"sse2"}, (128, 16)),
        ({"neon", "sve"}, (128, 32)),
        (set(), (128, 16)),
    ],
)
def test_vectors_follow_from_features(features, expected):
    assert vector_unit(features) == expected


def test_lanes_of_each_width():
    wide = Machine("triple", "cpu", "", 512, 32, True, 1, 2, 3, 4)
    assert [wide.lanes(bits) for bits in (8, 16, 32, 64)] == [64, 32, 16, 8]


def test_the_detected_machine_is_plausible():
    this = machine()
    assert (this.triple, this.cpu, this.features) == toolchain.host()
    assert this.vector_bits in (128, 256, 512) and this.vector_registers in (16, 32)
    assert 8 << 10 <= this.l1 <= this.l2 <= 1 << 30
    assert this.l3 == 0 or this.l2 <= this.l3 <= 1 << 32
    assert this.cores >= 1
    assert this.cpu in str(this) and f"{this.vector_bits} bits" in str(this)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_features_agree_with_the_system():
    flags = Path("/proc/cpuinfo").read_text().split()
    if "sse2" not in flags:
        pytest.skip("not an x86 processor")
    assert machine().fma == ("fma" in flags)
    assert (machine().vector_bits == 512) == ("avx512vl" in flags)
    assert (machine().vector_bits >= 256) == ("avx" in flags)


def test_without_llvmlite_the_machine_is_still_described(monkeypatch):
    def missing() -> toolchain.Host:
        raise EngineError("no llvmlite here")

    monkeypatch.setattr(toolchain, "host", missing)
    machines._machine_for.cache_clear()
    described = machine()
    machines._machine_for.cache_clear()
    assert described.vector_bits == 128 and described.features == ""


def caches(root: Path, rows: list[tuple[str, str, str]]) -> dict[int, int]:
    for k, (level, kind, size) in enumerate(rows):
        (root / f"index{k}").mkdir()
        for name, text in (("level", level), ("type", kind), ("size", size)):
            (root / f"index{k}" / name).write_text(text + "\n")
    return machines._linux_caches(root)


def test_caches_as_linux_reports_them(tmp_path):
    rows = [
        ("1", "Data", "48K"),
        ("1", "Instruction", "32K"),
        ("2", "Unified", "1024K"),
        ("3", "Unified", "32M"),
    ]
    assert caches(tmp_path, rows) == {1: 48 << 10, 2: 1 << 20, 3: 32 << 20}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, {}),
        ({1: 65536, 2: 4 << 20}, {1: 65536, 2: 4 << 20, 3: 0}),  # two levels only
        ({1: 0, 2: 0}, {}),
    ],
)
def test_caches_that_the_system_does_not_report(monkeypatch, found, expected):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(machines, "_linux_caches", lambda: found)
    assert machines._cache_sizes() == expected


def test_an_unreadable_file_costs_nothing(monkeypatch):
    def unreadable() -> dict[int, int]:
        raise PermissionError

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(machines, "_linux_caches", unreadable)
    assert machines._cache_sizes() == {}


def test_ceilings_are_of_this_world():
    limits = ceilings()
    assert limits is ceilings()
    lanes = machine().lanes(32)
    assert 0.2 * lanes < limits.gflops_one < 100 * lanes
    assert limits.gflops_all > 0  # other programs may hold the cores
    assert all(1 < rate < 50_000 for rate in (limits.l2, limits.l3, limits.dram))
