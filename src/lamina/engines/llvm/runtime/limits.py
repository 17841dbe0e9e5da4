"""Every threshold of the run time, in one place: unit, meaning, derivation.

No code and no schedule depends on them, so they are not in `Costs` (target/costs.py) and not in the
key of the cache. Times are in seconds. Tests and the fuzzer set them on this module.
"""

from __future__ import annotations

# ---- waiting (threadpool.py, worker.py)
IDLE = 100e-6
"""Seconds that a worker spins for the next job before it sleeps: the time of Python between two
steps of a training loop is some tens of microseconds, and waking a thread takes as long."""
SPIN = 30e-6
"""Seconds that a thread spins for the others inside a program before it sleeps: more than the time
between the arrivals of threads that run, less than a time slice that another process takes."""
LOOK = 0.2
"""Seconds of a program between two checks for Ctrl-C: a user notices no more, and a check takes the
interpreter's lock."""

# ---- number of threads of a call (throttle.py)
PROBE = 5
"""The call that is made on one thread, to know how long that takes; the ones before warm caches."""
LONG_CALL = 20e-3
"""Seconds of a call from which on PROBE_LONG replaces PROBE: such a call warms caches by itself."""
PROBE_LONG = 2
"""The call that is made on one thread, of long ones."""
LONGEST_PROBE = 1.0
"""Seconds that the call on one thread may take, at perfect scaling: users would notice longer."""
SLOW = 1.3
"""Factor to perfect scaling from which on a call is slow, where the time on one thread is not
known."""
PATIENCE = 3
"""Slow calls in a row before it is believed, or one twice as long as on one thread."""
LASTING = 12e-3
"""Seconds of the slow calls together: threads that just woke may share a processor for a few time
slices (3 to 4 ms on Linux)."""
ALONE = 20e-3
"""Seconds on one thread before the others are tried again; doubled each time that this fails."""
ALONE_MOST = 3.0
"""Seconds on one thread at most: then a machine that is free again is noticed."""

# ---- backups of state against Ctrl-C (guard.py)
GUARDED = 1.0
"""Seconds of a call from which on it has a backup of its state, whatever the size: users who wait
longer press Ctrl-C. At 0.3 s a training step of ResNet-18 (134 MB of state) was 6% slower."""
LITTLE_STATE = 1 << 16
"""Bytes of state up to which every call has a backup: copying them is a small part of any call."""
EXPECTED_SPEED = 2e10
"""Operations per second expected of a program that has not run yet."""

# ---- memory and files (executable.py, pipeline.py, cache.py)
KEPT_SIZES = 8
"""Sizes of a program whose arena stays allocated."""
KEPT_OBJECTS = 2048
"""Kernels whose object code a process keeps."""
STALE = 600.0
"""Seconds after which an unfinished file of the cache belongs to a writer that was killed."""
SWEEP_EVERY = 64
"""Stores between two looks at the size of the whole cache, which takes as long as many stores."""
