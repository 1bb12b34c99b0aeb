"""AutoGraph: control flow of Python on tensors inside tf.function."""

import wengert as tf


@tf.function
def absolute(x):
    if x > 0.0:
        return x
    return -x


@tf.function
def power(x, n):
    result = tf.constant(1.0)
    for _ in tf.range(n):
        result = result * x
    return result


@tf.function
def halve(x):
    count = tf.constant(0)
    while x > 1.0 and count < 100:
        x = x / 2.0
        count += 1
    return x, count


@tf.function
def until_negative(xs):
    total = tf.constant(0.0)
    for x in xs:
        if x < 0.0:
            break
        total += x
    return total


def test_if_returns():
    assert absolute(tf.constant(-3.0)).numpy() == 3.0
    assert absolute(tf.constant(2.0)).numpy() == 2.0


def test_if_gradient():
    x = tf.constant(-3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = absolute(x)
    assert tape.gradient(y, x).numpy() == -1.0


def test_for_over_range_and_its_gradient():
    x = tf.constant(2.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = power(x, tf.constant(3))
    assert y.numpy() == 8.0
    assert tape.gradient(y, x).numpy() == 12.0


def test_while():
    x, count = halve(tf.constant(10.0))
    assert x.numpy() == 0.625
    assert count.numpy() == 4


def test_break():
    assert until_negative(tf.constant([1.0, 2.0, -1.0, 5.0])).numpy() == 3.0
    assert until_negative(tf.constant([1.0, 2.0])).numpy() == 3.0


def test_helper_with_control_flow():
    def helper(x):
        if x > 0.0:
            return x
        return -x

    @tf.function
    def outer(x):
        return helper(x) * 2.0

    assert outer(tf.constant(-3.0)).numpy() == 6.0
