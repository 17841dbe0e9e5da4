"""Figures of networks and of their computations, drawn with matplotlib (`pip install matplotlib`).

    lm.plot.history(model.fit(...))                    loss and metrics over the epochs
    lm.plot.filters(model, "conv2d")                   the kernels of a convolution
    lm.plot.feature_maps(model, image)                 what each layer computes of one image
    lm.plot.projection(model.representations(x), y)    representations in two dimensions, by class
    lm.plot.confusion(y_true, y_pred)                  which class is taken for which
    lm.plot.model(model)                               layers as boxes, values as arrows
    lm.plot.search(lm.tune.search(...))                trials over epochs or a hyperparameter

Each returns a matplotlib Figure, which notebooks show and whose axes can be drawn on; with `path=`
it is saved as well, in the format that the ending says (.png, .svg, .pdf). No window is opened and
matplotlib's global state stays as it is. Without matplotlib they raise MissingExtraError.
"""

from lamina import namespaces
from lamina.plot.confusion import confusion
from lamina.plot.curves import history
from lamina.plot.maps import feature_maps, filters
from lamina.plot.network import model
from lamina.plot.projection import projection
from lamina.plot.search import search

__all__ = ["confusion", "feature_maps", "filters", "history", "model", "projection", "search"]

namespaces.declare(__name__)
