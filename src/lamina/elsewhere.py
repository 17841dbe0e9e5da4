"""Lamina's alternatives for names of other frameworks that it does not have."""

from __future__ import annotations

ELSEWHERE: dict[str, str] = {
    # PyTorch
    "backward": "lamina.grad(f) is a function that gives the gradient of f",
    "from_numpy": "lamina.asarray",
    "manual_seed": "lamina.set_seed",
    "no_grad": "nothing is recorded unless a gradient is asked for; lamina.stop_gradient in one",
    "optim": "lamina.optimizers",
    "utils": "lamina.keras.utils, lamina.data",
    # JAX
    "jit": "lamina.compile",
    "lax": "lamina.scan, lamina.while_loop, lamina.cond",
    "numpy": "its functions are at lamina itself: lamina.sin, lamina.where, ...",
    "tree_util": "lamina.keras.tree",
    "vmap": "operations broadcast; lamina.einsum and lamina.matmul take batches",
}

OF_KERAS: dict[str, str] = {
    "SymbolicScope": "layer.compute_output_spec(x) computes shapes and dtypes alone",
    "export": "model.save('model.lamina')",
}

NN: dict[str, str] = {  # of PyTorch
    "BCELoss": "lamina.losses.BinaryCrossentropy()",
    "BCEWithLogitsLoss": "lamina.losses.BinaryCrossentropy(from_logits=True)",
    "BatchNorm1d": "lamina.layers.BatchNormalization()",
    "BatchNorm2d": "lamina.layers.BatchNormalization()",
    "Conv1d": "lamina.layers.Conv1D(filters, kernel_size)",
    "Conv2d": "lamina.layers.Conv2D(filters, kernel_size), with channels last",
    "CrossEntropyLoss": "lamina.losses.SparseCategoricalCrossentropy(from_logits=True)",
    "Dropout": "lamina.layers.Dropout(rate)",
    "Embedding": "lamina.layers.Embedding(input_dim, output_dim)",
    "Flatten": "lamina.layers.Flatten()",
    "GRU": "lamina.layers.GRU(units)",
    "LSTM": "lamina.layers.LSTM(units)",
    "LayerNorm": "lamina.layers.LayerNormalization()",
    "Linear": "lamina.layers.Dense(units)",
    "MSELoss": "lamina.losses.MeanSquaredError()",
    "MaxPool2d": "lamina.layers.MaxPooling2D(pool_size)",
    "Module": "lamina.Model or lamina.layers.Layer, with a method `call`",
    "Parameter": "lamina.Variable, or add_weight of a layer",
    "ReLU": "lamina.layers.ReLU(), or activation='relu' of a layer",
    "Sequential": "lamina.Sequential",
    "functional": "the functions of lamina.nn",
}

LAYERS: dict[str, str] = {
    "CuDNNGRU": "keras.layers.GRU(units), on every device",
    "CuDNNLSTM": "keras.layers.LSTM(units), on every device",
    "FlaxLayer": "lamina.layers.Layer with a `call` in lamina's operations; flax modules need JAX",
    "JaxLayer": "lamina.layers.Layer with a `call` in lamina's operations; jax functions need JAX",
    "TFSMLayer": "a SavedModel needs TensorFlow; build it of lamina.layers and `set_weights`",
    "TorchModuleWrapper": "lamina.layers.Layer with a `call` in lamina's operations; modules of "
    "torch need PyTorch",
}

CALLBACKS: dict[str, str] = {
    "LearningRateFinder": "lamina.tune.LearningRateFinder",
    "LRFinder": "lamina.tune.LearningRateFinder",
    "LiveCurves": "lamina.plot.LiveCurves",
    "OrbaxCheckpoint": "ModelCheckpoint",
}

PLOTS: dict[str, str] = {
    "ConfusionMatrixDisplay": "lamina.plot.confusion",
    "DecisionBoundaryDisplay": "lamina.plot.decision_boundary",
    "PrecisionRecallDisplay": "lamina.plot.precision_recall",
    "RocCurveDisplay": "lamina.plot.roc",
    "confusion_matrix": "lamina.plot.confusion",
    "learning_curves": "lamina.plot.history",
    "loss": "lamina.plot.history",
    "pca": "lamina.plot.projection",
    "plot_history": "lamina.plot.history",
    "plot_model": "lamina.plot.model",
    "precision_recall_curve": "lamina.plot.precision_recall",
    "roc_curve": "lamina.plot.roc",
    "tsne": "lamina.plot.projection(rows, labels, method='tsne')",
    "PlotLosses": "lamina.plot.LiveCurves",
}
