"""Graph passes of this engine: legalization, layouts, convolution algorithms."""
