"""Models from ONNX files: called, compiled, trained, saved; damaged and hostile files."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import (
    ArgumentError,
    FileFormatError,
    LaminaError,
    ShapeError,
    TracedValueError,
    UnknownNameError,
)
from lamina.onnx.messages import (
    FunctionProto,
    GraphProto,
    ModelProto,
    OperatorSetIdProto,
    StringStringEntryProto,
    TensorProto,
    attribute,
)
from lamina.onnx.tensors import array_of
from onnx_graphs import model, node, port, written

RNG = np.random.default_rng(0)


def weights(*shape):
    return (RNG.normal(size=shape) / np.sqrt(shape[0])).astype("float32")


def mlp(batch="batch"):
    constants = {"w1": weights(4, 8), "b1": weights(8), "w2": weights(8, 3)}
    nodes = [
        node("Gemm", ["x", "w1", "b1"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "w2"], ["y"]),
    ]
    return model(nodes, [port("x", [batch, 4])], ["y"], constants), constants


def reference(constants, x):
    return np.maximum(x @ constants["w1"] + constants["b1"], 0) @ constants["w2"]


def convnet():
    """A convolution, pooling, and a Reshape whose shape is computed from that of the input."""
    constants = {"k": weights(8, 1, 3, 3), "w": weights(8 * 4 * 4, 2), "zero": np.array(0)}
    constants |= {"axes": np.array([0]), "rest": np.array([-1])}
    nodes = [
        node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1]),
        node("Relu", ["c"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Shape", ["p"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Unsqueeze", ["n", "axes"], ["n1"]),
        node("Concat", ["n1", "rest"], ["target"], axis=0),
        node("Reshape", ["p", "target"], ["flat"]),
        node("MatMul", ["flat", "w"], ["y"]),
    ]
    return model(nodes, [port("x", ["batch", 1, 8, 8])], ["y"], constants)


def recurrent():
    constants = {"w": weights(1, 32, 5), "r": weights(1, 32, 8), "d": weights(8, 2)}
    constants |= {"b": weights(1, 64)}
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        node("LSTM", ["t", "w", "r", "b"], ["", "h"], hidden_size=8),
        node("Squeeze", ["h", "axes"], ["last"]),
        node("MatMul", ["last", "d"], ["y"]),
    ]
    constants["axes"] = np.array([0])
    return model(nodes, [port("x", ["batch", "time", 5])], ["y"], constants)


class TestUse:
    def test_a_loaded_model_predicts_any_batch_size(self, tmp_path):
        proto, constants = mlp()
        loaded = lm.onnx.load(written(proto, tmp_path))
        for n in (1, 5, 70):
            x = RNG.normal(size=(n, 4)).astype("float32")
            np.testing.assert_allclose(loaded.predict(x, verbose=0), reference(constants, x), 1e-5)

    def test_inputs_are_given_by_order_or_by_name(self, tmp_path):
        nodes = [node("Sub", ["a", "b"], ["y"])]
        proto = model(nodes, [port("a", [2]), port("b", [2])], ["y"])
        loaded = lm.onnx.load(written(proto, tmp_path))
        a, b = np.array([3.0, 4.0], "float32"), np.array([1.0, 1.0], "float32")
        assert loaded([a, b]).tolist() == loaded({"b": b, "a": a}).tolist() == [2.0, 3.0]
        assert loaded.input_names == ["a", "b"] and loaded.output_names == ["y"]
        with pytest.raises(ArgumentError, match="no data for the inputs \\['b'\\]"):
            loaded({"a": a})

    def test_shapes_computed_by_nodes_stay_open_in_compiled_programs(self, tmp_path):
        loaded = lm.onnx.load(written(convnet(), tmp_path))
        x = RNG.normal(size=(9, 1, 8, 8)).astype("float32")
        whole = loaded.predict(x, batch_size=4, verbose=0)
        np.testing.assert_allclose(whole, loaded(x).numpy(), 1e-5, 1e-6)

    @pytest.mark.parametrize(
        "proto", [mlp()[0], convnet(), recurrent()], ids=["mlp", "cnn", "lstm"]
    )
    def test_a_loaded_model_is_trained_further_saved_and_loaded(self, proto, tmp_path):
        loaded = lm.onnx.load(written(proto, tmp_path))
        shape = {2: (32, 4), 4: (32, 1, 8, 8), 3: (32, 6, 5)}
        rank = len(proto.graph.input[0].type.tensor_type.shape.dim)
        x = RNG.normal(size=shape[rank]).astype("float32")
        classes = loaded(x).shape[-1]
        y = RNG.integers(0, classes, 32)
        loss = lm.losses.SparseCategoricalCrossentropy(from_logits=True)
        loaded.compile(lm.optimizers.Adam(1e-2), loss)
        before = loaded.evaluate(x, y, verbose=0)
        loaded.fit(x, y, epochs=30, verbose=0)
        assert loaded.evaluate(x, y, verbose=0) < 0.8 * before
        loaded.save(tmp_path / "again.lamina")
        again = lm.load_model(tmp_path / "again.lamina")
        np.testing.assert_array_equal(again.predict(x, verbose=0), loaded.predict(x, verbose=0))

    def test_weights_of_layers_are_trained_and_statistics_are_not(self, tmp_path):
        names = ["scale", "bias", "mean", "variance"]
        constants = {name: np.ones(3, "float32") for name in names}
        nodes = [node("BatchNormalization", ["x", *names], ["y"])]
        loaded = lm.onnx.load(
            written(model(nodes, [port("x", [None, 3])], ["y"], constants), tmp_path)
        )
        assert [w.name for w in loaded.trainable_weights] == ["scale", "bias"]
        assert [w.name for w in loaded.non_trainable_weights] == ["mean", "variance"]

    def test_a_shape_that_depends_on_data_works_eagerly_and_is_explained_in_predict(self, tmp_path):
        nodes = [node("NonZero", ["x"], ["y"])]
        loaded = lm.onnx.load(written(model(nodes, [port("x", [None])], ["y"]), tmp_path))
        x = np.array([0.0, 2.0, 3.0], "float32")
        assert loaded(x).tolist() == [[1, 2]]
        with pytest.raises(TracedValueError, match=r"NonZero depends on data") as caught:
            loaded.predict(x, verbose=0)
        assert "model(x)" in str(caught.value)

    def test_functions_of_the_file_are_evaluated_with_their_attributes(self, tmp_path):
        inner = node("LeakyRelu", ["a"], ["b"])
        inner.attribute = [attribute("alpha", 0.0)]
        inner.attribute[0].ref_attr_name = "slope"
        function = FunctionProto(
            name="Leaky",
            domain="own",
            input=["a"],
            output=["b"],
            attribute=["slope"],
            node=[inner],
            opset_import=[OperatorSetIdProto(version=21)],
        )
        nodes = [node("Leaky", ["x"], ["y"], domain="own", slope=0.5)]
        proto = model(nodes, [port("x", [2])], ["y"], functions=[function])
        proto.opset_import.append(OperatorSetIdProto(domain="own", version=1))
        loaded = lm.onnx.load(written(proto, tmp_path))
        assert loaded(np.array([-2.0, 2.0], "float32")).tolist() == [-1.0, 2.0]

    def test_a_condition_computed_by_the_program_chooses_a_branch(self, tmp_path):
        branches = {}
        for name, kind in (("then_branch", "Neg"), ("else_branch", "Abs")):
            inner = model([node(kind, ["x"], ["z"])], [], ["z"]).graph
            branches[name] = inner
        constants = {"limit": np.float32(0)}
        nodes = [
            node("ReduceSum", ["x"], ["s"], keepdims=0),
            node("Less", ["s", "limit"], ["c"]),
            node("If", ["c"], ["y"], **branches),
        ]
        loaded = lm.onnx.load(written(model(nodes, [port("x", [3])], ["y"], constants), tmp_path))
        run = lm.compile(loaded)
        assert run(np.array([-1.0, -2.0, 1.0], "float32")).tolist() == [1.0, 2.0, -1.0]
        assert run(np.array([-1.0, 2.0, 1.0], "float32")).tolist() == [1.0, 2.0, 1.0]


class TestMistakes:
    def test_all_missing_operators_are_named_at_once(self, tmp_path):
        nodes = [node("Nonsense", ["x"], ["a"]), node("Other", ["a"], ["y"], domain="com.own")]
        with pytest.raises(UnknownNameError, match=r"Nonsense \(version 21\), com\.own\.Other"):
            lm.onnx.load(written(model(nodes, [port("x")], ["y"]), tmp_path))

    def test_an_error_names_the_node_and_its_operands(self, tmp_path):
        nodes = [node("MatMul", ["x", "w"], ["y"])]
        nodes[0].name = "/head/matmul"
        proto = model(nodes, [port("x", [2, 3])], ["y"], {"w": weights(4, 5)})
        loaded = lm.onnx.load(written(proto, tmp_path))
        with pytest.raises(ShapeError) as caught:
            loaded(np.zeros((2, 3), "float32"))
        assert any("MatMul '/head/matmul'" in note for note in caught.value.__notes__)

    def test_an_unknown_attribute_is_named(self, tmp_path):
        nodes = [node("Relu", ["x"], ["y"], slope=0.5)]
        with pytest.raises(UnknownNameError, match="attribute 'slope'"):
            lm.onnx.load(written(model(nodes, [port("x")], ["y"]), tmp_path))

    def test_a_value_that_no_node_computes_is_named(self, tmp_path):
        nodes = [node("Relu", ["missing"], ["y"])]
        loaded = lm.onnx.load(written(model(nodes, [port("x")], ["y"]), tmp_path))
        with pytest.raises(FileFormatError, match="needs 'missing'"):
            loaded(np.zeros(2, "float32"))

    def test_the_number_of_axes_of_an_input_is_checked(self, tmp_path):
        loaded = lm.onnx.load(written(mlp()[0], tmp_path))
        with pytest.raises(ShapeError, match="'x' has the shape"):
            loaded(np.zeros((2, 4, 1), "float32"))

    def test_other_files_are_refused(self, tmp_path):
        path = tmp_path / "model.onnx"
        for content in (b"", b"PK\x03\x04 a zip", b"\x89HDF\r\n", b"plain text", bytes(100)):
            path.write_bytes(content)
            with pytest.raises(FileFormatError, match=r"model\.onnx: not an ONNX file"):
                lm.onnx.load(path)


class TestHostileFiles:
    def test_values_outside_of_the_folder_are_refused(self, tmp_path):
        (tmp_path / "secret").write_bytes(bytes(16))
        folder = tmp_path / "inner"
        folder.mkdir()
        (folder / "link").symlink_to(tmp_path / "secret")
        for place in ("../secret", str(tmp_path / "secret"), "link", "", "."):
            entry = StringStringEntryProto(key="location", value=place)
            tensor = TensorProto(
                name="w", dims=[4], data_type=1, data_location=1, external_data=[entry]
            )
            proto = model([node("Add", ["x", "w"], ["y"])], [port("x", [4])], ["y"])
            proto.graph.initializer = [tensor]
            with pytest.raises(FileFormatError, match="expected a file of"):
                lm.onnx.load(written(proto, folder))

    def test_values_in_a_file_of_the_same_folder_are_read(self, tmp_path):
        values = np.arange(6, dtype="<f4")
        (tmp_path / "w.bin").write_bytes(bytes(8) + values.tobytes())
        about = {"location": "w.bin", "offset": "8", "length": "16"}
        entries = [StringStringEntryProto(key=k, value=v) for k, v in about.items()]
        tensor = TensorProto(
            name="w", dims=[4], data_type=1, data_location=1, external_data=entries
        )
        proto = model([node("Add", ["x", "w"], ["y"])], [port("x", [4])], ["y"])
        proto.graph.initializer = [tensor]
        loaded = lm.onnx.load(written(proto, tmp_path))
        assert loaded(np.zeros(4, "float32")).tolist() == [0.0, 1.0, 2.0, 3.0]

    @pytest.mark.parametrize("dims", [[2**40, 2**40], [-1], [2**62], [3]])
    def test_declared_sizes_are_checked_before_memory_is_taken(self, dims, tmp_path):
        proto = model([node("Add", ["x", "w"], ["y"])], [port("x", [4])], ["y"])
        proto.graph.initializer = [TensorProto(name="w", dims=dims, data_type=1, raw_data=bytes(4))]
        with pytest.raises(FileFormatError):
            lm.onnx.load(written(proto, tmp_path))

    def test_a_function_that_calls_itself_is_refused(self, tmp_path):
        again = node("Again", ["a"], ["b"], domain="own")
        function = FunctionProto(
            name="Again", domain="own", input=["a"], output=["b"], node=[again]
        )
        proto = model([node("Again", ["x"], ["y"], domain="own")], [port("x")], ["y"])
        proto.functions = [function]
        with pytest.raises(FileFormatError, match="calls itself"):
            lm.onnx.load(written(proto, tmp_path))

    def test_deeply_nested_branches_are_refused(self, tmp_path):
        inner = GraphProto(node=[node("Neg", ["x"], ["z"])])
        for _ in range(60):
            inner = GraphProto(node=[node("If", ["c"], ["z"], then_branch=inner)])
        proto = model(inner.node, [port("x"), port("c")], ["z"])
        with pytest.raises(FileFormatError, match="levels"):
            lm.onnx.load(written(proto, tmp_path))

    def test_mutated_files_are_errors_and_not_crashes(self, tmp_path):
        path = tmp_path / "model.onnx"
        x = np.zeros((2, 1, 8, 8), "float32")
        content = convnet().write()
        outcomes = {"loaded": 0, "refused": 0}
        for k in range(300):
            bytes_ = bytearray(content)
            for place in RNG.integers(0, len(content), 1 + k % 4):
                bytes_[place] = RNG.integers(0, 256)
            path.write_bytes(bytes_[: RNG.integers(0, len(content))] if k % 5 == 0 else bytes_)
            try:
                lm.onnx.load(path)(x)
                outcomes["loaded"] += 1
            except LaminaError:
                outcomes["refused"] += 1
        assert outcomes["refused"] > 20 and sum(outcomes.values()) == 300


def test_a_model_is_written_as_it_was_read():
    content = convnet().write()
    assert ModelProto.read(content) == convnet().__class__.read(content)
    assert ModelProto.read(content).write() == content


NARROW = ["FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ", "FLOAT8E8M0",
          "FLOAT4E2M1", "INT4", "UINT4", "INT2", "UINT2"]  # fmt: skip


@pytest.mark.parametrize("name", NARROW)
def test_narrow_numbers_are_read_as_wider_ones_of_the_same_values(name):
    onnx = pytest.importorskip("onnx", minversion="1.20")
    code = getattr(onnx.TensorProto, name, None)
    if code is None:
        pytest.skip(f"this onnx has no {name}")
    count = 255  # not a whole number of bytes for the narrowest
    bits = {"FLOAT4E2M1": 4, "INT4": 4, "UINT4": 4, "INT2": 2, "UINT2": 2}.get(name, 8)
    content = bytes((37 * k) % 256 for k in range(-(-count * bits // 8)))
    tensor = onnx.TensorProto(data_type=code, dims=[count], raw_data=content)
    found = array_of(TensorProto.read(tensor.SerializeToString()))
    expected = onnx.numpy_helper.to_array(tensor).astype(found.dtype)
    np.testing.assert_array_equal(found, expected)
