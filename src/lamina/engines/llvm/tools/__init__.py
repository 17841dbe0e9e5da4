"""Inspection: dumps, comparison with the reference, profiles, peaks of the machine."""
