"""The environment of every child (threads, caches, search path), and facts of the machine."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.contestants import Contestant

ROOT = Path(__file__).resolve().parent.parent

THREAD_VARIABLES = (
    "LAMINA_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
REAL_TIME = (1, 2)
"""Linux's SCHED_FIFO and SCHED_RR: what `chrt` gives, for a machine where others are working."""
CEILINGS = """
import json
from lamina.engines.llvm.tools.peaks import ceilings
found = ceilings()
print(json.dumps({"gflops": found.gflops_all, "gigabytes": found.l3}))
"""
PACKAGES = (
    "numpy",
    "llvmlite",
    "torch",
    "jax",
    "jaxlib",
    "keras",
    "tensorflow",
    "tensorflow-cpu",
    "onnxruntime",
)


@contextlib.contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Keeps this process and the children it starts on `threads` cores, where the system can.

    JAX sizes its pool by the cores it may use and has no variable for it: this is its thread count.
    OMP_WAIT_POLICY is left at its default on purpose: `passive` made PyTorch's small steps 2.4
    times slower. Idle OpenMP workers stop spinning after milliseconds; `trials` measures that.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:threads])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def child(contestant: Contestant, threads: int, home: Path, caches: Path) -> dict[str, str]:
    """The environment of one contestant's process.

    `home` holds what all may share (Keras's data sets); `caches` is where compiled code is kept.
    """
    environment = dict(os.environ)
    # an installed package is kept as bytecode: whoever runs from a checkout may be, too
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.update({name: str(threads) for name in THREAD_VARIABLES})
    environment.update(
        LAMINA_CACHE_DIR=str(caches / "lamina"),
        TORCHINDUCTOR_CACHE_DIR=str(caches / "inductor"),
        TRITON_CACHE_DIR=str(caches / "triton"),
        JAX_COMPILATION_CACHE_DIR=str(caches / "jax"),
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
        JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES="-1",
        JAX_PLATFORMS="cpu",
        KERAS_HOME=str(home / "keras"),
        TF_CPP_MIN_LOG_LEVEL="3",
        CUDA_VISIBLE_DEVICES="",
        PYTHONPATH=os.pathsep.join(search_path()),
    )
    environment.update(contestant.environment)
    return environment


def search_path() -> list[str]:
    """This checkout first, so that its Lamina is the one measured."""
    inherited = os.environ.get("PYTHONPATH", "")
    return [str(ROOT / "src"), str(ROOT), *filter(None, inherited.split(os.pathsep))]


def describe(threads: int) -> dict[str, str]:
    """Machine and versions, as label -> text."""
    installed = {name: version for name in PACKAGES if (version := version_of(name))}
    return {
        "machine": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
        "threads": str(threads),
        "Python": platform.python_version(),
        **installed,
    }


def moment() -> dict[str, str]:
    """Facts that may differ from case to case when results of several runs are put together."""
    return {
        "date": datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        "load": load(),
        "scheduling": scheduling(),
        "Lamina": revision(),
    }


def limits(before: dict[str, float]) -> dict[str, float]:
    """The machine's limits as Lamina measures them: GFLOP/s in float32, GB/s from the last cache.

    `before` are those measured earlier: the most counts, for others may be busy now. It is done in
    a separate process, whose threads are gone when contestants run.
    """
    variables = dict(os.environ, PYTHONPATH=os.pathsep.join(search_path()))
    done = subprocess.run(
        [sys.executable, "-c", CEILINGS], env=variables, check=True, capture_output=True, text=True
    )
    return {
        name: max(value, before.get(name, 0.0)) for name, value in json.loads(done.stdout).items()
    }


def version_of(package: str) -> str:
    """The installed version, or an empty text."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def load() -> str:
    """The load average over a minute: more than about 0.3 means that others were working too."""
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"


def scheduling() -> str:
    """Whether contestants had to share their cores with whatever else the machine did."""
    policy = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else 0
    return "real-time priority" if policy in REAL_TIME else "as any other process"


def processor() -> str:
    """The processor's name and, where Linux tells, its family and model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(reversed([_fact(line) for line in lines]))
    family = f"family {facts['cpu family']} model {facts['model']}" if "model" in facts else ""
    return f"{facts.get('model name', platform.machine())} {family}".strip()


def _fact(line: str) -> tuple[str, str]:
    key, _, value = line.partition(":")
    return key.strip(), value.strip()


def revision() -> str:
    """The commit of this checkout, with a plus when its sources differ from it."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--", "src") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def interpreter() -> str:
    """The Python that runs the children: the one that runs this."""
    return sys.executable
