"""Programs of kernels, loops and branches, and the passes on them."""
