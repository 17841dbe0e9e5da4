"""The networks of `lamina.zoo` and `keras.applications`."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras, layers
from lamina.errors import ArgumentError, DownloadError, RangeError, ShapeError

# parameters as published by torchvision (alexnet, vgg11, vgg13, squeezenet1_1) or Keras; of
# ResNet-18 and 34 torchvision's trainable ones and the moving statistics
PUBLISHED = {
    "AlexNet": 61_100_840,
    "VGG11": 132_863_336,
    "VGG13": 133_047_848,
    "VGG16": 138_357_544,
    "VGG19": 143_667_240,
    "SqueezeNet": 1_235_496,
    "ResNet18": 11_689_512 + 9_600,
    "ResNet34": 21_797_672 + 17_024,
    "ResNet50": 25_636_712,
    "ResNet101": 44_707_176,
    "ResNet152": 60_419_944,
    "ResNet50V2": 25_613_800,
    "ResNet101V2": 44_675_560,
    "ResNet152V2": 60_380_648,
    "Xception": 22_910_480,
    "InceptionV3": 23_851_784,
    "GoogLeNet": 6_998_552,
    "MobileNet": 4_253_864,
    "MobileNetV2": 3_538_984,
    "MobileNetV3Small": 2_554_968,
    "MobileNetV3Large": 5_507_432,
    "DenseNet121": 8_062_504,
    "DenseNet169": 14_307_880,
    "DenseNet201": 20_242_984,
    "EfficientNetB0": 5_330_571,
    "EfficientNetB1": 7_856_239,
    "EfficientNetB2": 9_177_569,
    "EfficientNetB3": 12_320_535,
    "EfficientNetB4": 19_466_823,
    "EfficientNetB5": 30_562_527,
    "EfficientNetB6": 43_265_143,
    "EfficientNetB7": 66_658_687,
    "EfficientNetLite0": 4_652_008 + 42_016,  # trainable ones of timm, and the moving statistics
}
SMALL = ["SqueezeNet", "MobileNetV2", "MobileNetV3Small", "ResNet18"]
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", PUBLISHED)
def test_numbers_of_parameters_are_the_published_ones(name):
    assert getattr(lm.zoo, name)(weights=None).count_params() == PUBLISHED[name]


@pytest.mark.parametrize("name", SMALL)
def test_a_network_of_few_classes_learns_small_images(name):
    lm.set_seed(0)
    model = getattr(lm.zoo, name)(weights=None, input_shape=(32, 32, 3), classes=2)
    y = np.arange(16) % 2
    x = (RNG.normal(size=(16, 32, 32, 3)) + 2 * y[:, None, None, None]).astype("float32")
    model.compile(lm.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    losses = model.fit(x, y, batch_size=16, epochs=8, verbose=0).history["loss"]
    assert min(losses[4:]) < losses[0]


def test_features_of_images_of_any_size():
    model = lm.zoo.MobileNetV2(weights=None, include_top=False, pooling="avg")
    for size in (32, 65):
        assert model(np.zeros((1, size, size, 3), "float32")).shape == (1, 1280)


def test_a_head_of_the_user_is_put_on_frozen_features():
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    base.trainable = False
    inputs = keras.Input((32, 32, 3))
    x = keras.applications.vgg16.preprocess_input(inputs)
    outputs = layers.Dense(2)(layers.Flatten()(base(x, training=False)))
    model = keras.Model(inputs, outputs)
    assert len(model.trainable_weights) == 2
    assert model(np.zeros((1, 32, 32, 3), "float32")).shape == (1, 2)


def test_weights_are_loaded_from_a_file(tmp_path):
    make = lm.zoo.SqueezeNet
    first = make(weights=None, input_shape=(32, 32, 3), classes=3)
    first.save_weights(tmp_path / "w.safetensors")
    path = tmp_path / "w.safetensors"
    again = make(weights=path, input_shape=(32, 32, 3), classes=3)
    x = RNG.normal(size=(2, 32, 32, 3)).astype("float32")
    np.testing.assert_array_equal(again(x).numpy(), first(x).numpy())


class TestMistakes:
    def test_weights_that_are_nowhere_are_explained(self, tmp_path, monkeypatch):
        monkeypatch.setenv("LAMINA_OFFLINE", "1")
        monkeypatch.setenv("LAMINA_CACHE_DIR", str(tmp_path))
        with pytest.raises(DownloadError, match=r"resnet50_weights.*\.h5"):
            lm.zoo.ResNet50()
        with pytest.raises(ArgumentError, match="no weights of this network are published"):
            lm.zoo.AlexNet()

    def test_wrong_arguments_are_named(self):
        with pytest.raises(ArgumentError, match="weights are 'imagent'"):
            lm.zoo.VGG16(weights="imagent")
        with pytest.raises(ArgumentError, match="classes=10"):
            lm.zoo.VGG16(classes=10)
        with pytest.raises(ArgumentError, match="pooling is 'mean'"):
            lm.zoo.VGG16(weights=None, pooling="mean")
        with pytest.raises(RangeError, match="at least 71 x 71"):
            lm.zoo.Xception(weights=None, input_shape=(32, 32, 3))
        with pytest.raises(ShapeError, match="size of the images must be known"):
            lm.zoo.VGG16(weights=None, input_shape=(None, None, 3))


class TestPreprocessing:
    IMAGE = np.arange(12, dtype="float32").reshape(1, 2, 2, 3) * 20

    def test_each_mode_scales_as_keras_does(self):
        utils = keras.applications.imagenet_utils
        np.testing.assert_allclose(
            utils.preprocess_input(self.IMAGE, mode="tf"), self.IMAGE / 127.5 - 1, 1e-6
        )
        torch = (self.IMAGE / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        np.testing.assert_allclose(utils.preprocess_input(self.IMAGE, mode="torch"), torch, 1e-5)
        caffe = self.IMAGE[..., ::-1] - np.float32([103.939, 116.779, 123.68])
        np.testing.assert_allclose(utils.preprocess_input(self.IMAGE), caffe, 1e-6)
        first = utils.preprocess_input(np.moveaxis(self.IMAGE, -1, 1), "channels_first")
        np.testing.assert_allclose(np.moveaxis(first, 1, -1), caffe, 1e-6)

    def test_images_of_the_caller_are_not_changed(self):
        before = self.IMAGE.copy()
        keras.applications.resnet50.preprocess_input(self.IMAGE)
        np.testing.assert_array_equal(self.IMAGE, before)

    def test_predictions_are_named_by_the_file_of_classes(self, tmp_path, monkeypatch):
        folder = tmp_path / "keras-applications"
        folder.mkdir()
        names = ", ".join(f'"{k}": ["n{k}", "class {k}"]' for k in range(1000))
        (folder / "imagenet_class_index.json").write_text("{" + names + "}")
        monkeypatch.setenv("LAMINA_DATA", str(tmp_path))
        probabilities = np.zeros((1, 1000), "float32")
        probabilities[0, [3, 7]] = 0.3, 0.7
        found = keras.applications.imagenet_utils.decode_predictions(probabilities, top=2)
        assert [row[:2] for row in found[0]] == [("n7", "class 7"), ("n3", "class 3")]


def test_layers_are_in_the_order_of_keras():
    """By distance from the outputs, then in the order of a search from the outputs."""
    x = lm.Input((4,), name="x")
    a = layers.Dense(4, name="a")(x)
    b = layers.Dense(4, name="b")(x)
    c = layers.Dense(4, name="c")(b)
    model = lm.Model(x, layers.Add(name="sum")([c, a]))
    assert [layer.name for layer in model.layers] == ["x", "b", "c", "a", "sum"]
