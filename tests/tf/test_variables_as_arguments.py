"""`tf.function` with Variables among its arguments, to which it assigns."""

import lamina.tf as tf


@tf.function
def step(x, w, b):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - 1.0))
    for variable, gradient in zip((w, b), tape.gradient(loss, (w, b)), strict=True):
        variable.assign_sub(0.1 * gradient)
    return loss


def test_a_function_assigns_to_variables_that_are_its_arguments():
    x = tf.ones((4, 2))
    w, b = tf.Variable(tf.zeros((2, 1))), tf.Variable(tf.zeros((1,)))
    losses = [float(step(x, w, b)) for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]
    other = tf.Variable(tf.zeros((2, 1)))
    assert float(step(x, other, b)) != losses[0]
    assert float(tf.reduce_sum(other)) > 0
