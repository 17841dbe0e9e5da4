"""tools/count_exchanges.py: the bytes of all-reduces in the text of a program."""

import sys

from paths import TESTS

sys.path.append(str(TESTS.parent / "tools"))
from count_exchanges import all_reduces

TEXT = """
  %sum = f32[8,6]{1,0} all-reduce(%a), channel_id=1
  %both = (f32[], bf16[3]{0}) all-reduce-start(%b, %c), channel_id=2
  %done = (f32[], bf16[3]{0}) all-reduce-done(%both)
  %user = f32[8,6]{1,0} add(%sum, %all-reduce.1)
"""


def test_bytes_of_each_all_reduce_are_read_from_its_type():
    assert all_reduces(TEXT) == [4 * 48, 4 + 2 * 3]
