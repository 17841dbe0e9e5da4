"""The random-graph fuzzer: random programs, run through an engine and its shadow.

python -m lamina.fuzz --seconds 60 --seed 0
"""

from lamina.fuzz.check import Failure, check
from lamina.fuzz.generate import Case, generate
from lamina.fuzz.shrink import shrink

__all__ = ["Case", "Failure", "check", "generate", "shrink"]
