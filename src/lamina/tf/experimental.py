"""`tf.experimental`: NumPy's functions are Lamina's own."""

from lamina.tf.naming import public

public(__name__, None, None, {"Optional": "None", "dlpack": "lamina.from_dlpack, x.__dlpack__()"})
