"""The xla engine: graphs interpreted into `jax.lax`, for GPUs, TPUs, and several devices and hosts.

    graph --translate--> jax.lax --jit, lower, compile--> executable, one for each set of sizes

    elementwise, shapes, indexing, reductions, windows, threefry    rows, one a primitive
    translate     the table of all rows; loops and branches; a graph as a function of JAX arrays
    backend       jax itself: 64-bit types, compiler options, the cache, the platform
    counted, rows numbers of iterations and of rows that one program serves
    executable    compiled programs by their sizes, and their calls
    engine        what `engines.engine("xla")` gives

Only public names of `jax` are used, and `jaxlib` is never imported.
"""
