"""The whole programs of the program cases: each runs as a fresh process, for one contestant.

What a script measures itself it prints as one JSON object, the last line of its output.
"""
