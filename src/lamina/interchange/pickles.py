"""A stream of pickle opcodes, followed without the module pickle and without running anything.

    value, end = interpret(content, begin, table, persistent)

The opcodes are those that PyTorch writes, protocols 2 to 4. A global is a row of a closed `table`
from ("module", "name") to a value; calls are made of `Constructor` rows only, with arguments that
are data. Everything else raises FileFormatError. Every opcode makes at most one small value, and no
opcode repeats another, so time and memory are limited by the length of the stream.

Source: the documentation of CPython's module pickletools.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lamina.errors import FileFormatError, LaminaError

MOST_INTEGER = 16  # bytes of an integer


@dataclass(frozen=True)
class Constructor:
    """A function or class that a stream may call: `make` receives the arguments as data."""

    name: str
    make: Callable[..., object]


Table = Mapping[tuple[str, str], object]


def interpret(
    content: memoryview,
    begin: int,
    table: Table,
    persistent: Callable[[object], object] | None = None,
) -> tuple[object, int]:
    """Return the value that a stream describes, and the position after it.

    Args:
        content: bytes that hold the stream.
        begin: position of its first opcode.
        table: globals by module and name.
        persistent: function from a persistent id, such as that of a storage, to its value.

    Raises:
        FileFormatError: for a stream that is damaged, or that names something else.
    """
    machine = Machine(content, begin, table, persistent)
    try:
        return machine.run(), machine.at
    except LaminaError:
        raise
    except _OF_A_STREAM as error:
        raise FileFormatError(
            f"pickle: damaged at byte {machine.opcode_at} ({type(error).__name__}: {error})"
        ) from error


_OF_A_STREAM = (
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    struct.error,
)


class Machine:
    """Stack, marks and memo of one stream."""

    def __init__(
        self,
        content: memoryview,
        begin: int,
        table: Table,
        persistent: Callable[[object], object] | None,
    ) -> None:
        self.content, self.at, self.opcode_at = content, begin, begin
        self.table, self.persistent = table, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}

    def run(self) -> object:
        while True:
            self.opcode_at = self.at
            code = self.take(1)[0]
            if code == STOP:
                (value,) = self.stack
                return value
            action = OPCODES.get(code)
            if action is None:
                name = f" ({_NAMES[code]})" if code in _NAMES else ""
                raise FileFormatError(
                    f"pickle: opcode 0x{code:02x}{name} at byte {self.opcode_at} is not one that "
                    "weights need",
                    hint=SAVE_STATE_DICT,
                )
            action(self)

    # ---- bytes ----------------------------------------------------------------------------------
    def take(self, count: int) -> memoryview:
        if count < 0 or self.at + count > len(self.content):
            raise ValueError(f"{count} bytes are expected where the stream ends")
        self.at += count
        return self.content[self.at - count : self.at]

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "little")

    def line(self) -> str:
        for end in range(self.at, min(self.at + 256, len(self.content))):
            if self.content[end] == 10:
                text = bytes(self.take(end - self.at)).decode()
                self.at += 1
                return text
        raise ValueError("a line does not end")

    def text(self, count: int) -> str:
        return bytes(self.take(count)).decode("utf-8", "surrogatepass")

    # ---- stack ----------------------------------------------------------------------------------
    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise IndexError("a mark where a value is expected")
        return self.stack.pop()

    def since_mark(self) -> list[Any]:
        begin = self.marks.pop()
        values = self.stack[begin:]
        del self.stack[begin:]
        return values

    def top(self, kind: type) -> Any:
        value = self.stack[-1]
        if type(value) is not kind:
            raise TypeError(f"a {kind.__name__} is expected, got {type(value).__name__}")
        return value

    # ---- opcodes with more than a line ----------------------------------------------------------
    def find(self, module: object, name: object) -> None:
        key = (str(module), str(name))
        if key not in self.table:
            raise FileFormatError(
                f"pickle: names {key[0]}.{key[1]}, which is not one of the {len(self.table)} names "
                "that weights need; it is not imported, and nothing is run",
                hint=SAVE_STATE_DICT,
            )
        self.push(self.table[key])

    def call(self, arguments: object, function: object) -> None:
        if not isinstance(function, Constructor) or type(arguments) is not tuple:
            raise TypeError(f"a call of {function!r:.60}")
        self.push(function.make(*arguments))

    def extend(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def set_items(self, items: list[Any]) -> None:
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (str, int, bool, float, bytes, tuple, type(None)):
                raise TypeError(f"a key of type {type(key).__name__}")
            target[key] = value

    def state(self) -> None:
        """Leave out the attributes of an OrderedDict, such as the versions of modules."""
        self.pop()
        self.top(dict)

    def load_persistent(self) -> None:
        if self.persistent is None:
            raise ValueError("a persistent id")
        self.push(self.persistent(self.pop()))

    def integer(self, size: int) -> None:
        if size > MOST_INTEGER:
            raise ValueError(f"an integer of {size} bytes")
        self.push(int.from_bytes(self.take(size), "little", signed=True))

    def remember(self, key: int) -> None:
        self.memo[key] = self.stack[-1]

    def make_tuple(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.push(tuple(reversed(values)))


SAVE_STATE_DICT = (
    "if the file holds a whole module or a checkpoint with other objects, write the weights alone "
    "in PyTorch: torch.save(model.state_dict(), path)"
)

STOP = ord(".")
OPCODES: dict[int, Callable[[Machine], object]] = {
    0x80: lambda m: m.take(1),  # PROTO
    0x95: lambda m: m.take(8),  # FRAME
    ord("("): lambda m: m.marks.append(len(m.stack)),
    ord("0"): lambda m: m.pop(),
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("J"): lambda m: m.push(int.from_bytes(m.take(4), "little", signed=True)),
    ord("K"): lambda m: m.push(m.number(1)),
    ord("M"): lambda m: m.push(m.number(2)),
    0x8A: lambda m: m.integer(m.number(1)),  # LONG1
    ord("G"): lambda m: m.push(struct.unpack(">d", m.take(8))[0]),
    ord("X"): lambda m: m.push(m.text(m.number(4))),
    0x8C: lambda m: m.push(m.text(m.number(1))),  # SHORT_BINUNICODE
    ord("T"): lambda m: m.push(m.text(m.number(4))),  # of Python 2
    ord("U"): lambda m: m.push(m.text(m.number(1))),
    ord("B"): lambda m: m.push(bytes(m.take(m.number(4)))),
    ord("C"): lambda m: m.push(bytes(m.take(m.number(1)))),
    ord("]"): lambda m: m.push([]),
    ord("a"): lambda m: m.extend([m.pop()]),
    ord("e"): lambda m: m.extend(m.since_mark()),
    ord(")"): lambda m: m.push(()),
    ord("t"): lambda m: m.push(tuple(m.since_mark())),
    0x85: lambda m: m.make_tuple(1),
    0x86: lambda m: m.make_tuple(2),
    0x87: lambda m: m.make_tuple(3),
    ord("}"): lambda m: m.push({}),
    ord("s"): lambda m: m.set_items([m.pop(), m.pop()][::-1]),
    ord("u"): lambda m: m.set_items(m.since_mark()),
    ord("q"): lambda m: m.remember(m.number(1)),
    ord("r"): lambda m: m.remember(m.number(4)),
    0x94: lambda m: m.remember(len(m.memo)),  # MEMOIZE
    ord("h"): lambda m: m.push(m.memo[m.number(1)]),
    ord("j"): lambda m: m.push(m.memo[m.number(4)]),
    ord("c"): lambda m: m.find(m.line(), m.line()),
    0x93: lambda m: m.find(*[m.pop(), m.pop()][::-1]),  # STACK_GLOBAL
    ord("R"): lambda m: m.call(m.pop(), m.pop()),
    ord("b"): lambda m: m.state(),
    ord("Q"): lambda m: m.load_persistent(),
}
_NAMES = {
    ord("i"): "INST",
    ord("o"): "OBJ",
    0x81: "NEWOBJ",
    0x92: "NEWOBJ_EX",
    0x82: "EXT1",
    0x83: "EXT2",
    0x84: "EXT4",
    ord("P"): "PERSID",
    ord("I"): "INT",
    ord("L"): "LONG",
    0x8B: "LONG4",
    0x97: "NEXT_BUFFER",
}
