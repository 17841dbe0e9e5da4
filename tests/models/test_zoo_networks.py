"""Networks of the zoo in narrow forms: they learn, and are saved and exported."""

import sys
from functools import partial

import numpy as np
import pytest

import lamina as lm
from lamina.cli import main
from lamina.errors import ArgumentError, ShapeError, UnknownNameError
from lamina.zoo import convnext, efficientnet_v2, nasnet, resnet, vit
from lamina.zoo.parts import Options
from paths import TOOLS

RNG = np.random.default_rng(0)
SIZE = 32
STAGES = (
    efficientnet_v2.Stage(True, 1, 8, 1, 1),
    efficientnet_v2.Stage(True, 1, 8, 4, 2),
    efficientnet_v2.Stage(False, 2, 16, 4, 2),
)


def options(name):
    return Options(name, True, None, None, (SIZE, SIZE, 3), None, 2, "softmax")


NARROW = {
    "ConvNeXt": lambda: convnext._convnext(options("c"), (1, 1, 1, 1), (8, 8, 16, 16), True),
    "EfficientNetV2": lambda: efficientnet_v2._efficientnet_v2(
        options("e"), STAGES, 1.0, 1.0, SIZE, True
    ),
    "NASNet": lambda: nasnet._nasnet(options("n"), nasnet._Size(1, 96, 8, False, SIZE)),
    "ResNeXt": lambda: resnet.resnet(
        options("r"), partial(resnet.late_stride, groups=4, group_width=2), (1, 1, 1, 1)
    ),
    "ViT": lambda: vit._vit(options("v"), 8, 2, 16, 2),
    "UNet": lambda: lm.zoo.UNet(2, (SIZE, SIZE, 3), filters=4, depth=2, padding="same"),
    "GPT2": lambda: lm.zoo.GPT2(1, 16, 2, vocabulary=20, positions=SIZE, dropout=0.0),
}
# as published: trainable parameters of torchvision, all of Keras, transformers and the papers
COUNTS = {
    "ResNeXt50": (25_028_904, True),
    "ResNeXt101": (44_177_704, True),
    "ConvNeXtTiny": (28_589_128, False),
    "ConvNeXtSmall": (50_223_688, False),
    "EfficientNetV2B0": (7_200_312, False),
    "EfficientNetV2B1": (8_212_124, False),
    "EfficientNetV2B2": (10_178_374, False),
    "EfficientNetV2B3": (14_467_622, False),
    "EfficientNetV2S": (21_612_360, False),
    "InceptionResNetV2": (55_873_736, False),
    "NASNetMobile": (5_326_716, False),
    "ViTTi16": (5_717_416, False),
    "ViTS16": (22_050_664, False),
    "MiniLM": (22_713_216, False),
    "UNet": (31_030_658, False),
}
LARGE = {
    "ResNeXt101_32x8d": (88_791_336, True),
    "ResNeXt101_64x4d": (83_455_272, True),
    "ConvNeXtBase": (88_591_464, False),
    "ConvNeXtLarge": (197_767_336, False),
    "ConvNeXtXLarge": (350_196_968, False),
    "EfficientNetV2M": (54_431_388, False),
    "EfficientNetV2L": (119_027_848, False),
    "NASNetLarge": (88_949_818, False),
    "ViTB16": (86_567_656, False),
    "ViTB32": (88_224_232, False),
    "ViTL16": (304_326_632, False),
    "GPT2": (124_439_808, False),
    "GPT2Medium": (354_823_168, False),
    "BERT": (109_482_240, False),
    "BERTLarge": (335_141_888, False),
}


@pytest.mark.parametrize(
    "name", [*COUNTS, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)]
)
def test_numbers_of_parameters_are_as_published(name):
    expected, is_trainable = {**COUNTS, **LARGE}[name]
    arguments = {} if name in ("UNet", "GPT2", "BERT") else {"weights": None}
    model = getattr(lm.zoo, name)(**arguments)
    count = sum(v.size for v in model.trainable_weights) if is_trainable else model.count_params()
    assert count == expected


@pytest.fixture(scope="module", params=NARROW)
def narrow(request):
    lm.set_seed(0)
    return request.param, NARROW[request.param]()


def data(name):
    if name == "GPT2":
        tokens = RNG.integers(0, 20, (4, 9))
        return tokens[:, :-1], tokens[:, 1:]
    y = np.arange(4) % 2
    x = (RNG.normal(size=(4, SIZE, SIZE, 3)) * 40 + 120 * y[:, None, None, None]).astype("float32")
    return x, np.tile(y[:, None, None], (1, SIZE, SIZE)) if name == "UNet" else y


def test_training_lowers_the_loss(narrow):
    name, model = narrow
    x, y = data(name)
    loss = lm.losses.SparseCategoricalCrossentropy(from_logits=name == "GPT2")
    model.compile(lm.optimizers.Adam(1e-3), loss)
    losses = model.fit(x, y, batch_size=4, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_saved_network_gives_the_same_results(narrow, tmp_path):
    name, model = narrow
    x, _ = data(name)
    model.save(tmp_path / "m.lamina")
    again = lm.load_model(tmp_path / "m.lamina", compile=False)
    np.testing.assert_array_equal(again(x).numpy(), model(x).numpy())


def test_an_exported_network_gives_the_same_results(narrow, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    name, model = narrow
    x, _ = data(name)
    model.export(str(tmp_path / "m.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    given = session.get_inputs()[0]
    dtype = {"tensor(int32)": "int32", "tensor(int64)": "int64"}.get(given.type, "float32")
    (found,) = session.run(None, {given.name: np.asarray(x, dtype)})
    np.testing.assert_allclose(found, model(x).numpy(), atol=1e-4)


def test_bert_reads_padding_as_nothing():
    model = lm.zoo.BERT(1, 16, 2, 30, 16)
    ids = np.array([[4, 20, 7, 9]])
    mask = np.array([[1, 1, 1, 0]])
    inputs = {"token_ids": ids, "padding_mask": mask, "segment_ids": ids * 0}
    changed = {**inputs, "token_ids": np.array([[4, 20, 7, 3]])}
    first, second = model(inputs), model(changed)
    np.testing.assert_allclose(
        first["pooled_output"].numpy(), second["pooled_output"].numpy(), atol=1e-6
    )


@pytest.mark.slow
def test_inception_resnet_v2_is_exported(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = lm.zoo.InceptionResNetV2(weights=None, input_shape=(80, 80, 3), classes=5)
    model.export(str(tmp_path / "m.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    x = RNG.normal(size=(1, 80, 80, 3)).astype("float32")
    (found,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(found, model(x).numpy(), atol=1e-4)


class TestUNet:
    def test_valid_padding_classifies_the_middle(self):
        assert lm.zoo.UNet(filters=4).output_shape == (None, 388, 388, 2)

    def test_odd_sizes_are_refused(self):
        with pytest.raises(ShapeError, match="cannot be halved"):
            lm.zoo.UNet(input_shape=(30, 30, 1), padding="same")


class TestTransfer:
    def test_a_head_is_replaced(self):
        base = lm.zoo.MobileNetV2(weights=None, input_shape=(32, 32, 3), alpha=0.35)
        model = lm.zoo.replace_head(base, 5)
        assert model.output_shape == (None, 5)
        assert model.get_layer("Conv1").kernel is base.get_layer("Conv1").kernel
        features = lm.zoo.ResNet18(weights=None, include_top=False, input_shape=(32, 32, 3))
        assert lm.zoo.replace_head(features, 3).output_shape == (None, 3)
        with pytest.raises(ArgumentError, match="no graph of layers"):
            lm.zoo.replace_head(lm.Sequential([lm.layers.Dense(2)]), 3)

    def test_layers_before_a_name_are_frozen(self):
        model = lm.zoo.freeze(lm.zoo.LeNet5(), "c3")
        trainable = [layer.name for layer in model.layers if layer.trainable and layer.weights]
        assert trainable[0] == "c3"
        assert not model.get_layer("c1").trainable

    def test_the_first_stage_changes_the_head_only(self):
        model = lm.zoo.LeNet5(classes=2)
        x = RNG.normal(size=(8, 32, 32, 1)).astype("float32")
        y = np.arange(8) % 2
        before = [w.copy() for w in model.get_weights()]
        lm.zoo.fine_tune(model, x, y, epochs=(2, 0), verbose=0)
        same = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
        assert same == [True] * (len(same) - 2) + [False] * 2
        lm.zoo.fine_tune(model, x, y, epochs=(0, 2), verbose=0)
        same = [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
        assert not any(same)


class TestCatalog:
    def test_every_network_is_listed_with_paper_and_costs(self):
        functions = {"Costs", "Entry", "Detections", "Detector", "costs", "list"}
        functions |= {"fine_tune", "freeze", "replace_head"}
        entries = {entry.name: entry for entry in lm.zoo.list()}
        assert set(lm.zoo.__all__) - functions == set(entries)
        assert all(e.paper and e.parameters and e.flops and e.bytes for e in entries.values())

    @pytest.mark.parametrize("name", ["LeNet5", "MobileNetV2", "ViTTi16"])
    def test_costs_are_those_of_the_network(self, name):
        model = getattr(lm.zoo, name)(weights=None)
        assert lm.zoo.costs(model) == lm.zoo.list(name)[0][1:4]

    def test_operations_are_counted_as_in_the_papers(self):
        """Multiplications in millions: MobileNetV2 300, ResNet-50 3.8 thousand (Keras' strides)."""
        assert lm.zoo.list("MobileNetV2")[0].flops / 2e6 == pytest.approx(300, rel=0.01)
        assert lm.zoo.list("ResNet50")[0].flops / 2e6 == pytest.approx(3858, rel=0.01)

    def test_the_page_has_the_table_of_today(self):
        sys.path.insert(0, str(TOOLS))
        import write_zoo

        assert write_zoo.PAGE.read_text(encoding="utf-8") == write_zoo.page()

    def test_the_command_prints_a_table_or_one_network(self, capsys):
        assert main(["zoo", "MobileNetV3"]) == 0
        table = capsys.readouterr().out.splitlines()
        assert [line.split()[:2] for line in table[1:]] == [
            ["MobileNetV3Small", "2,554,968"],
            ["MobileNetV3Large", "5,507,432"],
        ]
        assert main(["zoo", "lenet5"]) == 0
        assert "61,706" in capsys.readouterr().out
        assert main(["zoo", "nothing"]) == 1

    def test_unknown_names_are_named(self):
        with pytest.raises(UnknownNameError, match="ResNet500"):
            lm.zoo.list("ResNet500")


def test_class_map_finds_the_place_that_decides():
    """A network whose logit is the mean of one channel, which is bright in one corner."""
    x = lm.Input((8, 8, 1))
    features = lm.layers.Conv2D(2, 1, use_bias=False, name="features")(x)
    y = lm.layers.Dense(2, "softmax")(lm.layers.GlobalAveragePooling2D()(features))
    model = lm.Model(x, y)
    model.layers[1].set_weights([np.float32([[[[1.0, -1.0]]]])])
    model.layers[-1].set_weights([np.float32([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2, "float32")])
    image = np.zeros((1, 8, 8, 1), "float32")
    image[0, 1:3, 5:7] = 3.0
    found = lm.plot.class_map(model, image, label=0)[0]
    np.testing.assert_allclose(found, image[0, :, :, 0] / 3.0, atol=1e-6)
    assert lm.plot.class_map(model, image, label=1)[0].max() == 0
    assert lm.plot.class_map(model, image).shape == (1, 8, 8)
    with pytest.raises(ShapeError, match="class_map"):
        lm.plot.class_map(model, image[0])
