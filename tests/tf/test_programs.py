"""Programs of lectures and books that use TensorFlow directly: each runs for a few steps."""

import re
import string

import numpy as np
import pytest

import lamina.tf as tf
from lamina.tf import keras
from lamina.tf.keras import layers


@pytest.fixture(autouse=True)
def seed():
    tf.random.set_seed(1)


def blobs(count=100):
    rng = np.random.default_rng(0)
    covariance = [[1, 0.5], [0.5, 1]]
    low = rng.multivariate_normal([0, 3], covariance, count)
    high = rng.multivariate_normal([3, 0], covariance, count)
    inputs = np.vstack((low, high)).astype(np.float32)
    return inputs, np.vstack((np.zeros((count, 1)), np.ones((count, 1)))).astype("float32")


def test_a_linear_classifier_learns_two_blobs():
    inputs, targets = blobs()
    w = tf.Variable(initial_value=tf.random.uniform(shape=(2, 1)))
    b = tf.Variable(initial_value=tf.zeros(shape=(1,)))

    def training_step(inputs, targets):
        with tf.GradientTape() as tape:
            predictions = tf.matmul(inputs, w) + b
            loss = tf.reduce_mean(tf.square(targets - predictions))
        gradient_w, gradient_b = tape.gradient(loss, [w, b])
        w.assign_sub(gradient_w * 0.1)
        b.assign_sub(gradient_b * 0.1)
        return loss

    losses = [float(training_step(inputs, targets)) for _ in range(40)]
    assert losses[-1] < 0.05 < losses[0]
    predictions = tf.matmul(inputs, w) + b
    assert np.mean((predictions.numpy() > 0.5) == targets) > 0.95


def test_dense_layers_from_scratch_learn_digits():
    class NaiveDense:
        def __init__(self, input_size, output_size, activation):
            self.activation = activation
            self.W = tf.Variable(
                tf.random.uniform((input_size, output_size), minval=0, maxval=1e-1)
            )
            self.b = tf.Variable(tf.zeros((output_size,)))

        def __call__(self, inputs):
            return self.activation(tf.matmul(inputs, self.W) + self.b)

        @property
        def weights(self):
            return [self.W, self.b]

    model = [NaiveDense(64, 32, tf.nn.relu), NaiveDense(32, 10, tf.nn.softmax)]
    images = np.random.default_rng(0).uniform(size=(64, 64)).astype("float32")
    labels = np.arange(64) % 10
    optimizer = keras.optimizers.SGD(learning_rate=1e-2)

    def step():
        x = images
        with tf.GradientTape() as tape:
            for layer in model:
                x = layer(x)
            losses = keras.losses.sparse_categorical_crossentropy(labels, x)
            average_loss = tf.reduce_mean(losses)
        weights = [w for layer in model for w in layer.weights]
        gradients = tape.gradient(average_loss, weights)
        optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return average_loss

    losses = [float(step()) for _ in range(8)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("compiled", [False, True])
def test_a_training_and_evaluation_loop_with_metrics(compiled):
    inputs = keras.Input(shape=(20,))
    features = layers.Dropout(0.5)(layers.Dense(16, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(2, activation="softmax")(features))
    loss_fn = keras.losses.SparseCategoricalCrossentropy()
    optimizer = keras.optimizers.RMSprop()
    metrics = [keras.metrics.SparseCategoricalAccuracy()]
    loss_tracking_metric = keras.metrics.Mean()

    def train_step(inputs, targets):
        with tf.GradientTape() as tape:
            predictions = model(inputs, training=True)
            loss = loss_fn(targets, predictions)
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        logs = {}
        for metric in metrics:
            metric.update_state(targets, predictions)
            logs[metric.name] = metric.result()
        loss_tracking_metric.update_state(loss)
        logs["loss"] = loss_tracking_metric.result()
        return logs

    train_step = tf.function(train_step) if compiled else train_step
    x = np.random.default_rng(0).normal(size=(128, 20)).astype("float32")
    y = (x[:, 0] > 0).astype("int64")
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)
    seen = []
    for _ in range(3):
        for metric in [*metrics, loss_tracking_metric]:
            metric.reset_state()
        for inputs_batch, targets_batch in data:
            logs = train_step(inputs_batch, targets_batch)
        seen.append(float(logs["loss"]))
    assert seen[-1] < seen[0]


def test_a_model_with_its_own_train_step():
    loss_tracker = keras.metrics.Mean(name="loss")

    class CustomModel(keras.Model):
        def train_step(self, data):
            inputs, targets = data
            with tf.GradientTape() as tape:
                predictions = self(inputs, training=True)
                loss = tf.reduce_mean(tf.square(targets - predictions))
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            loss_tracker.update_state(loss)
            return {"loss": loss_tracker.result()}

        @property
        def metrics(self):
            return [loss_tracker]

    inputs, targets = blobs()
    entry = keras.Input(shape=(2,))
    model = CustomModel(entry, layers.Dense(1)(entry))
    model.compile(optimizer=keras.optimizers.Adam(0.05))
    history = model.fit(inputs, targets, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_a_variational_autoencoder():
    class Sampler(layers.Layer):
        def call(self, z_mean, z_log_var):
            batch_size, z_size = tf.shape(z_mean)[0], tf.shape(z_mean)[1]
            epsilon = tf.random.normal(shape=(batch_size, z_size))
            return z_mean + tf.exp(0.5 * z_log_var) * epsilon

    entry = keras.Input(shape=(12,))
    x = layers.Dense(8, activation="relu")(entry)
    encoder = keras.Model(entry, [layers.Dense(2)(x), layers.Dense(2)(x)])
    latent = keras.Input(shape=(2,))
    decoder = keras.Model(latent, layers.Dense(12, activation="sigmoid")(latent))

    class VAE(keras.Model):
        def __init__(self, encoder, decoder, **kwargs):
            super().__init__(**kwargs)
            self.encoder, self.decoder, self.sampler = encoder, decoder, Sampler()
            self.total_loss_tracker = keras.metrics.Mean(name="total_loss")
            self.kl_loss_tracker = keras.metrics.Mean(name="kl_loss")

        @property
        def metrics(self):
            return [self.total_loss_tracker, self.kl_loss_tracker]

        def train_step(self, data):
            with tf.GradientTape() as tape:
                z_mean, z_log_var = self.encoder(data)
                reconstruction = self.decoder(self.sampler(z_mean, z_log_var))
                reconstruction_loss = tf.reduce_mean(
                    keras.losses.binary_crossentropy(data, reconstruction)
                )
                kl_loss = -0.5 * (1 + z_log_var - tf.square(z_mean) - tf.exp(z_log_var))
                total_loss = reconstruction_loss + 0.01 * tf.reduce_mean(kl_loss)
            gradients = tape.gradient(total_loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            self.total_loss_tracker.update_state(total_loss)
            self.kl_loss_tracker.update_state(kl_loss)
            return {m.name: m.result() for m in self.metrics}

    data = np.random.default_rng(0).uniform(size=(64, 12)).astype("float32") > 0.5
    vae = VAE(encoder, decoder)
    vae.compile(optimizer=keras.optimizers.Adam(0.02))
    history = vae.fit(data.astype("float32"), epochs=4, batch_size=32, verbose=0).history
    assert set(history) == {"total_loss", "kl_loss"}
    assert history["total_loss"][-1] < history["total_loss"][0]


def test_a_generative_adversarial_network():
    discriminator = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten()]
    )
    discriminator.add(layers.Dense(1, activation="sigmoid"))
    generator = keras.Sequential([keras.Input((4,)), layers.Dense(64), layers.Reshape((8, 8, 1))])

    class GAN(keras.Model):
        def __init__(self, discriminator, generator, latent_dim):
            super().__init__()
            self.discriminator, self.generator = discriminator, generator
            self.latent_dim = latent_dim
            self.d_loss_metric = keras.metrics.Mean(name="d_loss")
            self.g_loss_metric = keras.metrics.Mean(name="g_loss")

        def compile(self, d_optimizer, g_optimizer, loss_fn):
            super().compile()
            self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer
            self.loss_fn = loss_fn

        @property
        def metrics(self):
            return [self.d_loss_metric, self.g_loss_metric]

        def train_step(self, real_images):
            batch_size = tf.shape(real_images)[0]
            noise = tf.random.normal(shape=(batch_size, self.latent_dim))
            generated_images = self.generator(noise)
            combined_images = tf.concat([generated_images, real_images], axis=0)
            labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
            labels += 0.05 * tf.random.uniform(tf.shape(labels))
            with tf.GradientTape() as tape:
                predictions = self.discriminator(combined_images)
                d_loss = self.loss_fn(labels, predictions)
            grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
            self.d_optimizer.apply_gradients(
                zip(grads, self.discriminator.trainable_weights, strict=True)
            )
            noise = tf.random.normal(shape=(batch_size, self.latent_dim))
            with tf.GradientTape() as tape:
                predictions = self.discriminator(self.generator(noise))
                g_loss = self.loss_fn(tf.zeros((batch_size, 1)), predictions)
            grads = tape.gradient(g_loss, self.generator.trainable_weights)
            self.g_optimizer.apply_gradients(
                zip(grads, self.generator.trainable_weights, strict=True)
            )
            self.d_loss_metric.update_state(d_loss)
            self.g_loss_metric.update_state(g_loss)
            return {"d_loss": self.d_loss_metric.result(), "g_loss": self.g_loss_metric.result()}

    gan = GAN(discriminator, generator, 4)
    gan.compile(
        d_optimizer=keras.optimizers.Adam(learning_rate=1e-4),
        g_optimizer=keras.optimizers.Adam(learning_rate=1e-4),
        loss_fn=keras.losses.BinaryCrossentropy(),
    )
    images = np.random.default_rng(0).uniform(size=(32, 8, 8, 1)).astype("float32")
    before = generator.get_weights()[0].copy()
    history = gan.fit(images, epochs=2, batch_size=16, verbose=0).history
    assert np.isfinite([*history["d_loss"], *history["g_loss"]]).all()
    assert (generator.get_weights()[0] != before).any()


def convnet():
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="first")(inputs)
    return keras.Model(inputs, layers.Conv2D(4, 3, name="second")(x))


def test_deep_dream_climbs_the_activations_of_a_layer():
    model = convnet()
    extractor = keras.Model(model.inputs, {"first": model.get_layer("first").output})

    @tf.function
    def gradient_ascent_step(image, learning_rate):
        with tf.GradientTape() as tape:
            tape.watch(image)
            features = extractor(image)
            loss = tf.reduce_mean(tf.square(features["first"][:, 2:-2, 2:-2, :]))
        grads = tape.gradient(loss, image)
        grads = tf.math.l2_normalize(grads)
        return loss, image + learning_rate * grads

    image = tf.image.resize(tf.random.uniform((1, 20, 24, 3)), (16, 18))
    losses = []
    for _ in range(4):
        loss, image = gradient_ascent_step(image, 0.5)
        losses.append(float(loss))
    assert losses == sorted(losses) and losses[-1] > losses[0]


def test_style_transfer_moves_an_image_variable():
    extractor = convnet()

    def gram_matrix(x):
        x = tf.transpose(x, (2, 0, 1))
        features = tf.reshape(x, (tf.shape(x)[0], -1))
        return tf.matmul(features, tf.transpose(features))

    base, style = tf.random.uniform((1, 12, 12, 3)), tf.random.uniform((1, 12, 12, 3))
    combination = tf.Variable(base)
    optimizer = keras.optimizers.SGD(
        keras.optimizers.schedules.ExponentialDecay(0.5, decay_steps=10, decay_rate=0.96)
    )

    def compute_loss(combination_image):
        features = extractor(tf.concat([base, style, combination_image], axis=0))
        content = tf.reduce_sum(tf.square(features[2] - features[0]))
        difference = gram_matrix(features[1]) - gram_matrix(features[2])
        return 1e-3 * content + 1e-4 * tf.reduce_sum(tf.square(difference))

    losses = []
    for _ in range(6):
        with tf.GradientTape() as tape:
            loss = compute_loss(combination)
        grads = tape.gradient(loss, combination)
        optimizer.apply_gradients([(grads, combination)])
        losses.append(float(loss))
    assert losses[-1] < losses[0]


def test_class_activation_maps_take_the_gradient_of_a_layers_output():
    model = convnet()
    head = keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dense(3)])
    image = tf.random.uniform((1, 10, 10, 3))
    with tf.GradientTape() as tape:
        last_conv_layer_output = model(image)
        tape.watch(last_conv_layer_output)
        preds = head(last_conv_layer_output)
        top_pred_index = tf.argmax(preds[0])
        top_class_channel = preds[:, int(top_pred_index)]
    grads = tape.gradient(top_class_channel, last_conv_layer_output)
    pooled_grads = tf.reduce_mean(grads, axis=(0, 1, 2)).numpy()
    assert pooled_grads.shape == (4,) and pooled_grads.any()


def test_translation_texts_are_standardized_by_tf_strings():
    strip_chars = (string.punctuation + "¿").replace("[", "").replace("]", "")

    def custom_standardization(input_string):
        lowercase = tf.strings.lower(input_string)
        return tf.strings.regex_replace(lowercase, f"[{re.escape(strip_chars)}]", "")

    source = layers.TextVectorization(max_tokens=50, output_sequence_length=6)
    target = layers.TextVectorization(
        max_tokens=50, output_sequence_length=7, standardize=custom_standardization
    )
    english, spanish = ["Hello, world!", "Good day"], ["[start] ¿Hola, mundo! [end]"] * 2
    source.adapt(english)
    target.adapt(spanish)
    assert "[start]" in target.get_vocabulary() and "hola" in target.get_vocabulary()

    def format_dataset(eng, spa):
        eng, spa = source(eng), target(spa)
        return {"english": eng, "spanish": spa[:, :-1]}, spa[:, 1:]

    dataset = tf.data.Dataset.from_tensor_slices((english, spanish)).batch(2)
    dataset = dataset.map(format_dataset, num_parallel_calls=4).shuffle(2048).prefetch(16).cache()
    inputs, targets = next(iter(dataset))
    assert inputs["spanish"].shape == targets.shape == (2, 6)
    eng, spa = keras.Input((None,), name="english"), keras.Input((None,), name="spanish")
    encoded = layers.GRU(4)(layers.Embedding(50, 4, mask_zero=True)(eng))
    decoded = layers.GRU(4, return_sequences=True)(
        layers.Embedding(50, 4, mask_zero=True)(spa), initial_state=encoded
    )
    model = keras.Model([eng, spa], layers.Dense(50, activation="softmax")(decoded))
    model.compile(optimizer="rmsprop", loss="sparse_categorical_crossentropy")
    assert np.isfinite(model.fit(dataset, epochs=1, verbose=0).history["loss"][0])


def test_a_causal_mask_and_positions_inside_layers():
    class Positions(layers.Layer):
        def __init__(self, length, dim):
            super().__init__()
            self.tokens, self.positions = layers.Embedding(20, dim), layers.Embedding(length, dim)

        def call(self, inputs):
            length = tf.shape(inputs)[-1]
            return self.tokens(inputs) + self.positions(tf.range(start=0, limit=length, delta=1))

    def causal(size):
        i, j = tf.range(size)[:, tf.newaxis], tf.range(size)
        return tf.cast(i >= j, dtype="int32")

    assert causal(3).numpy().tolist() == [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    assert Positions(5, 3)(tf.constant([[1, 2, 3]])).shape == (1, 3, 3)


def test_shapes_joined_of_open_extents_repeat_a_mask():
    class Mask(layers.Layer):
        def call(self, inputs):
            batch, length = tf.shape(inputs)[0], tf.shape(inputs)[1]
            mask = tf.cast(tf.range(length)[:, tf.newaxis] >= tf.range(length), "int32")
            ones = tf.constant([1, 1], dtype=tf.int32)
            times = tf.concat([tf.expand_dims(batch, -1), ones], axis=0)
            return tf.tile(tf.reshape(mask, (1, length, length)), times)

    entry = keras.Input((None, 4))
    found = keras.Model(entry, Mask()(entry)).predict(np.zeros((2, 3, 4)), verbose=0)
    assert found.tolist() == [[[1, 0, 0], [1, 1, 0], [1, 1, 1]]] * 2


def test_text_generation_samples_from_probabilities():
    predictions = tf.math.log(tf.constant([[0.1, 0.7, 0.2]])) / 0.5
    drawn = tf.random.categorical(predictions, num_samples=2000)
    assert drawn.shape == (1, 2000) and drawn.dtype == tf.int64
    shares = np.bincount(drawn.numpy()[0], minlength=3) / 2000
    np.testing.assert_allclose(shares, [0.0185, 0.907, 0.074], atol=0.03)


def test_windows_of_a_series_feed_a_recurrent_network():
    series = tf.range(40, dtype=tf.float32) / 40
    windows = tf.data.Dataset.from_tensor_slices(series).window(6, shift=1, drop_remainder=True)
    data = windows.flat_map(lambda window: window.batch(6)).map(lambda w: (w[:-1], w[-1]))
    data = data.map(lambda x, y: (tf.expand_dims(x, -1), y)).shuffle(100, seed=1).batch(8)
    model = keras.Sequential([keras.Input((None, 1)), layers.LSTM(4), layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(data, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
