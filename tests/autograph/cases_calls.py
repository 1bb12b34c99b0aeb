"""Calls: what is converted with the function, and builtins on tensors."""

import collections
import functools
import math

import numpy as np
from harness import case, tf

c = tf.constant


def helper(n):
    if n > 2:
        return n * 10
    return n


def plain_helper(n):
    return helper(n)


def recursive(n, depth):
    if depth == 0:
        return n
    if n > 0:
        n = n - 1
    return recursive(n, depth - 1)


class Model:
    factor = 3

    def __init__(self):
        self.v = 0

    def h(self, n):
        if n > 2:
            return n * self.factor
        return n

    def __call__(self, n):
        if n > 2:
            return n + 1
        return n

    @property
    def prop(self):
        return self.factor

    @staticmethod
    def static(n):
        if n > 2:
            return n + 2
        return n

    @classmethod
    def made(cls, n):
        if n > 2:
            return n * cls.factor
        return n

    def __private(self, n):
        return n * 2

    def call_private(self, n):
        return self.__private(n)


class Child(Model):
    def h(self, n):
        if n > 100:
            return n
        return super().h(n) + 1

    def two(self, n):
        if n > 1:
            y = super().h(n)
        else:
            y = n
        return y


model = Model()
child = Child()
table = {"h": helper, "m": model.h}


def twice(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return f(*args, **kwargs) * 2

    return wrapper


@twice
def decorated(n):
    if n > 2:
        return n + 5
    return n


@tf.function
def compiled(n):
    if n > 2:
        return n + 6
    return n


@tf.autograph.experimental.do_not_convert
def untouched(n):
    if n > 2:
        return n + 7
    return n


@tf.custom_gradient
def custom(n):
    if n > 2:
        y = n * 2
    else:
        y = n

    return y, lambda d: d


@case(c(4))
def global_function(n):
    return helper(n)


@case(c(4))
def through_plain_function(n):
    return plain_helper(n)


@case(c(4))
def recursion(n):
    return recursive(n, 3)


@case(c(4))
def nested_function(n):
    def g(k):
        if k > 2:
            return k * 10
        return k

    return g(n)


@case(c(4))
def lambda_inside(n):
    f = lambda t: t * 2 if t > 3 else t  # noqa: E731
    return f(n)


@case(c(4))
def method(n):
    return model.h(n)


@case(c(4))
def method_of_new_object(n):
    return Model().h(n)


@case(c(4))
def callable_object(n):
    return model(n)


@case(c(4))
def static_method(n):
    return model.static(n) + Model.static(n)


@case(c(4))
def class_method(n):
    return Model.made(n)


@case(c(4))
def private_method(n):
    return model.call_private(n)


@case(c(4))
def super_method(n):
    return child.h(n)


@case(c(4))
def super_in_branch(n):
    return child.two(n)


@case(c(4))
def from_table(n):
    return table["h"](n) + table["m"](n)


@case(c(4))
def function_argument(n):
    def apply(f, x):
        return f(x)

    return apply(helper, n)


@case(c(4))
def partial(n):
    return functools.partial(helper, n)()


@case(c(4))
def keyword_arguments(n):
    def g(a, *rest, b=2, **more):
        if a > 2:
            return a + b + rest[0] + more["d"]
        return a

    return g(n, 5, d=7) + g(n, *[1], **{"d": 1, "b": 4})


@case(c(4))
def decorated_function(n):
    return decorated(n)


@case(c(4))
def compiled_function(n):
    return compiled(n)


@case(c(4))
def not_converted(n):
    return untouched(n)


@case(c(4))
def map_fn(n):
    return tf.map_fn(helper, tf.stack([n, n - 3]))


@case(c(4))
def while_loop_functions(n):
    def test(k):
        return k > 1

    def body(k):
        if k > 2:
            k = k - 1
        else:
            k = k - 2
        return [k]

    return tf.while_loop(test, body, [n])


def global_body(k):
    if k > 2:
        k = k - 1
    else:
        k = k - 2
    return [k]


@case(c(4))
def while_loop_global_function(n):
    return tf.while_loop(lambda k: k > 1, global_body, [n])


@case(c(4))
def cond_global_function(n):
    return tf.cond(n > 2, functools.partial(helper, n), lambda: n)


@case(c(4))
def cond_lambda(n):
    return tf.cond(n > 2, lambda: helper(n), lambda: n)


@case(c([4, 1]))
def vectorized_map(n):
    return tf.vectorized_map(lambda k: k * 2, n)


@case(c([4, 1]))
def scan(n):
    def step(a, k):
        if k > 2:
            return a + k
        return a

    return tf.scan(step, n)


@case(c([4, 1]))
def foldl_global(n):
    return tf.foldl(fold_step, n)


def fold_step(a, k):
    if k > 2:
        return a + k
    return a - k


@case(c(4.0))
def custom_gradient(n):
    return custom(n)


@case(c([1.0, 2.0]))
def length(x):
    return len(x) * 2


@case(c([1.0, 2.0]), input_signature=[tf.TensorSpec([None])])
def length_unknown(x):
    return len(x) * 2


@case(c(1.0))
def length_of_scalar(x):
    return len(x)


@case(c([1.0]), input_signature=[tf.TensorSpec(None)])
def length_of_unknown_rank(x):
    return len(x)


@case(c(4.7))
def to_int(x):
    return int(x)


@case(c(4))
def to_float(x):
    return float(x)


@case(c(4))
def to_bool(x):
    return bool(x > 2)


@case(c(-4.5))
def absolute(x):
    return abs(x)


@case(c(4.5))
def maximum(x):
    return max(x, 2.0)


@case(c([4.5]))
def minimum_of_tensor(x):
    return min(x)


@case(c([4, 5]))
def sum_of_tensor(x):
    return sum(x)


@case(c(4))
def sum_of_list(n):
    return sum([n, n, 1])


@case(c([True, False]))
def any_of_tensor(x):
    return any(x)


@case(c([True, False]))
def all_of_tensor(x):
    return all(x)


@case(c(True))
def any_of_list(b):
    return any([b, b])


@case(c([3, 1, 2]))
def sorted_tensor(x):
    return sorted(x)


@case(c([3, 1, 2]))
def map_over_tensor(x):
    return list(map(lambda k: k + 1, x))


@case(c(4))
def map_helper(n):
    return list(map(helper, [n, n]))


@case(c(4))
def power_and_round(n):
    return pow(n, 2), round(2.5)


@case(c(4))
def math_function(n):
    return n * math.floor(2.5)


@case(c(4))
def isinstance_of_tensor(n):
    if isinstance(n, tf.Tensor):
        return n
    return 0


@case(c(4))
def numpy_function(n):
    return n * np.sum([1, 2])


@case(c(4))
def numpy_on_tensor(n):
    return np.sum(n)


@case(c(4))
def print_tensor(n):
    print(n)
    return n


@case(c(4))
def constructor(n):
    Point = collections.namedtuple("Point", "x y")
    p = Point(n, n + 1)
    if n > 2:
        p = Point(n, n)
    return p.y


@case(c(4))
def string_method(n):
    return "a,b".split(",")[0] + str(n.dtype.name)


@case(c(4))
def closure_of_loop(n):
    fs = [lambda k, j=j: k + j if k > 2 else k for j in range(2)]
    return fs[0](n) + fs[1](n)


@case(c(4))
def nonlocal_variable(n):
    total = 0

    def add(k):
        nonlocal total
        if k > 2:
            total = total + k

    add(n)
    add(n)
    return total


counter = 0


@case(c(4))
def global_variable(n):
    global counter
    counter = 0
    if n > 2:
        counter = n
    return counter


@case(c(4))
def generator(n):
    def items():
        yield n
        yield n + 1

    return sum(items())


def global_generator(n):
    yield n
    yield n + 1


@case(c(4))
def generator_outside(n):
    s = 0
    for k in global_generator(n):
        s += k
    return s


@case(c(4))
def docstring(n):
    """With a docstring."""
    if n > 2:
        n = n + 1
    return n


@case(c(4))
def local_import(n):
    import math as m

    if n > m.floor(2.5):
        return n
    return 0


@case(c(4))
def try_except(n):
    try:
        y = helper("text")
    except TypeError:
        y = n
    return y


@case(c(4))
def raise_in_branch(n):
    if n > 2:
        raise ValueError("raised while tracing")
    return n


@case(c(4))
def vars_of_locals(n):
    k = 2
    return n * locals()["k"]


@case(c(4))
def evaluation(n):
    return eval("n + 1")


@case(c(4))
def autograph_off(n):
    return off(n)


@tf.function(autograph=False)
def off(n):
    return helper(n)


@case(c(4))
def unhashable_callable(n):
    class Callable:
        __hash__ = None

        def __call__(self, k):
            if k > 2:
                return k
            return k * 2

    return Callable()(n)


@case(c(4))
def cached_function(n):
    return lru(3) + n


@functools.lru_cache
def lru(k):
    return k + 1 if k > 2 else k
