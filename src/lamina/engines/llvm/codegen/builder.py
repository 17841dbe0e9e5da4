"""Writes LLVM IR as text: a typed value is a name and a type, an instruction is one line.

    function = Function("kernel", [("x", "ptr"), ("n", "i64")])
    b = function.builder
    with b.loop(0, function.args[1]) as i:
        value = b.load("float", b.element(function.args[0], i.value, "float"))

Values and types are in values.py, arithmetic in instructions.py.
Text is written directly because building it through an object model took longer than compiling it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from lamina.engines.llvm.codegen.instructions import Instructions
from lamina.engines.llvm.codegen.values import Value, bits, constant, lanes, scalar, suffix, vector

NEAREST, SECOND, DATA = 3, 2, 1  # into the first cache or the second one; LLVM's words


# ---- functions and modules ---------------------------------------------------------------------
class Module:
    """Functions and the declarations they need; `str(module)` is the text LLVM parses."""

    def __init__(self) -> None:
        self.functions: list[Function] = []
        self.declarations: dict[str, str] = {}
        self.globals: dict[str, str] = {}

    def function(self, name: str, args: Sequence[tuple[str, str]], **options: object) -> Function:
        function = Function(name, args, module=self, **options)  # type: ignore[arg-type]
        self.functions.append(function)
        return function

    def declare(self, name: str, returns: str, args: Sequence[str]) -> None:
        if name not in self.declarations:
            self.declarations[name] = f"declare {returns} @{name}({', '.join(args)})"

    def __str__(self) -> str:
        defined = {f.name for f in self.functions}
        declared = [text for name, text in self.declarations.items() if name not in defined]
        parts = [*self.globals.values(), *declared, *(str(f) for f in self.functions)]
        return "\n".join(parts) + "\n"


class Function:
    """A function under construction; `args` are its values, `builder` writes its body."""

    def __init__(
        self,
        name: str,
        args: Sequence[tuple[str, str]],
        *,
        returns: str = "void",
        module: Module | None = None,
        internal: bool = False,
        noalias: Sequence[str] = (),
    ) -> None:
        self.name, self.returns = name, returns
        self.module = module if module is not None else Module()
        if module is None:
            self.module.functions.append(self)
        self.args = [Value("%" + arg, type_) for arg, type_ in args]
        self.linkage = "internal " if internal else ""
        self.noalias = frozenset(noalias)
        self.builder = Builder(self)

    def __str__(self) -> str:
        def declared(arg: Value) -> str:
            attribute = " noalias" if arg.text[1:] in self.noalias else ""
            return f"{arg.type}{attribute} {arg.text}"

        args = ", ".join(map(declared, self.args))
        head = f"define {self.linkage}{self.returns} @{self.name}({args}) nounwind {{"
        return "\n".join([head, "entry:", *self.builder.reserved, *self.builder.lines, "}"])


@dataclass
class Loop:
    """The interface of the body of `with b.loop(...)`: the index, carried values, and `next`, which
    the body must set to the values that the following iteration carries."""

    value: Value
    carried: list[Value]
    next: list[Value] = field(default_factory=list)
    result: list[Value] = field(default_factory=list)


class Builder(Instructions):
    """Writes one function: values (instructions.py), vectors, memory and control flow."""

    def __init__(self, function: Function) -> None:
        super().__init__(function.module.declare)
        self.function = function
        self.reserved: list[str] = []  # lines before all others
        self.block = "entry"

    # ---- blocks --------------------------------------------------------------------------------
    def label(self, hint: str) -> str:
        self._count += 1
        return f"{hint}.{self._count}"

    def place(self, label: str) -> None:
        """Start the basic block `label`."""
        self.lines.append(f"{label}:")
        self.block = label

    # ---- vectors -------------------------------------------------------------------------------
    def splat(self, x: Value, count: int) -> Value:
        """The scalar x in each of `count` lanes (x itself for 0 lanes or a vector)."""
        if not count or lanes(x.type):
            return x
        type_ = vector(x.type, count)
        if not x.text.startswith("%"):
            return Value(f"splat ({x})", type_)
        one = self.emit(type_, f"insertelement {type_} poison, {x}, i64 0")
        mask = f"<{count} x i32> zeroinitializer"
        return self.emit(type_, f"shufflevector {type_} {one.text}, {type_} poison, {mask}")

    def shuffle(self, x: Value, y: Value, order: Sequence[int]) -> Value:
        mask = "<" + ", ".join(f"i32 {k}" for k in order) + ">"
        type_ = vector(scalar(x.type), len(order))
        return self.emit(type_, f"shufflevector {x}, {y}, <{len(order)} x i32> {mask}")

    def extract(self, x: Value, lane: int) -> Value:
        return self.emit(scalar(x.type), f"extractelement {x}, i64 {lane}")

    # ---- memory --------------------------------------------------------------------------------
    def element(self, base: Value, index: Value | int, type_: str) -> Value:
        """Address of element number `index` of type `type_` from `base`."""
        if isinstance(index, int):
            index = constant("i64", index)
        if index.text == "0":
            return base
        return self.emit("ptr", f"getelementptr inbounds {type_}, {base}, {index}")

    def load(self, type_: str, address: Value, align: int | None = None) -> Value:
        align = align or max(bits(type_) // 8, 1)
        return self.emit(type_, f"load {type_}, {address}, align {align}")

    def store(self, value: Value, address: Value, align: int | None = None) -> None:
        align = align or max(bits(value.type) // 8, 1)
        self.lines.append(f"  store {value}, {address}, align {align}")

    def reserve(self, type_: str, align: int) -> Value:
        """Reserve stack memory until the function returns."""
        place = self.name("own")
        self.reserved.append(f"  {place} = alloca {type_}, align {align}")
        return Value(place, "ptr")

    def masked_load(self, type_: str, address: Value, mask: Value, other: Value) -> Value:
        """Lanes whose mask is false read nothing and take `other`."""
        align = constant("i32", max(bits(type_) // 8, 1))
        name = f"llvm.masked.load.{suffix(type_)}.p0"
        return self.call(name, type_, [address, align, mask, other])

    def masked_store(self, value: Value, address: Value, mask: Value) -> None:
        align = constant("i32", max(bits(value.type) // 8, 1))
        name = f"llvm.masked.store.{suffix(value.type)}.p0"
        self.call(name, "void", [value, address, align, mask])

    def fetch(self, address: Value, write: bool, level: int = NEAREST) -> None:
        """Prefetch the cache line of an address, for reading or writing, into the first cache or a
        farther one."""
        how = [constant("i32", word) for word in (int(write), level, DATA)]
        self.call("llvm.prefetch.p0", "void", [address, *how])

    # ---- control -------------------------------------------------------------------------------
    def branch(self, label: str) -> None:
        self.lines.append(f"  br label %{label}")

    def branch_if(self, condition: Value, yes: str, no: str) -> None:
        self.lines.append(f"  br {condition}, label %{yes}, label %{no}")

    def ret(self, value: Value | None = None) -> None:
        self.lines.append(f"  ret {value}" if value else "  ret void")

    def share(self, count: Value, number: Value, shares: Value) -> tuple[Value, Value]:
        """Return the first and the end of share `number` of `count` things, among `shares`."""
        begin = self.binary("sdiv", self.mul(count, number), shares)
        following = self.add(number, constant("i64", 1))
        return begin, self.binary("sdiv", self.mul(count, following), shares)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Run the body of the `with` if the i1 `condition` is true."""
        yes, done = self.label("then"), self.label("endif")
        self.branch_if(condition, yes, done)
        self.place(yes)
        yield
        self.branch(done)
        self.place(done)

    def branch_on(
        self,
        condition: Value,
        yes: Callable[[], None],
        no: Callable[[], None],
        hints: tuple[str, str, str] = ("yes", "no", "done"),
    ) -> None:
        """Run what `yes` emits if the i1 `condition` is true, else what `no` emits."""
        then, otherwise, done = map(self.label, hints)
        self.branch_if(condition, then, otherwise)
        for label, write in ((then, yes), (otherwise, no)):
            self.place(label)
            write()
            self.branch(done)
        self.place(done)

    def changed(
        self, condition: Value, values: Sequence[Value], change: Callable[[], list[Value]]
    ) -> list[Value]:
        """Return what `change` emits if the i1 `condition` is true, else the values."""
        entry = self.block
        with self.when(condition):
            new = change()
            latch = self.block
        return [
            self.emit(v.type, f"phi {v.type} [ {v.text}, %{entry} ], [ {w.text}, %{latch} ]")
            for v, w in zip(values, new, strict=True)
        ]

    @contextmanager
    def loop(
        self,
        start: Value | int,
        stop: Value | int,
        step: Value | int = 1,
        carry: Sequence[Value] = (),
        hint: str = "loop",
    ) -> Iterator[Loop]:
        """Emit for value in range(start, stop, step), signed i64, possibly without any iteration.

        After the `with`, `loop.result` holds the carried values of the last iteration.
        """
        start, stop, step = (
            constant("i64", v) if isinstance(v, int) else v for v in (start, stop, step)
        )
        entry = self.block
        head, body, done = self.label(hint), self.label("body"), self.label("end")
        self.branch(head)
        self.place(head)
        at = len(self.lines)  # the phi nodes are written when their last values are known
        index = Value(self.name("i"), "i64")
        carried = [Value(self.name("c"), v.type) for v in carry]
        inside = self.icmp("slt", index, stop)
        self.branch_if(inside, body, done)
        self.place(body)
        loop = Loop(index, carried)
        yield loop
        following = self.binary("add", index, step, "nsw")
        phis = [(index, start, following), *zip(carried, carry, loop.next, strict=True)]
        self.insert_phis(at, entry, phis)
        self.branch(head)
        self.place(done)
        loop.result = carried

    def insert_phis(
        self, line: int, entry: str, values: Iterable[tuple[Value, Value, Value]]
    ) -> None:
        """Define each first value, at the head of a loop that starts at `line`: as the second if
        control comes from the block `entry`, as the third if it comes from the current block."""
        self.lines[line:line] = [
            f"  {v.text} = phi {v.type} [ {first.text}, %{entry} ], [ {last.text}, %{self.block} ]"
            for v, first, last in values
        ]
