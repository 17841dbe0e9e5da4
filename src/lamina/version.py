"""The version of Lamina: written here, read by the package, its build and the compiler's cache."""

__version__ = "0.1.0"
KERAS = "3.15.1"  # whose names and defaults `lamina.keras` has
