"""Conditionals: statements, expressions, logical operators."""

from harness import case, tf

c = tf.constant


@case(c(3))
def one_branch_returns(n):
    if n > 5:
        return n


@case(c(3))
def returns_none_in_one_branch(n):
    if n > 5:
        return n
    else:
        return None


@case(c(3))
def returns_nothing_in_one_branch(n):
    if n > 5:
        return n
    else:
        return


@case(c(3))
def returns_none_in_both(n):
    if n > 5:
        return None
    return None


@case(c(3))
def dtypes_differ(n):
    if n > 1:
        y = 1
    else:
        y = 1.0
    return y


@case(c(3))
def structures_differ(n):
    if n > 1:
        y = (1, 2)
    else:
        y = 1
    return y


@case(c(3))
def lengths_differ(n):
    if n > 1:
        y = (1, 2)
    else:
        y = (1, 2, 3)
    return y


@case(c(3))
def structure_types_differ(n):
    if n > 1:
        y = (1, 2)
    else:
        y = [1, 2]
    return y


@case(c(3))
def keys_differ(n):
    if n > 1:
        y = {"a": 1}
    else:
        y = {"b": 1}
    return y


@case(c(3))
def shapes_differ(n):
    if n > 1:
        y = tf.zeros([2])
    else:
        y = tf.zeros([3])
    return y, tf.shape(y)


@case(c(3))
def none_before(n):
    y = None
    if n > 1:
        y = n
    return y


@case(c(3))
def none_in_else(n):
    if n > 1:
        y = n
    else:
        y = None
    return y


@case(c(3))
def none_in_both(n):
    if n > 1:
        y = None
    else:
        y = None
    return n if y is None else n + 1


@case(c(3))
def strings(n):
    if n > 1:
        y = "a"
    else:
        y = "b"
    return y


@case(c(3))
def object_changed(n):
    class Box:
        pass

    y = Box()
    if n > 1:
        y = Box()
    return n, y is None


@case(c(3))
def object_attribute(n):
    class Box:
        pass

    b = Box()
    b.v = n
    if n > 1:
        b.v = b.v * 2
    else:
        b.w = n
    return b.v


@case(c(3))
def attribute_made_in_both(n):
    class Box:
        pass

    b = Box()
    if n > 1:
        b.v = n * 2
    else:
        b.v = n
    return b.v


@case(c(3))
def list_item(n):
    x = [n, n]
    if n > 2:
        x[0] = n * 7
    return x


@case(c(3))
def dict_item(n):
    x = {"a": n}
    if n > 2:
        x["a"] = n * 7
    return x["a"]


@case(c(3))
def dict_item_made(n):
    x = {"a": n}
    if n > 2:
        x["b"] = n * 7
    return x


@case(c(3))
def undefined_after(n):
    if n > 2:
        z = n
    return z


@case(c(3))
def undefined_in_main(n):
    if n > 2:
        pass
    else:
        z = n
    return z


@case(c(3))
def undefined_not_used(n):
    if n > 2:
        z = n
    return n


@case(3)
def undefined_in_python(n):
    if n > 5:
        z = n
    return z


@case(c(3))
def elif_chain(n):
    if n > 5:
        y = n * 2
    elif n > 2:
        y = n * 3
    elif n > 1:
        y = n * 4
    else:
        y = n
    return y


@case(c(3))
def returns_in_chain(n):
    if n > 5:
        return n * 2
    elif n > 2:
        return n * 3
    return n * 4


@case(c(3))
def return_then_code(n):
    if n > 5:
        return n
    n = n * 2
    if n > 5:
        n = n + 1
        return n
    return n - 1


@case(c(3))
def nested_ifs(n):
    y = 0
    if n > 1:
        if n > 2:
            y = n
        else:
            y = -n
    return y


@case(c(3), True)
def python_and_tensor(n, flag):
    if flag:
        if n > 2:
            return n
        return n * 2
    return 0


@case(c(3))
def conditional_expression(n):
    return n * 2 if n > 1 else n - 1


@case(c(3))
def conditional_expression_dtypes(n):
    return n * 2 if n > 1 else 1.0


@case(c(3))
def conditional_expression_structures(n):
    return (n, n) if n > 1 else n


@case(c(3))
def conditional_expression_none(n):
    return n if n > 1 else None


@case(c([1, 2]))
def conditional_expression_vector(n):
    return 1 if n > 1 else 2


@case(c(True))
def bool_tensor(b):
    if b:
        return 1
    return 2


@case(c([True, False]))
def bool_vector(b):
    if b:
        return 1
    return 2


@case(c(2))
def int_condition(b):
    if b:
        return 1
    return 2


@case(c([True]), input_signature=[tf.TensorSpec(None, tf.bool)])
def unknown_rank_condition(b):
    if b:
        return 1
    return 2


@case(c(4))
def and_or(n):
    return (n > 1 and n < 3), (n > 1 or n < 3), (n > 1 and True), (True and n > 1), (0 or n > 1)


@case(c(4))
def and_or_three(n):
    return (n > 1 and n < 3 and n > 0), (n > 5 or n < 3 or n == 4), not n > 1


@case(c(4))
def and_with_numbers(n):
    return n and 2


@case(c(4))
def and_with_int_result(n):
    return n > 1 and 5


@case(c([True, False]))
def and_of_vectors(b):
    return b and b


@case(c(4))
def not_int(n):
    return not n


@case(c([True, False]))
def not_vector(b):
    return not b


@case(c(4))
def chained_comparison(n):
    return 1 < n < 5, 1 < n < 5 < n


@case(c(4))
def chained_comparison_calls(n):
    calls = []

    def g(k):
        calls.append(k)
        return n + k

    y = 0 < g(1) < 10
    return y, len(calls)


@case(c(4))
def equality(n):
    return n == 4, n != 4, not n == 4


@case(c(4))
def identity(n):
    if n is None:
        return 0
    if n is not None:
        return 1


@case(c(4))
def membership(n):
    return n in (4, 5)


@case(c(4))
def membership_if(n):
    if n in [4, 5]:
        return 1
    return 2


@case(c(1.0))
def assertion(x):
    assert x > 2.0, "message"
    return x


@case(c(1.0))
def assertion_on_python(x):
    assert x.shape == [2], "shape"
    return x


@case(c(3))
def try_finally(n):
    try:
        if n > 3:
            y = n
        else:
            y = n + 1
    finally:
        pass
    return y


@case(c(3))
def with_block(n):
    with tf.name_scope("s"):
        if n > 2:
            return n
    return n * 2


@case(c(3))
def ternary_in_call(n):
    return tf.add(n if n > 2 else -n, 1)


@case(c(3))
def delete(n):
    y = n
    if n > 2:
        z = y
        del z
    return y


@case(c(3))
def walrus(n):
    if (m := n * 2) > 5:
        m = m + 1
    return m


@case(c(3))
def same_tensor(n):
    y = n
    if n > 2:
        y = n
    return y
