"""The machinery of layers: calling, building, naming, recording, masks, streams and errors.

Families of layers are the modules of `lamina.layers`; what they share is here.
"""
