"""Data: the sets that one learns with, and the checks of what the user brings."""
