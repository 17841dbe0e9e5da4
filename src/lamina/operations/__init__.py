"""What users call: NumPy-shaped functions of tensors, each written in primitives.

One file a family; importing this package gives tensors their operators and methods.
"""

from lamina.operations.attach import attach

attach()
