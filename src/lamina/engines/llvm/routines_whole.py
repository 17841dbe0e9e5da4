"""Primitives whose code is no loop nest: sort and scatter, one row each."""

from __future__ import annotations

from collections.abc import Callable

ROUTINES: dict[str, Callable[..., None]] = {}
