"""`lamina zoo`: the networks of the zoo, or the layers of one."""

from __future__ import annotations

import lamina.zoo
from lamina.zoo.catalog import Entry, as_table


def zoo(name: str | None) -> str:
    """Return the table of all networks, or of those whose names begin so; of one, its entry.

    Args:
        name: name of a network, the beginning of several, or None.
    """
    entries = lamina.zoo.list(name)
    return _entry(entries[0]) if len(entries) == 1 else _columns(as_table(entries))


def _columns(rows: list[list[str]]) -> str:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if k in (1, 2, 3) else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _entry(entry: Entry) -> str:
    found = getattr(lamina.zoo, entry.name)
    rows = [
        ("network", f"lm.zoo.{entry.name}"),
        ("", (found.__doc__ or "").strip().splitlines()[0]),
        ("parameters", f"{entry.parameters:,}"),
        ("forward pass", f"{entry.flops / 1e9:.4g} GFLOP for one sample"),
        ("training step", f"{entry.bytes / 1e6:,.0f} MB with Adam, float32, one sample"),
        ("paper", entry.paper),
        ("accuracy", entry.accuracy or "none published"),
        ("weights", entry.license or "none known"),
    ]
    return "\n".join(f"{head:14}{text}" for head, text in rows)
