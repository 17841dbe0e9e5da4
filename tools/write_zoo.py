"""Write the costs of the zoo's networks, and the table of docs/zoo.md.

    python tools/write_zoo.py             the table, from the costs that are written down
    python tools/write_zoo.py --measure   src/lamina/zoo/measured.py as well, which takes minutes

GPT-2's larger sizes are extrapolated from networks of one and two blocks, which is exact.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))  # edit this checkout, no installed one

PAGE = ROOT / "docs" / "zoo.md"
MEASURED = ROOT / "src" / "lamina" / "zoo" / "measured.py"
BEGIN, END = "<!-- networks -->", "<!-- end of networks -->"
GPT2 = {"GPT2Medium": (24, 1024, 16), "GPT2Large": (36, 1280, 20), "GPT2XL": (48, 1600, 25)}


def table() -> str:
    """Return the table of all networks in Markdown."""
    catalog = importlib.import_module("lamina.zoo.catalog")
    heads, *rows = catalog.as_table(catalog.list())
    aligned = ["---", "---:", "---:", "---:", "---", "---", "---"]
    cells = [heads, aligned, *([f"`{row[0]}`", *row[1:]] for row in rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def page() -> str:
    """Return docs/zoo.md with the table of today."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


def measured(name: str) -> tuple[int, int, int]:
    """Return parameters, FLOPs and bytes of a network."""
    lm: Any = importlib.import_module("lamina")
    if name in GPT2:
        depth, *size = GPT2[name]
        one, two = (lm.zoo.costs(lm.zoo.GPT2(n, *size)) for n in (1, 2))
        parameters, flops, count = (
            a + (b - a) * (depth - 1) for a, b in zip(one, two, strict=True)
        )
        return parameters, flops, count
    make = getattr(lm.zoo, name)
    takes_weights = name not in ("SSDLite", "YOLO", "UNet", "GPT2", "BERT", "BERTLarge", "MiniLM")
    parameters, flops, count = lm.zoo.costs(make(weights=None) if takes_weights else make())
    return parameters, flops, count


def measure(report: Callable[[str], None] = print) -> None:
    """Write src/lamina/zoo/measured.py."""
    layer: Any = importlib.import_module("lamina.layers").Layer
    add = layer.add_weight
    layer.add_weight = lambda self, *args, **kwargs: add(  # memory of zeros is not touched
        self, *args, **{**kwargs, "initializer": "zeros"}
    )
    catalog = importlib.import_module("lamina.zoo.catalog")
    lines = []
    for name in catalog.ROWS:
        lines.append(f'    "{name}": {measured(name)},')
        report(lines[-1].strip())
    text = [
        '"""Costs of networks: parameters, FLOPs, bytes. Made by tools/write_zoo.py."""',
        "",
        "COSTS: dict[str, tuple[int, int, int]] = {",
        *lines,
        "}",
    ]
    MEASURED.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if "--measure" in sys.argv:
        measure()
    PAGE.write_text(page(), encoding="utf-8")
