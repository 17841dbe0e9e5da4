"""LLVM text of kernels and of the program."""
