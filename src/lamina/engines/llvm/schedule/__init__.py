"""How a nest is run: tiles, vectorization, order of loops."""
