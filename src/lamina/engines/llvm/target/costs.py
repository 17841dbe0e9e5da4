"""Every threshold by which passes decide what pays, in one place: unit, meaning, derivation.

A threshold decides how a program is arranged, never what it computes (but for the order of sums).
`Costs.of(machine)` derives from the machine what depends on its registers, vectors, lines and
caches; the rest are ratios of instruction counts, or counts of code and memory streams, that hold
on any machine. `Costs.eager()` sets every threshold to the value at which its pass does most, so
that small programs reach every pass: for the fuzzer and for tests, not for speed.

The values of byte thresholds were chosen on processors with 1 and 2 MiB of L2 per core, and scale
down with smaller caches.

"Measured" gives the time of a small program in which the pass acts divided by the time without it,
at sizes on both sides of the threshold, as `tools/measure_costs.py` printed it on one machine: a
Zen 3 with AVX2 and two cores, each with 32 KiB of L1 and 512 KiB of L2; the median of 9 rounds.
Thresholds without it were not measured there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from lamina.engines.llvm.target.machine import Machine
from lamina.reference.sums import LONGEST

KIB, MIB = 1 << 10, 1 << 20
UNLIMITED = 1 << 60


@dataclass(frozen=True)
class Costs:
    """The thresholds of all passes. Costs are in instructions for an element (ir/kinds.py)."""

    # ---- caches
    resident_l1: int = 24 * KIB
    """Bytes that stay in the first cache while others stream through it: three quarters of it."""
    resident_l2: int = 512 * KIB
    """Bytes that stay in L2 in the same way: half of it, which has instructions and other data."""

    # ---- sums (codegen/totals.py, codegen/library.py, program/scratch.py)
    plain_sum: int = LONGEST
    """Terms that one lane adds up without a total; the reference adds as many, and both promise
    so."""
    total_block: int = 512
    """Terms of a longer sum that a lane adds up before they go to a float64 total, which takes some
    10 instructions for each accumulator. Measured: a sum of 4096 terms takes 1.05 times as long
    with blocks of 64, 1.04 with 512 and 0.98 with 2048 as without totals."""
    float64_updates: int = 256
    """Updates of an element, on average, for which a scatter adds in float64: it converts all
    elements twice."""
    float64_scratch: int = 1 << 16
    """Elements for which that memory is reserved where sizes are known only at run time."""

    # ---- fusion planning (fusion/plan.py)
    recompute: float = 8
    """Instructions: an inlined value that costs more and has several readers is materialized. About
    a store and a load that miss the first cache. Measured: materializing takes 2.0 times as long at
    2 and 4 instructions, 1.4 at 8 and 1.0 at 16."""
    recompute_readers: int = 2
    """Groups that may each recompute a light value, so that it need not be materialized."""
    reread: float = 2
    """Instructions: what an operand of a product may cost, since products read operands again and
    again."""
    longest: float = 150
    """Instructions: an inlined value that costs more is materialized even for one reader; bounds
    the size of kernels, and so compile time."""

    # ---- legalization (graph/legalize.py, graph/convolutions.py, graph/winograd.py)
    short_sum: int = 64
    """Terms: a shorter sum does not fill vectors along the reduction. Measured: the transposed copy
    takes 0.72 at 16 terms, 0.88 at 64, 1.05 at 128 and 1.09 at 256 (with 32 rows)."""
    many_rows: int = 128
    """Rows for which a transposed copy of the right side pays whatever its size. Measured: 1.25 at
    16 rows, 0.86 at 64, 0.89 at 128, 0.91 at 256 (with 512 terms)."""
    few_rows: int = 8
    """Rows: for fewer, a transposed copy of the right side never pays. Measured: 3.0 at 1 row, 1.7
    at 4, 1.6 at 8, 1.4 at 16, 1.1 at 32: on this machine a copy pays later."""
    panel: int = 32
    """Columns of a panel of the right side: two lines of float32. Measured: a training step of a
    GRU of 256 units takes 1.09 with panels of 16, two registers of AVX2, and 1.00 with 32."""
    narrow_result: int = 1024
    """Results of a reduction that are too few for several threads to share. Measured: between 0.3
    and 1.5 at 128 results in runs of one program, 1.0 at 1 to 16: no clear gain here."""
    phases: int = 32
    """Phases of a polyphase decomposition, each a kernel. Measured: 0.30 at 4 phases, 0.20 at 9,
    0.23 at 16."""
    winograd_gain: float = 60
    """Products saved for each element moved between the transforms. A core makes about 30 in the
    time of moving one, and the gain has to be clear. Measured: 1.22 at 8 features, 1.12 at 16, 1.03
    at 32 and 0.97 at 64: below 60 the gain is not clear."""
    winograd_gain_near: float = 16
    """The same where row tiling keeps the transforms in a cache."""
    winograd_row: int = 768 * KIB
    """Bytes between the transforms for one row of tiles, so that they stay in L2."""
    winograd_weights: int = MIB
    """Bytes of transformed weights that stay in L2 in addition."""
    winograd_most: int = 2**26
    """Elements between the transforms: memory that a direct convolution does not need."""

    # ---- layout (program/buffer_layout.py, program/halo.py)
    set_period: int = KIB
    """Bytes: rows at a multiple of this distance share few sets of the first cache (a quarter of
    its way of 4 KiB)."""
    padding: int = 128
    """Bytes added to such rows: two cache lines, as adjacent lines are fetched in pairs."""
    conflicting_rows: int = 8
    """Rows or parts that a set has places for (the associativity of the first cache). Measured:
    0.94 to 0.99 at 256 to 1024 columns."""
    halo: int = 1 << 16
    """Elements: a smaller value is copied into its padded buffer sooner than its halo is filled.
    Measured: 0.93 at 8 Ki elements, 0.97 at 32 Ki, 1.23 at 64 Ki, 0.74 at 128 Ki, 0.69 at 512
    Ki."""

    # ---- passes on nests (loopopt/)
    fuse_reach: int = 24
    """Kernels that loop fusion looks back; bounds compile time."""
    fuse_stores: int = 12
    """Streams written side by side by a fused kernel: write-combining buffers of a core. Measured:
    0.6 at 4 streams, 0.8 at 8, 0.9 at 12 and 16, 0.8 at 24."""
    fuse_buffers: int = 24
    """Streams read and written at the same time: what hardware prefetchers follow."""
    piece: int = 8
    """Elements of a piece of a loop that is split at its guards. Measured: 1.23 at 4 elements, 0.29
    at 8, 0.22 at 16."""
    pieces: int = 8
    """Pieces of a loop, all in one body: bounds code size."""
    piece_stores: int = 16
    """Streams that the pieces write side by side."""
    split_reads: int = 4
    """Elements read for each result from which on a split reduction pays. Measured: 1.10 at 8
    elements for a result, 0.96 at 16, 0.86 at 32, 0.77 at 64 (two threads): on this machine it pays
    from 10 on."""
    block_columns: int = 2
    """Registers of a tile's columns that a block of a contraction is reckoned with."""
    block_least: int = 64
    """Terms of a block: fewer are not worth starting the tiles."""
    block_most: int = 1200
    """Terms of a block: a panel of two registers stays in the first cache."""
    block_guessed: int = 160
    """Terms of a block where their number is known only at run time."""
    block_rows: int = 16
    """Results for each column of a panel: with fewer, little is read again."""
    block_panel_l1: int = 4
    """First caches that the panel of a tile must exceed before blocking pays. Measured: 1.04 at 256
    terms (a panel of half a first cache), 0.82 at 512, 0.77 at 1024, 0.68 at 2048, 0.59 at 8192: on
    this machine it pays from one first cache on."""
    short_loop: int = 16
    """Iterations: a shorter inner loop leaves vectors part empty and is coalesced. Measured: 0.9 at
    2 to 64 iterations."""

    # ---- estimates of instructions (schedule/cost.py): ratios that no measurement is sensitive to
    store: float = 2
    """Loads that a store costs: processors store half as many registers in a cycle as they load."""
    broadcast: float = 0.3
    """Loads that a value costs that is the same in all lanes: mostly hoisted or in a cached
    line."""
    invariant: float = 0.1
    """Fraction of its cost that an instruction costs that is the same in all lanes: it is hoisted
    from the vector loop."""
    horizontal_sum: float = 10
    """Instructions that add up the lanes of a register."""
    adder_latency: float = 8
    """Accumulators that keep the multipliers busy: a latency of 4 cycles, two units."""
    row_load: float = 0.1
    """Time of a product that the broadcast for a row of a tile takes; on ARM a load like that of a
    column's register."""
    broadcast_registers: int = 1
    """Registers of a register tile for values of the rows that are being multiplied. Three where
    they are not operands in memory: with fewer, LLVM 20 to 22 spill tiles of 14 x 2 and 9 x 3 on
    AArch64, which llvm-mca puts at half the rate of 13 x 2 and 8 x 3."""
    column_load: float = 0.4
    """Time of a product that the register for a column of a tile takes, from a panel in L2."""

    # ---- schedules (schedule/choose.py, schedule/tiles.py)
    heavy_body: float = 30
    """Instructions: a costlier body without sums fills the ports with one register of elements."""
    tile_rows: int = 16
    """Rows of a register tile at most; half as many where each is a memory stream."""
    tile_columns: int = 4
    """Registers of columns of a register tile at most; half as many where each is a memory
    stream."""
    long_rows: int = 64
    """Rows from which on a loop is as good as a longer one for the rows of a tile."""
    gather: float = 20.0
    """Loads that a register filled from scattered places costs; an in-register transpose has its
    own cost (schedule/choose.py). Measured: a map with an exponential takes 0.53 with gathers at a
    stride of 2, and 0.86 at 16."""
    long_reduction: int = 128
    """Terms of a sum that take longer than its epilogue. Measured: the tiles of a memory-bound
    epilogue take 1.06 at 32 rows, 0.83 at 64, 0.96 at 128 and 256, 1.10 at 512."""
    update_arrays: int = 4
    """Arrays read and written for each sum that make an epilogue memory-bound: an optimizer's.
    Measured: 1.13 at 2 arrays, 1.11 at 3, 0.89 at 4, 0.79 at 6."""
    accumulators: int = 12
    """Independent accumulators in flight: three eighths of the registers."""
    clamped_rows: float = 1.3
    """Factor for row counts that do not divide: clamped addresses cannot be shared."""
    sure_rows: int = 8
    """Rows of a tile that are worth having for certain."""
    far_rows: int = 1 << 15
    """Bytes between rows that share neither a page nor a prefetch stream."""
    dot_side: int = 4
    """Side of the square of accumulators with lanes along the reduction."""
    few_rows_version: int = 4
    """Rows: for fewer, known at run time, a kernel takes rows one at a time and wider. Measured:
    0.41 at 1 row, 0.54 at 2, 0.77 at 3, 0.96 at 4, 1.39 at 6, 1.64 at 8."""
    hide_latency: int = 32
    """Terms of a sum that take longer than a load from memory: its epilogue is prefetched.
    Measured: 1.04 at 8 terms, 0.95 at 16, 0.79 at 32, 0.87 at 128."""
    short_tile: int = 512
    """Terms of a sum for which clamped addresses are a visible share of a tile."""
    masked_values: int = 24
    """Elements of masked tiles that are computed before any is stored: three quarters of the
    registers."""
    serial: float = 4096
    """Operations of a kernel that one thread does sooner than several can start. Measured: two
    threads take 1.10 at 4096 operations, 1.27 at 32768 and 0.64 at 131072 of a map: on this machine
    it pays later."""
    portion_bits: int = 33
    """Bits: kernels of more than 2^33 operations are called in portions, between which Ctrl-C can
    stop them: 0.1 s of a core at 80 GFLOP/s."""
    portioned: int = 1 << 20
    """Operations at typical sizes: a kernel of fewer has not 2^33 at any size in use, and gets no
    code for portions."""
    alone: float = 200_000
    """Operations of a whole program that one thread does sooner than a second one wakes: about 5 us
    of work, and as long as it takes to wake a thread that sleeps. Measured: two threads take 1.58
    at 20 000 operations, 0.90 at 100 000, 0.75 at 200 000 and 0.69 at 400 000, while they are
    awake."""

    # ---- packed products (schedule/packing.py)
    packed_bytes: int = 2 * MIB
    """Bytes of a right operand that caches do not keep as it is: two L2; one if few registers make
    tiles read it more often. Measured (Zen 5): 1.05 at 1 MiB, 0.96 at 2.25, 0.75 at 16."""
    packed_rows: int = 32
    """Rows, and columns, for which a copy of the other operand pays: 0.98 at 16, 0.85 at 32."""
    packed_terms: int = 32
    """Terms of a sum that take longer than the partial sums and the epilogue."""
    packed_transposed: int = 1 << 20
    """Products for which the copy of a right operand that is contiguous along the reduction pays,
    compared with a transposed copy of all of it. Measured: 0.66 at 2^18, 0.81 at 2^24."""
    packed_unknown: int = 1024
    """The largest limit for an extent known only at run time: beyond, a version is rarely used."""
    packed_block: int = 512
    """Terms of a block at most."""
    packed_panel: int = 48 * KIB
    """Bytes of a panel of the right operand, which each tile reads: the first cache."""
    packed_left: int = 384 * KIB
    """Bytes of a block of the left operand, which each panel reads: three eighths of L2."""
    packed_right: int = 512 * KIB
    """Bytes of a block of the right operand, which each block of the left one reads: half of L2."""
    packed_partial: int = 4 * MIB
    """Bytes of partial sums, which each block of terms reads and writes: a part of L3."""
    epilogue_registers: int = 4
    """Registers for an epilogue that runs during the sums: without them, accumulators spill."""

    # ---- passes on scheduled programs (program/)
    region_rows: int = 4
    """Rows for each thread from which on threads divide the rows of a parallel region: of fewer, a
    register tile has too few sums in flight, and the threads share the columns of each kernel.
    Measured: 0.55 at 1 row (a product of one row is bound by its weights, which two threads then
    share), 1.14 at 2, 1.07 at 3, 1.05 at 4, 0.67 at 6, 0.59 at 16."""
    row_alignment: int = 8
    """Rows of a register tile: shares of a parallel region begin at multiples, if each thread has
    as many, so that partial tiles are left to the last thread. Measured: 8 against 1: 1.11 at 9
    rows per thread, 0.90 at 12, 0.66 at 18, 1.02 at 20."""
    displacement: int = 3 * 4096
    """Bytes between the rows of two threads, so that a prefetcher, which stays within a page or
    takes the next one, does not load lines that another core is writing. Measured: 1.04 at 8 and at
    32 rows, within the noise."""
    balance: int = 8
    """Rows are tiled if at most this fraction (1/8) of the time is spent waiting for the thread
    with the most rows. Measured: 0.96 at 257 and 513 rows, 0.88 at 1025."""
    region_shared: int = 256 * KIB
    """Bytes that all rows of a parallel region may read: each thread reads them itself. Measured:
    0.81 at 128 KiB of weights, 0.88 at 256, 1.08 at 512, 1.15 at 1024."""
    tile_least: int = MIB
    """Bytes between the kernels that do not stay in a core's cache until the next kernel reads
    them: half of L2. Measured: 1.07 at 64 KiB, 1.03 at 256, 0.93 at 512, 1.00 at 1024."""
    tile_most: int = 3 * MIB
    """Bytes of everything that a row touches. Measured: 0.82 at 256 KiB, 1.04 at 1 MiB, 1.11 at 3,
    1.30 at 6: on this machine weights should fit L2 as well."""
    replicated: int = 512 * KIB
    """Bytes that each thread computes for itself rather than share. Measured: 0.96 to 1.01 for
    transforms of 16 to 144 KiB."""
    prefetch_interval: int = 32
    """Terms of a product between one prefetch and the next."""
    prefetch_lines: int = 12
    """Lines prefetched at a time: a core's line fill buffers. Measured: 1.27 at 32 units (whose
    stacks L2 holds), 1.11 at 64 and 0.95 at 128."""

    @staticmethod
    def of(machine: Machine) -> Costs:
        """The thresholds for a machine."""
        registers = machine.vector_registers
        return Costs(
            resident_l1=machine.l1 * 3 // 4,
            resident_l2=machine.l2 // 2,
            winograd_row=min(768 * KIB, machine.l2 * 3 // 4),
            winograd_weights=min(MIB, machine.l2),
            accumulators=max(registers * 3 // 8, 1),
            dot_side=4 if registers >= 24 else 3,
            row_load=0.4 if machine.multiplies_by_element else 0.1,
            broadcast_registers=3 if machine.multiplies_by_element else 1,
            block_columns=4 if machine.vector_bits <= 128 else 2,
            masked_values=max(registers * 3 // 4, 1),
            packed_bytes=machine.l2 * (2 if registers >= 24 else 1),
            packed_panel=machine.l1,
            packed_left=machine.l2 * 3 // 8,
            packed_right=machine.l2 // 2,
            packed_partial=max(min(4 * MIB, machine.l3 // max(machine.cores, 1)), machine.l2 // 2),
            row_alignment=8 if registers >= 24 else 4,
            region_shared=min(256 * KIB, machine.l2 // 4),
            tile_least=min(MIB, machine.l2 // 2),
            tile_most=min(3 * MIB, 3 * machine.l2),
            replicated=min(512 * KIB, machine.l2 // 2),
        )

    def eager(self) -> Costs:
        """The thresholds at which every pass does the most that it may.

        These stay, because they are no limits of a pass:
        prices of instructions (`recompute`, `reread`, `longest`, `recompute_readers`, `gather`,
        `clamped_rows`, `heavy_body`, `long_rows`, and the estimates from `store` to `column_load`),
        since either side of them is another program that is right; counts of registers
        (`accumulators`, `dot_side`, `masked_values`, `tile_rows`, `tile_columns`), since code
        spills beyond;
        sums (`plain_sum`, `total_block`), since products with totals are not prefetched: the fuzzer
        lowers them for every other program; and `pieces`, since all are in one body.
        """
        return replace(
            self,
            resident_l1=UNLIMITED,
            resident_l2=4 * KIB,
            float64_updates=0,
            float64_scratch=UNLIMITED,
            short_sum=1,
            few_rows=1,
            many_rows=1,
            panel=min(self.panel, 8),
            narrow_result=2,
            phases=UNLIMITED,
            winograd_gain=0,
            winograd_gain_near=0,
            winograd_row=UNLIMITED,
            winograd_weights=UNLIMITED,
            winograd_most=UNLIMITED,
            set_period=64,
            conflicting_rows=1,
            halo=1,
            fuse_reach=UNLIMITED,
            fuse_stores=UNLIMITED,
            fuse_buffers=UNLIMITED,
            piece=1,
            piece_stores=UNLIMITED,
            split_reads=0,
            block_columns=1,
            block_least=2,
            block_most=16,
            block_guessed=8,
            block_rows=0,
            block_panel_l1=0,
            short_loop=UNLIMITED,
            packed_bytes=UNLIMITED,
            packed_rows=1,
            packed_terms=1,
            packed_transposed=UNLIMITED,
            packed_block=16,
            packed_panel=KIB,
            packed_left=KIB,
            packed_right=2 * KIB,
            packed_partial=4 * KIB,
            long_reduction=8,
            update_arrays=0,
            sure_rows=2,
            far_rows=UNLIMITED,
            hide_latency=0,
            short_tile=UNLIMITED,
            serial=0,
            portion_bits=10,
            portioned=0,
            alone=0,
            region_rows=1,
            row_alignment=1,
            balance=0,
            region_shared=UNLIMITED,
            tile_least=0,
            tile_most=UNLIMITED,
            replicated=UNLIMITED,
            prefetch_interval=4,
            prefetch_lines=UNLIMITED,
        )

    def packing(self) -> Costs:
        """The thresholds at which every product is packed that may be: `block_reductions` and the
        transposed copies of `legalize` then find little to do, so `eager` leaves products alone."""
        return replace(self.eager(), packed_bytes=0, packed_transposed=0, packed_unknown=UNLIMITED)

    def key(self) -> list[float]:
        """All values, for the key of the cache."""
        return list(asdict(self).values())
