"""Data: the sets that one learns with, and the checks of what the user brings."""

from lamina.data.corpora import CharacterCorpus, WordCorpus

__all__ = ["CharacterCorpus", "WordCorpus"]
