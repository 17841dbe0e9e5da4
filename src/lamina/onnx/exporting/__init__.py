"""Writing of ONNX files: a model's program, primitive by primitive."""
