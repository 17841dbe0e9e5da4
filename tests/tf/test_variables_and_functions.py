"""`tf.Variable`, checkpoints, `tf.function` and the names of namespaces."""

import re

import numpy as np
import pytest

import lamina.tf as tf
from lamina.errors import ArgumentError, FileFormatError, ShapeError
from lamina.tf import keras
from lamina.tf.keras import layers


@pytest.fixture(autouse=True)
def seed():
    tf.random.set_seed(1)


class TestVariables:
    def test_parts_of_a_variable_are_assigned(self):
        v = tf.Variable(tf.ones((3, 2)))
        v[0, 0].assign(3.0)
        v[1:, 1].assign_add([1.0, 2.0])
        assert v.numpy().tolist() == [[3.0, 1.0], [1.0, 2.0], [1.0, 3.0]]
        v.scatter_nd_update([[0, 1]], [9.0])
        assert v.assign_sub(tf.ones((3, 2))).numpy()[0].tolist() == [2.0, 8.0]
        assert isinstance(layers.Dense(1), layers.Layer) and isinstance(v, tf.Variable)
        with pytest.raises(ShapeError, match="assign_add of another shape"):
            v.assign_add(1.0)

    def test_a_module_finds_its_variables(self):
        class Net(tf.Module):
            def __init__(self):
                super().__init__(name="net")
                self.w = tf.Variable([[1.0]], name="w")
                self.steps = [tf.Variable(0, trainable=False)]
                self.inner = tf.Module()

        net = Net()
        assert net.trainable_variables == (net.w,) and len(net.variables) == 2
        assert net.submodules == (net.inner,) and net.name == "net"

    def test_a_checkpoint_restores_models_and_optimizers(self, tmp_path):
        def make():
            model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
            optimizer = keras.optimizers.Adam()
            step = tf.Variable(0)
            return model, optimizer, tf.train.Checkpoint(model=model, opt=optimizer, step=step)

        model, optimizer, checkpoint = make()
        manager = tf.train.CheckpointManager(checkpoint, tmp_path, max_to_keep=2)
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(model(tf.ones((1, 3))) ** 2)
            grads = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
            checkpoint.step.assign_add(1)
            manager.save()
        assert len(manager.checkpoints) == len(list(tmp_path.glob("*.safetensors"))) == 2
        other, other_optimizer, restored = make()
        restored.restore(tf.train.latest_checkpoint(tmp_path)).assert_consumed()
        assert restored.step.numpy() == 3
        for a, b in zip(optimizer.variables, other_optimizer.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
        np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])

    def test_damaged_checkpoints_and_notes_are_named_and_nothing_else_is_removed(self, tmp_path):
        folder = tmp_path / "a"
        checkpoint = tf.train.Checkpoint(step=tf.Variable(0))
        path = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2).save()
        file, note = folder / "ckpt-1.safetensors", folder / "checkpoint.json"
        assert sorted(each.name for each in folder.iterdir()) == [note.name, file.name]
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(FileFormatError, match=r"ckpt-1\.safetensors: is damaged"):
            checkpoint.restore(path)
        (tmp_path / "mine.safetensors").write_text("mine")
        for text in ('{"paths": ["../mine"]}', '{"paths": [3]}', "{", "[]"):
            note.write_text(text)
            with pytest.raises(FileFormatError, match=r"checkpoint\.json: is damaged"):
                tf.train.CheckpointManager(checkpoint, folder, max_to_keep=1)
        assert (tmp_path / "mine.safetensors").read_text() == "mine"


class TestFunction:
    def test_a_function_is_compiled_once_for_equal_shapes(self):
        traced = []

        @tf.function
        def f(x):
            traced.append(1)
            return x * 2.0

        assert f(tf.constant([1.0])).numpy() == 2.0 and f(tf.constant([2.0])).numpy() == 4.0
        assert len(traced) == 1
        f(tf.constant([1.0, 2.0]))
        assert len(traced) == 2

    def test_a_function_with_pythons_control_flow_runs_uncompiled_with_a_warning(self):
        @tf.function
        def f(x):
            return x + 1.0 if x > 0 else x - 1.0

        with pytest.warns(UserWarning, match=r"tf\.cond"):
            assert f(tf.constant(1.0)).numpy() == 2.0
        assert f(tf.constant(-1.0)).numpy() == -2.0

    def test_input_signatures_convert_and_check(self):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def f(x):
            return tf.reduce_sum(x)

        assert f([1, 2]).numpy() == 3.0
        with pytest.raises(ArgumentError, match="input_signature"):
            f([[1.0]])

    def test_methods_and_random_numbers_compile(self):
        class Model(tf.Module):
            def __init__(self):
                super().__init__()
                self.v = tf.Variable(0.0)

            @tf.function
            def add(self, x):
                self.v.assign_add(x)
                return tf.random.uniform(())

        one, two = Model(), Model()
        first = one.add(2.0)
        assert one.add(3.0).numpy() != first.numpy()
        assert (one.v.numpy(), two.v.numpy()) == (5.0, 0.0)


class TestNames:
    def test_a_missing_name_states_todays_form(self):
        for name, hint in [("Session", "tf.function"), ("placeholder", "keras.Input")]:
            with pytest.raises(AttributeError, match=re.escape(hint)):
                getattr(tf, name)
        with pytest.raises(AttributeError, match="did you mean 'reduce_mean'"):
            getattr(tf, "reduce_meann")  # noqa: B009
        with pytest.raises(AttributeError, match="sparse_softmax"):
            getattr(tf.nn, "nce_loss")  # noqa: B009

    def test_keras_is_the_same_under_both_names(self):
        import lamina.tf.keras.layers as theirs

        import lamina.keras.layers

        assert theirs is lamina.keras.layers and tf.keras is lamina.keras
        from lamina.tf.keras.layers import Dense

        from lamina.tf.keras import backend

        assert Dense is layers.Dense and backend is lamina.keras.backend

    def test_records_of_samples_are_read_back(self, tmp_path):
        path = str(tmp_path / "data.tfrecord")
        feature = {
            "id": tf.train.Feature(int64_list=tf.train.Int64List(value=[-3])),
            "name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"Alice"])),
            "x": tf.train.Feature(float_list=tf.train.FloatList(value=[1.5, 2.5])),
        }
        with tf.io.TFRecordWriter(path) as writer:
            for _ in range(2):
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())
        wanted = {
            "id": tf.io.FixedLenFeature([], tf.int64, default_value=0),
            "name": tf.io.FixedLenFeature([], tf.string),
            "x": tf.io.VarLenFeature(tf.float32),
        }
        data = tf.data.TFRecordDataset([path]).batch(2)
        parsed = tf.io.parse_example(next(iter(data)), wanted)
        assert parsed["id"].numpy().tolist() == [-3, -3]
        assert parsed["name"].numpy().tolist() == [b"Alice"] * 2
        assert tf.sparse.to_dense(parsed["x"]).numpy().tolist() == [[1.5, 2.5]] * 2
