"""AutoGraph: control flow of Python on tensors inside tf.function."""

import pytest

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


# --- return inside loops, which TensorFlow does not take -----------------------------------------


@tf.function
def first_above(xs, limit):
    for i in tf.range(tf.shape(xs)[0]):
        x = xs[i]
        if x > limit:
            return x * x, i
        elif x < 0.0:
            return -x, -i
    return limit, -1


@tf.function
def find(table, wanted):
    for i in tf.range(tf.shape(table)[0]):
        for j in tf.range(tf.shape(table)[1]):
            if table[i, j] == wanted:
                return tf.stack([i, j])
    return tf.constant([-1, -1])


@tf.function
def only_in_loop(n):
    while n > 0:
        n -= 2
        if n == 2:
            return n * 10


@tf.function
def with_work_after(n):
    total = 0
    for i in tf.range(n):
        if i > 3:
            return total
        total += i
    total = total + 100
    if total > 104:
        return total
    return -total


class Searcher:
    def search(self, xs):
        for x in xs:
            if self.fits(x):
                return x
        return tf.constant(0.0)

    def fits(self, x):
        if x > 2.0:
            return x < 5.0
        return False


def test_return_in_loop():
    xs = tf.constant([1.0, 2.0, 5.0, -7.0, 6.0])
    assert [t.numpy() for t in first_above(xs, 3.0)] == [25.0, 2]
    assert [t.numpy() for t in first_above(xs, 9.0)] == [7.0, -3]
    assert [t.numpy() for t in first_above(xs[:2], 9.0)] == [9.0, -1]
    assert [t.numpy() for t in first_above(xs[:0], 9.0)] == [9.0, -1]


def test_gradient_of_return_in_loop():
    xs = tf.constant([1.0, 2.0, 5.0, -7.0, 6.0])
    with tf.GradientTape() as tape:
        tape.watch(xs)
        y, _ = first_above(xs, tf.constant(3.0))
    assert tape.gradient(y, xs).numpy().tolist() == [0.0, 0.0, 10.0, 0.0, 0.0]


def test_return_in_nested_loops():
    table = tf.constant([[1, 2, 3], [4, 5, 6]])
    assert find(table, tf.constant(6)).numpy().tolist() == [1, 2]
    assert find(table, tf.constant(1)).numpy().tolist() == [0, 0]
    assert find(table, tf.constant(7)).numpy().tolist() == [-1, -1]


def test_function_that_may_end_without_return():
    assert only_in_loop(tf.constant(6)).numpy() == 20
    for n in (5, 0):
        with pytest.raises(tf.errors.InvalidArgumentError, match="must return a value in the end"):
            only_in_loop(tf.constant(n))


def test_return_in_loop_with_work_after():
    assert with_work_after(tf.constant(9)).numpy() == 6
    assert with_work_after(tf.constant(4)).numpy() == 106
    assert with_work_after(tf.constant(2)).numpy() == -101


def test_return_in_loop_of_method():
    search = tf.function(Searcher().search)
    assert search(tf.constant([1.0, 6.0, 3.0, 4.0])).numpy() == 3.0
    assert search(tf.constant([1.0, 6.0])).numpy() == 0.0


def test_returns_that_differ():
    @tf.function
    def f(n):
        for i in tf.range(n):
            if i > 1:
                return 1.0
        return n

    with pytest.raises(TypeError, match="'retval_' has dtype int32 in the main branch, but dtype"):
        f(tf.constant(3))

    @tf.function
    def g(n):
        for i in tf.range(n):
            if i > 1:
                return None
        return n

    with pytest.raises(ValueError, match="'retval_' is None at the end of the main"):
        g(tf.constant(3))


def test_errors_in_loops_that_return_keep_their_line():
    def f(x):
        for i in tf.range(3):
            if i > 1:
                return x
            x = tf.reshape(x, [7])
        return x

    with pytest.raises(ValueError, match=r"x = tf.reshape\(x, \[7\]\)\n\n    ValueError: Cannot"):
        tf.function(f)(tf.zeros([3]))
