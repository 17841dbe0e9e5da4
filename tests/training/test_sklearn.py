"""The estimators of `lamina.sklearn` pass every check of scikit-learn, and work in its tools."""

import pickle

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from lamina.sklearn import LaminaClassifier, LaminaRegressor, LaminaTransformer

ESTIMATORS = [LaminaClassifier(), LaminaRegressor(), LaminaTransformer()]


@parametrize_with_checks(ESTIMATORS)
def test_every_check_of_scikit_learn_passes(estimator, check):
    check(estimator)


def network(units=8, meta=None):
    return lm.Sequential(
        [lm.layers.Dense(units, "relu"), lm.layers.Dense(meta["n_classes_"], "softmax")]
    )


def iris():
    x, y = load_iris(return_X_y=True)
    return x.astype("float32"), np.array(["setosa", "versicolor", "virginica"])[y]


def test_pipelines_and_grid_search_choose_arguments_of_the_function():
    x, y = iris()
    given = LaminaClassifier(network, epochs=20, random_state=0, optimizer__learning_rate=0.02)
    pipeline = make_pipeline(StandardScaler(), given)
    grid = {"laminaclassifier__model__units": [2, 8], "laminaclassifier__batch_size": [16]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(x, y)
    assert search.best_score_ > 0.9
    assert search.best_params_["laminaclassifier__model__units"] in (2, 8)
    assert len(search.cv_results_["params"]) == 2
    assert set(search.predict(x)) == {"setosa", "versicolor", "virginica"}
    assert cross_val_score(pipeline, x, y, cv=3).min() > 0.8


def test_the_same_state_gives_the_same_bits_and_leaves_the_global_state():
    x, y = iris()
    lm.set_seed(5)
    before = lm.random.normal((3,)).numpy()
    lm.set_seed(5)
    found = [LaminaClassifier(random_state=1, epochs=3).fit(x, y).predict_proba(x) for _ in "ab"]
    assert np.array_equal(*found)
    assert np.array_equal(lm.random.normal((3,)).numpy(), before)


def test_an_estimator_is_pickled_with_its_network():
    x, y = iris()
    fitted = LaminaClassifier(network, random_state=1).fit(x, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict_proba(x), fitted.predict_proba(x))
    assert not hasattr(clone(fitted), "model_")
    assert clone(LaminaClassifier(network, model__units=3)).get_params()["model__units"] == 3


def test_partial_fit_and_warm_start_continue():
    x, y = iris()
    classifier = LaminaClassifier(network, random_state=0)
    for _ in range(3):
        classifier.partial_fit(x, y, classes=np.unique(y))
    assert len(classifier.history_["loss"]) == 3
    warm = LaminaClassifier(network, random_state=0, warm_start=True, epochs=2)
    assert len(warm.fit(x, y).fit(x, y).history_["loss"]) == 4


def test_early_stopping_is_copied_for_each_fit():
    x, y = make_regression(80, 5, random_state=0)
    stop = lm.callbacks.EarlyStopping("loss", patience=1, min_delta=1e9)
    regressor = LaminaRegressor(callbacks=[stop], random_state=0)
    for _ in range(2):
        assert len(regressor.fit(x, y).history_["loss"]) == 2
    assert stop.wait == stop.stopped_epoch == 0


def test_logits_become_probabilities():
    x, y = iris()

    def model(meta):
        network = lm.Sequential([lm.layers.Dense(meta["n_classes_"])])
        network.compile("adam", lm.losses.SparseCategoricalCrossentropy(from_logits=True))
        return network

    found = LaminaClassifier(model, random_state=0).fit(x, y).predict_proba(x)
    assert np.allclose(found.sum(axis=1), 1) and found.min() >= 0


def test_several_labels_of_a_row():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    y = (x[:, :2] > 0).astype(int)
    found = LaminaClassifier(random_state=0).fit(x, y)
    assert (found.predict(x) == y).mean() > 0.9


def test_a_layer_of_another_network_makes_features():
    x, y = iris()

    def model():
        network = lm.Sequential(
            [lm.layers.Dense(4, "relu", name="hidden"), lm.layers.Dense(3, "softmax")]
        )
        network.compile("adam", "sparse_categorical_crossentropy")
        return network

    labels = np.unique(y, return_inverse=True)[1]
    features = LaminaTransformer(model, layer="hidden", random_state=0).fit_transform(x, labels)
    assert features.shape == (150, 4)


def test_mistakes_are_named():
    x, y = iris()
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        LaminaClassifier(epoch=3).fit(x, y)
    with pytest.raises(ArgumentError, match="model__width: the function network takes units, meta"):
        LaminaClassifier(network, model__width=3).fit(x, y)
    with pytest.raises(ArgumentError, match="expected a function that returns a network"):
        LaminaClassifier("network").fit(x, y)
    with pytest.raises(ValueError, match="expected at least 2 classes"):
        LaminaClassifier().fit(x, ["a"] * 150)
