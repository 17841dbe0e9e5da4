"""Running programs: executables, memory, cache, threads."""
