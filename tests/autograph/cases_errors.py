"""Errors raised while a function is traced: their text names the user's files and lines."""

from harness import case, tf

c = tf.constant
v = c([1.0, 2.0, 3.0])


def branch(x):
    if tf.reduce_sum(x) > 0.0:
        y = tf.matmul(x, x)
    else:
        y = x
    return y


def plain(x):
    y = x * 2.0
    return tf.reshape(y, [7])


class Layer:
    def __call__(self, x):
        while tf.reduce_sum(x) > 0.0:
            x = x + tf.ones([7])
        return x


@tf.function
def inner(x):
    z = x * 2.0
    return branch(z)


class UserError(Exception):
    def __init__(self, code, text):
        super().__init__(code, text)
        self.code = code


@case(v)
def in_branch(x):
    z = x * 2.0
    return branch(z)


@case(v)
def in_loop_of_object(x):
    layer = Layer()
    return layer(x)


@case(v)
def in_plain_function(x):
    if x[0] > 0.0:
        x = plain(x)
    return x


@case(v)
def in_function_without_control_flow(x):
    return plain(x)


@case(v)
def in_inner_function(x):
    return inner(x)


@case(v)
def in_for(x):
    for _ in tf.range(3):
        x = tf.concat(
            [x, x],
            0,
        )
    return x


@case(v)
def in_statement_of_many_lines(x):
    # fmt: off
    y = (
        x
        + x
        + tf.ones([2])
    )
    # fmt: on
    return y


@case(v)
def key_error(x):
    d = {}
    return d["k"]


@case(v)
def key_error_in_branch(x):
    d = {}
    if x[0] > 0.0:
        x = d["k"]
    return x


@case(v)
def attribute_error(x):
    return x.nothing


@case(v)
def name_error(x):
    return nothing(x)  # noqa: F821


@case(v)
def in_lambda(x):
    return tf.map_fn(lambda t: nothing, x)  # noqa: F821


@case(v)
def not_implemented(x):
    raise NotImplementedError("later")


@case(v)
def stop_iteration(x):
    raise StopIteration("a")


@case(v)
def assertion(x):
    assert False, "no"  # noqa: PT015


@case(v)
def assertion_without_text(x):
    raise AssertionError


@case(v)
def op_error(x):
    raise tf.errors.InvalidArgumentError(None, None, "text")


@case(v)
def many_lines(x):
    raise ValueError("first\nsecond")


@case(v)
def zero_division(x):
    return x * (1 // 0)


@case(v)
def caught_and_raised(x):
    try:
        return plain(x)
    except ValueError as e:
        raise RuntimeError("wrapped") from e


@case(v)
def caught(x):
    try:
        return plain(x)
    except ValueError as e:
        return str(e)[:24]


@case(v)
def nested_loops(x):
    for i in tf.range(3):
        while x[0] > 0.0:
            if i > 2:
                x = tf.reshape(x, [7])
    return x


@case(v)
def in_inner_def(x):
    def g(t):
        return tf.reshape(t, [7])

    y = x + 1.0
    return g(y)


@case(v)
def in_decorated(x):
    return untouched(x)


@tf.autograph.experimental.do_not_convert
def untouched(x):
    return plain(x)


@case(v)
def wrong_arguments(x):
    return plain(x, x)


@case(v)
def wrong_arguments_of_op(x):
    return tf.reshape(x)


@case(v, autograph=False)
def without_autograph(x):
    return plain(x)


@case(v)
def in_conditional_expression(x):
    return tf.reshape(x, [7]) if x[0] > 0.0 else x


@case(v)
def in_logical_operator(x):
    if x[0] > 0.0 and tf.reshape(x, [7])[0] > 0.0:
        return x
    return x * 2.0


@case(v)
def in_loop_condition(x):
    while tf.reduce_sum(tf.reshape(x, [7])) > 0.0:
        x = x - 1.0
    return x


@case(v)
def in_iterated(x):
    for i in tf.range(tf.reshape(x, [7])):
        x = x - 1.0
    return x


@case(v)
def in_comprehension(x):
    return [tf.reshape(x, [k]) for k in (3, 7)]


@case(v)
def caught_in_converted(x):
    try:
        y = tf.reshape(x, [7])
    except ValueError as e:
        y = x
        n = len(str(e)) > 5
    if x[0] > 0.0 and n:
        y = y * 2.0
    return y


@case(v)
def raised_again(x):
    if x[0] > 0.0:
        try:
            return plain(x)
        except ValueError as e:
            raise TypeError("wrapped") from e
    return x
