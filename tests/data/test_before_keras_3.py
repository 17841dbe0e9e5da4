"""ImageDataGenerator and Tokenizer: names before Keras 3, which warn and work."""

import numpy as np
import pytest

from lamina import keras
from lamina.errors import ArgumentError, StateError
from lamina.keras.preprocessing import text
from lamina.keras.preprocessing.image import ImageDataGenerator, save_img

pytestmark = pytest.mark.filterwarnings("ignore:.*older than Keras 3:DeprecationWarning")


class TestTokenizer:
    TEXTS = ("The cat sat on the mat.", "The dog ate my homework, the cat did not.")

    def test_words_are_numbered_by_frequency(self):
        tokenizer = text.Tokenizer(num_words=5, oov_token="<OOV>")
        tokenizer.fit_on_texts(self.TEXTS)
        assert tokenizer.word_index["the"] == 2 and tokenizer.word_index["cat"] == 3
        assert tokenizer.texts_to_sequences(["The cat barked"]) == [[2, 3, 1]]
        assert tokenizer.sequences_to_texts([[2, 3]]) == ["the cat"]
        again = text.tokenizer_from_json(tokenizer.to_json())
        assert again.texts_to_sequences(self.TEXTS) == tokenizer.texts_to_sequences(self.TEXTS)

    def test_matrices_have_a_column_for_each_number(self):
        tokenizer = text.Tokenizer()
        tokenizer.fit_on_texts(["a b", "a a c"])
        assert tokenizer.texts_to_matrix(["a a b"], "count").tolist() == [[0, 2, 1, 0]]
        assert tokenizer.texts_to_matrix(["a a b"]).tolist() == [[0, 1, 1, 0]]
        np.testing.assert_allclose(tokenizer.texts_to_matrix(["a b"], "freq"), [[0, 0.5, 0.5, 0]])
        assert tokenizer.texts_to_matrix(["a b"], "tfidf")[0, 1] == pytest.approx(np.log(1 + 2 / 3))
        with pytest.raises(StateError, match="fit_on_texts"):
            text.Tokenizer().texts_to_matrix(["a"])

    def test_hashes_are_the_same_in_every_run(self):
        assert text.one_hot("deep learning deep", 50) == text.hashing_trick(
            "deep learning deep", 50
        )
        assert text.hashing_trick("deep", 50, "md5") == [1 + _md5("deep") % 49]
        assert text.text_to_word_sequence("Hi, you-all") == ["hi", "you", "all"]

    def test_a_warning_states_todays_form(self):
        with pytest.warns(DeprecationWarning, match="TextVectorization"):
            text.Tokenizer()


def _md5(word):
    import hashlib

    return int(hashlib.md5(word.encode()).hexdigest(), 16)


class TestImages:
    def test_batches_of_arrays_train_a_model(self):
        x = np.random.default_rng(0).uniform(0, 255, (20, 8, 8, 3))
        generator = ImageDataGenerator(
            rescale=1 / 255, rotation_range=20, zoom_range=0.2, width_shift_range=0.2,
            height_shift_range=0.2, shear_range=10, horizontal_flip=True, validation_split=0.25,
        )  # fmt: skip
        train = generator.flow(x, np.arange(20) % 2, batch_size=4, seed=1, subset="training")
        held_out = generator.flow(x, np.arange(20) % 2, batch_size=4, subset="validation")
        assert (len(train), train.samples, held_out.samples) == (4, 15, 5)
        first = next(train)[0]
        assert first.shape == (4, 8, 8, 3) and 0 <= first.min() < first.max() <= 1
        train.reset()
        np.testing.assert_array_equal(next(train)[0], first)
        passes = [next(train) for _ in range(8)]
        assert not np.array_equal(passes[3][0], first)
        layers = [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]
        model = keras.Sequential(layers)
        model.compile("adam", "mse")
        history = model.fit(train, epochs=2, validation_data=held_out, verbose=0).history
        assert len(history["val_loss"]) == 2

    @pytest.mark.parametrize("shuffle", [True, False])
    def test_fit_changes_each_image_again_in_each_epoch_and_the_seed_repeats_it(self, shuffle):
        def seen(seed):
            images = []
            generator = ImageDataGenerator(
                channel_shift_range=50.0,
                preprocessing_function=lambda image: images.append(image.tobytes()) or image,
            )
            flow = generator.flow(
                np.zeros((6, 2, 2, 1)), np.zeros(6), batch_size=2, shuffle=shuffle, seed=seed
            )
            layers = [keras.Input((2, 2, 1)), keras.layers.Flatten(), keras.layers.Dense(1)]
            model = keras.Sequential(layers)
            model.compile("sgd", "mse")
            model.fit(flow, epochs=3, verbose=0)
            return images

        first = seen(4)
        assert len(first) == 18 and len(set(first)) == 18  # 6 images in 3 epochs
        assert set(seen(4)) == set(first) and set(seen(5)).isdisjoint(first)

    @pytest.mark.parametrize("mode", ["nearest", "constant", "reflect", "wrap"])
    def test_shifts_move_pixels_and_fill_the_rest(self, mode):
        image = np.arange(25.0).reshape(5, 5, 1)
        generator = ImageDataGenerator(fill_mode=mode, cval=-1.0)
        places = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0), indexing="ij"), axis=-1)
        moved = generator._sampled(image, places + np.asarray([1, 0]))[..., 0]
        np.testing.assert_array_equal(moved[:4], image[1:, :, 0])
        last = {"nearest": 20.0, "constant": -1.0, "reflect": 20.0, "wrap": 0.0}[mode]
        assert moved[4, 0] == last

    def test_folders_are_classes(self, tmp_path):
        for name, level in (("cats", 10), ("dogs", 200)):
            (tmp_path / name).mkdir()
            for k in range(3):
                save_img(tmp_path / name / f"{k}.png", np.full((6, 5, 3), level), scale=False)
        flow = ImageDataGenerator(rescale=1.0).flow_from_directory(
            tmp_path, target_size=(4, 4), batch_size=2, class_mode="binary", seed=3
        )
        assert flow.class_indices == {"cats": 0, "dogs": 1} and flow.samples == 6
        for x, y in (next(flow) for _ in range(3)):
            np.testing.assert_array_equal(x[:, 0, 0, 0] == 200, y == 1)
        single = ImageDataGenerator().flow_from_directory(tmp_path, class_mode=None, batch_size=6)
        assert next(single).shape == (6, 256, 256, 3)

    def test_featurewise_options_need_fit(self):
        generator = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
        x = np.random.default_rng(0).normal(5, 2, (50, 4, 4, 2))
        with pytest.raises(ArgumentError, match=r"call fit\(x\)"):
            generator.standardize(x[0])
        generator.fit(x)
        batch = next(generator.flow(x, batch_size=50))
        np.testing.assert_allclose(batch.mean(axis=(0, 1, 2)), 0, atol=1e-5)
        np.testing.assert_allclose(batch.std(axis=(0, 1, 2)), 1, atol=1e-4)

    def test_a_warning_states_todays_form(self):
        with pytest.warns(DeprecationWarning, match="RandomFlip"):
            ImageDataGenerator()
