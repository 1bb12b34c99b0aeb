"""Further programs: what becomes of returns and missing values in loops, features, variables."""

import functools
import sys

from harness import case, tf

c = tf.constant
Feature = tf.autograph.experimental.Feature


@case(c(3))
def return_always_in_loop(n):
    while n > 0:
        return n
    return -n


@case(c(-1))
def return_always_in_loop_that_does_not_run(n):
    while n > 0:
        return n
    return -n


@case(c(3))
def return_in_both_branches_in_loop(n):
    while n > 0:
        n -= 1
        if n > 1:
            return n
        else:
            return n * 2
    return -n


@case(c(3))
def return_in_loop_without_other(n):
    while n > 0:
        n -= 1
        if n > 1:
            return n


@case(c(3))
def return_in_for(n):
    for i in tf.range(n):
        return i


@case(c(3))
def return_under_python_condition_in_loop(n, flag=True):
    while n > 0:
        n -= 1
        if flag:
            return n
    return n


@case(c(0))
def two_defined_in_loop_that_does_not_run(n):
    while n > 0:
        a = n
        b = (n, 2.0)
        n -= 1
    return a, b


@case(
    c([[1.0, 2.0]]), c(3), input_signature=[tf.TensorSpec([None, 2]), tf.TensorSpec([], tf.int32)]
)
def unknown_shape_defined_in_loop(x, n):
    while n > 0:
        z = x
        n -= 1
    return z


@case(c([[1.0, 2.0]]), c(3), input_signature=[tf.TensorSpec(None), tf.TensorSpec([], tf.int32)])
def unknown_rank_defined_in_loop(x, n):
    while n > 0:
        z = x
        n -= 1
    return z


@case(c(3))
def none_stays_by_python_condition(n):
    z = None
    flag = False
    while n > 0:
        if flag:
            z = n
        n -= 1
    return n if z is None else z


@case(c(3))
def none_stays(n):
    z = None
    while n > 0:
        z = None
        n -= 1
    return z


@case(c(3))
def becomes_none(n):
    z = n
    while n > 0:
        z = None
        n -= 1
    return z


@case(c(3))
def deleted_and_made_again(n):
    z = n
    while n > 0:
        n -= z
        del z
        z = n
    return n


@case(c(3))
def deleted(n):
    z = n
    while n > 0:
        n -= z
        del z
    return n


@case(c(3))
def object_defined_in_loop(n):
    while n > 0:
        z = set
        n -= 1
    return z


@case(c(3))
def string_defined_in_loop(n):
    while n > 0:
        z = "s"
        n -= 1
    return z


@case(c(3))
def dtype_changes_in_structure(n):
    s = (1, 2)
    while n > 0:
        s = (1, 2.0)
        n -= 1
    return s


@case(c(3))
def error_in_loop_that_defines(n):
    while n > 0:
        z = tf.reshape(n, [7])
        n -= 1
    return z


@case(c(1.0), c(3))
def rank_changes(x, n):
    while n > 0:
        x = tf.expand_dims(x, 0)
        n -= 1
    return x


@case(c([1.0]), c(3), input_signature=[tf.TensorSpec([None]), tf.TensorSpec([], tf.int32)])
def shape_becomes_unknown(x, n):
    y = tf.zeros([1])
    while n > 0:
        y = x
        n -= 1
    return y


@case(c([1.0]), c(3), input_signature=[tf.TensorSpec([None]), tf.TensorSpec([], tf.int32)])
def shape_becomes_known(x, n):
    while n > 0:
        x = tf.zeros([1])
        n -= 1
    return x


@case(c(3))
def invariants_of_structure(n):
    s = (c([0]), c(1))
    while n > 0:
        tf.autograph.experimental.set_loop_options(
            shape_invariants=[(s, (tf.TensorShape([None]), tf.TensorShape([])))]
        )
        s = (tf.concat([s[0], [1]], 0), s[1])
        n -= 1
    return s


@case(c(3))
def invariants_of_another_tensor(n):
    s = c([0])
    while n > 0:
        tf.autograph.experimental.set_loop_options(
            shape_invariants=[(c(5), tf.TensorShape([None]))]
        )
        s = tf.concat([s, [1]], 0)
        n -= 1
    return s


@case(c(3))
def invariant_not_kept(n):
    s = tf.zeros([1, 2])
    while n > 0:
        tf.autograph.experimental.set_loop_options(
            shape_invariants=[(s, tf.TensorShape([None, 2]))]
        )
        s = tf.zeros([1, 3])
        n -= 1
    return s


@case(c(3))
def invariant_too_narrow(n):
    s = tf.zeros([1, 2])
    while n > 0:
        tf.autograph.experimental.set_loop_options(shape_invariants=[(s, tf.TensorShape([5, 2]))])
        s = tf.zeros([1, 2])
        n -= 1
    return s


eager = c(True)
numbers = c([1.0, 2.0])
flag_variable = tf.Variable(True)
count = tf.Variable(3)
total = tf.Variable(0)
vector = tf.Variable([1.0, 2.0])


@case(c(3))
def eager_condition(n):
    if eager:
        n = n + 1
    else:
        raise ValueError("both branches are traced")
    return n


@case()
def over_eager():
    s = 0.0
    for v in numbers:
        s += v
    return s


@case()
def over_variable():
    s = 0.0
    for v in vector:
        s += v
    return s


@case()
def variable_condition():
    if flag_variable:
        return 1
    else:
        return 2


@case()
def variable_counts():
    while count > 0:
        count.assign_sub(1)
    return count.read_value()


@case(c(1))
def variable_assigned_in_branch(x):
    if x > 0:
        total.assign_add(5)
    else:
        total.assign_add(7)
    return total.read_value()


@case(c(1))
def print_in_loop(n):
    for i in tf.range(3):
        if i > 5:
            tf.print(i)
    return n


@case(c(1))
def iterator(n):
    it = iter([n, 2])
    return next(it)


@case(c([1, 2, 3]))
def over_tensor_array(x):
    a = tf.TensorArray(tf.int32, 3)
    a = a.unstack(x)
    s = 0
    for v in a:
        s += v
    return s


@case(c(3), experimental_autograph_options=Feature.EQUALITY_OPERATORS)
def equality(x):
    if x == 3:
        return 1
    else:
        return 2


@case(c(3), experimental_autograph_options=Feature.EQUALITY_OPERATORS)
def inequality(x):
    return 1 if x != 3 else 2


@case(c(5), experimental_autograph_options=Feature.ASSERT_STATEMENTS)
def assertion_holds(x):
    assert x > 3, "message"
    return x


@case(c(3), experimental_autograph_options=Feature.ASSERT_STATEMENTS)
def assertion_fails(x):
    assert x > 3, "message"
    return x


@case(c(3), experimental_autograph_options=Feature.ASSERT_STATEMENTS)
def assertion_without_text(x):
    assert x > 3
    return x


@case(c(3), experimental_autograph_options=(Feature.ASSERT_STATEMENTS,))
def python_assertion(x):
    assert x is None, "x"
    return x


@case(c(3), experimental_autograph_options=Feature.BUILTIN_FUNCTIONS)
def printing(x):
    print("v", x, 3, sep="|", file=sys.stderr)
    print("python only")
    return x


@case(c(3), experimental_autograph_options=Feature.LISTS)
def lists(n):
    items = []
    for i in range(3):
        items.append(i)
    return items


@case(c(3), experimental_autograph_options=Feature.ALL)
def everything(n):
    assert n > 2, "n"
    if n != 4:
        n = n * 2
    return n + 1


@case(c(3), experimental_autograph_options=Feature.all_but(Feature.LISTS))
def all_but_lists(n):
    items = [1, 2]
    items.append(n)
    return tf.stack(items)


class Callable:
    def __call__(self, x):
        if x > 0:
            return x * 2
        else:
            return x

    def method(self, x):
        if x > 0:
            return x * 3
        else:
            return x


case(c(3))(Callable().method)


def two(y, x):
    if x > y:
        return x
    return y


@case(c(3))
def partial_of_partial(n):
    return functools.partial(functools.partial(two, n), x=4)()


@case(c(3))
def lambdas_on_a_line(n):
    fs = [lambda x: x + 1 if x > 0 else x, lambda x: x - 1 if x > 0 else x]
    return fs[0](n), fs[1](n)


def step(a, k):
    if k > 2:
        a = a + k
    return a


def single(k):
    if k > 2:
        k = k * 10
    return k


@case(c([1, 3]))
def scan_global(x):
    return tf.scan(step, x)


@case(c([1, 3]))
def foldr_global(x):
    return tf.foldr(step, x)


@case(c([1, 3]))
def vectorized_map_global(x):
    return tf.vectorized_map(single, x)


@case(c([1, 3]))
def map_global(x):
    return tf.map_fn(single, x)


@case(c(3))
def custom_gradient_inside(x):
    @tf.custom_gradient
    def f(k):
        if k > 2:
            k = k * 10
        return k, lambda d: d

    return f(x)


@case(c(3))
def recompute_grad_global(x):
    return tf.recompute_grad(single)(x)


@case(c(0))
def switch_case(x):
    return tf.switch_case(x, [lambda: single(x + 5), lambda: x])


@case(c(3))
def case_of_lambdas(x):
    return tf.case([(x > 1, lambda: single(x))], default=lambda: x)


@case(c(3))
def py_function(x):
    return tf.py_function(single, [x], tf.int32)


@case(c(3))
def function_inside(x):
    @tf.function
    def inner(k):
        if k > 2:
            return k * 10
        return k

    return inner(x) + inner(x + 1)


@case(c(3))
def class_inside(x):
    class Inner:
        def f(self, k):
            if k > 2:
                return k * 10
            return k

    return Inner().f(x)


@case(c(3))
def matched(n):
    match n:
        case None:
            return 0
        case _:
            return n


@case(c(3))
def async_inside(n):
    async def f():
        return n

    if n > 2:
        n = n + 1
    return n


@case(c(3))
def star_expression(n):
    a, *rest = [n, 1, 2]
    if a > 2:
        a = a + rest[1]
    return [*rest, a]


@case(c(3))
def many_targets(n):
    a = b = n
    if n > 2:
        a = b = n + 1
    return a + b


@case(c(3))
def annotated(n: "tf.Tensor", k: int = 2) -> "tf.Tensor":
    y: int = k
    if n > 2:
        y = n + k
    return y


@case(c(3))
def keyword_only(n, *, k=2):
    if n > 2:
        return n + k
    return n


@case(c(3))
def formatted_string(n):
    s = f"{n.dtype.name}"
    if n > 2:
        return n + len(s)
    return n


@case(c(3))
def try_in_loop(n):
    s = 0
    for i in tf.range(n):
        try:
            s += i
        except ValueError:
            s -= 1
    return s


@case(c(3))
def with_in_loop(n):
    s = 0
    for i in tf.range(n):
        with tf.name_scope("inside"):
            s += i
    return s


@case(c(3))
def continue_in_while(n):
    s = 0
    while n > 0:
        n -= 1
        if n == 1:
            continue
        s += n
    return s


@case(c(3))
def break_in_both(n):
    s = 0
    while n > 0:
        n -= 1
        if n == 1:
            break
        else:
            s += 1
            if s > 10:
                break
    return s, n


@case(c(4))
def primes(n):
    found = tf.TensorArray(tf.int32, size=n)
    k = 0
    i = 2
    while k < n:
        prime = True
        j = 2
        while j * j <= i:
            if i % j == 0:
                prime = False
                break
            j += 1
        if prime:
            found = found.write(k, i)
            k += 1
        i += 1
    return found.stack()


@case(c([[True]]))
def one_element_condition(b):
    if b:
        return 1
    return 2


@case(c([True, False]))
def vector_condition_of_loop(b):
    while b:
        b = tf.logical_not(b)
    return b


@case(c(27))
def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps
