"""`tf.version`: the version of TensorFlow whose names these are."""

VERSION = "2.21.0"
GIT_VERSION = "lamina"
COMPILER_VERSION = ""
