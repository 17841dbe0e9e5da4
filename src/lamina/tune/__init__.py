"""Hyperparameter selection: spaces, searches whose trials are kept on disk, and their results.

def build(p):
    model = lm.Sequential([lm.layers.Dense(p.units, "relu"), lm.layers.Dense(10)])
    model.compile(lm.optimizers.Adam(p.rate), "sparse_categorical_crossentropy")
    return model

space = {"units": lm.tune.choice([32, 64, 128]), "rate": lm.tune.loguniform(1e-4, 1e-1)}
found = lm.tune.search(build, space, x, y, method="hyperband", epochs=27, folder="tuning/a")
model = found.best_model()

rate = lm.tune.LearningRateFinder().find(model, x, y)  # by one short test, without a search
"""

from lamina import namespaces
from lamina.tune.rates import LearningRateFinder
from lamina.tune.results import Results
from lamina.tune.searching import search
from lamina.tune.spaces import Params, choice, integers, loguniform, uniform
from lamina.tune.trials import Trial
from lamina.tune.tuner import Tuner

__all__ = [
    "LearningRateFinder",
    "Params",
    "Results",
    "Trial",
    "Tuner",
    "choice",
    "integers",
    "loguniform",
    "search",
    "uniform",
]

namespaces.declare(__name__)
