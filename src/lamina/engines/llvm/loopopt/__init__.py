"""Passes from loop nest to loop nest."""
