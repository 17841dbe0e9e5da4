"""`tf.ragged`: rows of unequal lengths."""

from lamina.tf import ragged
from lamina.tf.naming import public

public(
    __name__,
    {"constant": ragged.constant, "range": ragged.ragged_range, "stack": ragged.stack},
    None,
    {"boolean_mask": "tf.ragged.constant of the rows that are kept"},
)
