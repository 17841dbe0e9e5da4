"""The reference: what every primitive means, in NumPy, and an interpreter of graphs."""
