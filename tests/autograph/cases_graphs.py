"""The operations that statements become."""

from harness import case, tf

c = tf.constant
Feature = tf.autograph.experimental.Feature
variable = tf.Variable([1.0, 2.0])


@case(c(3), graph=True)
def over_range(n):
    s = 0
    for i in tf.range(n):
        s += i
    return s


@case(graph=True)
def over_constant_range():
    s = 0
    for i in tf.range(2, 10, 3):
        s += i
    return s


@case(graph=True)
def over_falling_range():
    s = 0
    for i in tf.range(5, 0, -1):
        s += i
    return s


@case(c(3), graph=True)
def over_range_of_unknown_sign(n):
    s = 0
    for i in tf.range(5, 0, n):
        s += i
    return s


@case(c(3), graph=True)
def over_python_range(n):
    s = 0
    for i in range(n):
        s += i
    return s


@case(c([1.0, 2.0]), graph=True)
def over_rows(x):
    s = 0.0
    for v in x:
        s += v
    return s


@case(tf.TensorSpec([None]), graph=True)
def over_unknown_length(x):
    s = 0.0
    for v in x:
        s += v
    return s


@case(graph=True)
def over_variable():
    s = 0.0
    for v in variable:
        s += v
    return s


@case(c(3), graph=True)
def with_break(n):
    s = 0
    for i in tf.range(n):
        if i > 2:
            break
        s += i
    return s


@case(c(3), graph=True)
def while_loop(n):
    while n > 0:
        n -= 1
    return n


@case(c(3), graph=True)
def defined_in_loop(n):
    while n > 0:
        z = n * 2
        n -= 1
    return z


@case(c(3), graph=True)
def two_defined_in_loop(n):
    while n > 0:
        a = n
        b = (n, 2.0)
        n -= 1
    return a, b


@case(tf.TensorSpec([None, 2]), c(3), graph=True)
def unknown_shape_defined_in_loop(x, n):
    while n > 0:
        z = x
        n -= 1
    return z


@case(c(3), graph=True)
def none_before_loop(n):
    z = None
    for i in tf.range(n):
        z = i
    return z


@case(c(3), graph=True)
def if_else(n):
    if n > 2:
        y = n
    else:
        y = 1
    return y


@case(c(3), graph=True)
def returns(n):
    if n > 2:
        return n
    return 1


@case(c(3), graph=True)
def and_expression(n):
    return n > 1 and n < 3


@case(c(3), graph=True)
def or_expression(n):
    return n > 1 or n < 3


@case(c(3), graph=True)
def not_expression(n):
    return not n > 1


@case(c(3), graph=True)
def chained(n):
    return 1 < n < 5


@case(c(3), graph=True)
def conditional_expression(n):
    return n * 2 if n > 1 else 1


@case(tf.TensorSpec([None]), graph=True)
def length(x):
    return len(x)


@case(c([1.0]), graph=True)
def known_length(x):
    return len(x)


@case(c(3), graph=True)
def unrolled(x):
    for i in range(2):
        if i == 0:
            continue
        x = x + i
    return x


@case(c(3), graph=True)
def python_conditions(x, k=3):
    if k > 2:
        x = x * 2
    while k > 0:
        k -= 1
        x = x + 1
    return x


@case(c(3.0), graph=True)
def gradient_of_branch(x):
    if x > 2.0:
        y = x * x
    else:
        y = -x
    return tf.gradients(y, x)[0]


@case(c(3), graph=True, experimental_autograph_options=Feature.NAME_SCOPES)
def name_scopes(n):
    if n > 0:
        n = n * 2
    return n + 1


@case(c(3), graph=True, experimental_autograph_options=Feature.all_but(Feature.AUTO_CONTROL_DEPS))
def all_features(n):
    if n == 0:
        n = n * 2
    return n + 1


@case(c(3), graph=True)
def shape_invariants(n):
    s = tf.constant([0])
    for i in tf.range(n):
        tf.autograph.experimental.set_loop_options(
            shape_invariants=[(s, tf.TensorShape([None]))], maximum_iterations=5
        )
        s = tf.concat([s, [i]], 0)
    return s
