"""Figures of networks and of their computations, drawn with matplotlib (`pip install matplotlib`).

    lm.plot.history(model.fit(...))                    loss and metrics over the epochs
    lm.plot.filters(model, "conv2d")                   the kernels of a convolution
    lm.plot.feature_maps(model, image)                 what each layer computes of one image
    lm.plot.grad_cam(model, image)                     which places speak for a class
    lm.plot.projection(model.representations(x), y)    representations in two dimensions, by class
    lm.plot.confusion(y_true, y_pred)                  which class is taken for which
    lm.plot.roc(y_true, probabilities)                 true and false positives at all thresholds
    lm.plot.precision_recall(y_true, probabilities)    precision and recall at all thresholds
    lm.plot.weights(model)                             histograms of the weights of each layer
    lm.plot.gradients(model, x, y)                     sizes of the gradient in each layer
    lm.plot.decision_boundary(model, x, y)             regions of classes over two features
    lm.plot.loss_landscape(model, x, y)                the loss along two directions
    lm.plot.optimizer_paths("beale")                   paths of optimizers on a known surface
    lm.plot.model(model)                               layers as boxes, values as arrows
    lm.plot.search(lm.tune.search(...))                trials over epochs or a hyperparameter

    model.fit(..., callbacks=[lm.plot.LiveCurves()])   curves that follow the training

Each function returns a matplotlib Figure, which notebooks show and whose axes can be drawn on; with
`path=` it is saved as well, in the format that the ending says (.png, .svg, .pdf). No window is
opened, and the global state of matplotlib stays as it is. Without matplotlib each raises a
MissingExtraError.
"""

from lamina import namespaces
from lamina.elsewhere import PLOTS
from lamina.plot.boundary import decision_boundary
from lamina.plot.class_maps import class_map, grad_cam
from lamina.plot.confusion import confusion
from lamina.plot.curves import history
from lamina.plot.distributions import gradients, weights
from lamina.plot.landscape import loss_landscape
from lamina.plot.live import LiveCurves
from lamina.plot.maps import feature_maps, filters
from lamina.plot.network import model
from lamina.plot.paths import optimizer_paths
from lamina.plot.projection import projection
from lamina.plot.ranking import precision_recall, roc
from lamina.plot.search import search

__all__ = [
    "LiveCurves",
    "class_map",
    "confusion",
    "decision_boundary",
    "feature_maps",
    "filters",
    "grad_cam",
    "gradients",
    "history",
    "loss_landscape",
    "model",
    "optimizer_paths",
    "precision_recall",
    "projection",
    "roc",
    "search",
    "weights",
]

namespaces.declare(__name__, instead=PLOTS)
