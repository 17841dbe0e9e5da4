"""LLVM instructions that compute values: arithmetic, comparisons, casts, calls.

Every arithmetic method takes scalars and vectors alike, which is what lets one expression be
emitted at any width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lamina.engines.llvm.codegen.values import Value, like, suffix
from lamina.engines.llvm.target.target import target


class Instructions:
    """Appends instructions to `lines`. Methods return the value that an instruction makes;
    `declare` notes a function that is called."""

    def __init__(self, declare: Callable[[str, str, Sequence[str]], None]) -> None:
        self.lines: list[str] = []
        self._declare = declare
        self._count = 0

    def name(self, hint: str = "") -> str:
        self._count += 1
        return f"%{hint}{self._count}" if hint else f"%v{self._count}"

    def emit(self, type_: str, text: str) -> Value:
        result = self.name()
        self.lines.append(f"  {result} = {text}")
        return Value(result, type_)

    def binary(self, op: str, x: Value, y: Value, flags: str = "") -> Value:
        """Any two-operand instruction: binary("fadd", x, y), binary("sub", x, y, "nsw")."""
        flags = flags + " " if flags else ""
        return self.emit(x.type, f"{op} {flags}{x.type} {x.text}, {y.text}")

    def fadd(self, x: Value, y: Value, flags: str = "") -> Value:
        return self.binary("fadd", x, y, flags)

    def fsub(self, x: Value, y: Value) -> Value:
        return self.binary("fsub", x, y)

    def fmul(self, x: Value, y: Value) -> Value:
        return self.binary("fmul", x, y)

    def fdiv(self, x: Value, y: Value) -> Value:
        return self.binary("fdiv", x, y)

    def fneg(self, x: Value) -> Value:
        return self.emit(x.type, f"fneg {x.type} {x.text}")

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        """x * y + z, with one rounding where the machine has an instruction for it: elsewhere LLVM
        would call a function for each element."""
        if not target().machine.fma:
            return self.fadd(self.fmul(x, y), z)
        return self.intrinsic("llvm.fma", x, y, z)

    def add(self, x: Value, y: Value) -> Value:
        if y.text == "0":
            return x
        if x.text == "0":
            return y
        return self.binary("add", x, y)

    def sub(self, x: Value, y: Value) -> Value:
        return x if y.text == "0" else self.binary("sub", x, y)

    def mul(self, x: Value, y: Value) -> Value:
        if x.text == "0" or y.text == "1":
            return x
        if y.text == "0" or x.text == "1":
            return y
        return self.binary("mul", x, y)

    def and_(self, x: Value, y: Value) -> Value:
        return self.binary("and", x, y)

    def or_(self, x: Value, y: Value) -> Value:
        return self.binary("or", x, y)

    def xor(self, x: Value, y: Value) -> Value:
        return self.binary("xor", x, y)

    def shl(self, x: Value, y: Value) -> Value:
        return self.binary("shl", x, y)

    def lshr(self, x: Value, y: Value) -> Value:
        return self.binary("lshr", x, y)

    def ashr(self, x: Value, y: Value) -> Value:
        return self.binary("ashr", x, y)

    def icmp(self, predicate: str, x: Value, y: Value) -> Value:
        """predicate: eq ne slt sle sgt sge ult ule ugt uge; the result has i1 lanes."""
        return self.emit(like(x.type, "i1"), f"icmp {predicate} {x.type} {x.text}, {y.text}")

    def fcmp(self, predicate: str, x: Value, y: Value) -> Value:
        """predicate: oeq une olt ole ogt oge uno ord ...; the result has i1 lanes."""
        return self.emit(like(x.type, "i1"), f"fcmp {predicate} {x.type} {x.text}, {y.text}")

    def select(self, condition: Value, yes: Value, no: Value) -> Value:
        return self.emit(yes.type, f"select {condition}, {yes}, {no}")

    def cast(self, op: str, x: Value, type_: str) -> Value:
        """op: trunc zext sext fptrunc fpext fptosi fptoui sitofp uitofp bitcast; to `type_`."""
        return self.emit(type_, f"{op} {x} to {type_}")

    def bitcast(self, x: Value, type_: str) -> Value:
        return x if x.type == type_ else self.cast("bitcast", x, type_)

    def intrinsic(self, name: str, *args: Value, returns: str | None = None) -> Value:
        """An overloaded intrinsic on the first argument's type: intrinsic("llvm.fabs", x)."""
        type_ = args[0].type
        return self.call(f"{name}.{suffix(type_)}", returns or type_, list(args))

    def call(self, name: str, returns: str, args: Sequence[Value]) -> Value:
        self._declare(name, returns, [a.type for a in args])
        text = f"call {returns} @{name}({', '.join(map(str, args))})"
        if returns == "void":
            self.lines.append("  " + text)
            return Value("", "void")
        return self.emit(returns, text)
