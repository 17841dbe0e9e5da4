"""The machine that code is compiled for, and the LLVM toolchain."""
