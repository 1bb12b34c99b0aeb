"""Loops over tensors, ranges and Python sequences."""

from harness import case, tf

c = tf.constant


@case(c(3))
def break_on_tensor_in_python_loop(n):
    s = 0
    for i in range(10):
        if i >= n:
            break
        s += i
    return s


@case(c(3))
def return_on_tensor_in_python_loop(n):
    for i in range(10):
        if i >= n:
            return i
    return -1


@case(c(3))
def continue_on_tensor_in_python_loop(n):
    s = 0
    for i in range(5):
        if i == n:
            continue
        s += i
    return s


@case(c(3))
def shape_changes(n):
    s = tf.constant([0])
    for i in tf.range(n):
        s = tf.concat([s, [i]], 0)
    return s


@case(c(3))
def shape_changes_in_while(n):
    s = tf.constant([0])
    while n > 0:
        s = tf.concat([s, [n]], 0)
        n -= 1
    return s


@case(c(3))
def dtype_changes(n):
    s = 0
    for i in tf.range(n):
        s = s + 0.5
    return s


@case(c(3))
def dtype_changes_by_cast(n):
    s = 0
    for i in tf.range(n):
        s = tf.cast(s, tf.float32)
    return s


@case(c(3))
def dtype_changes_in_while(n):
    s = 0
    while n > 0:
        s = tf.cast(s, tf.float32)
        n -= 1
    return s


@case(c(3))
def structure_changes(n):
    s = (1, 2)
    while n > 0:
        s = (1, 2, 3)
        n -= 1
    return s


@case(c(3))
def structure_becomes_tensor(n):
    s = (1, 2)
    for i in tf.range(n):
        s = i
    return s


@case(c(3))
def defined_in_loop(n):
    for i in tf.range(n):
        z = i * 2
    return z


@case(c(0))
def defined_in_loop_that_does_not_run(n):
    for i in tf.range(n):
        z = i * 2
    return z


@case(c(3))
def target_after_loop(n):
    for i in tf.range(n):
        pass
    return i


@case(c(3))
def defined_in_one_branch_in_loop(n):
    while n > 0:
        if n > 1:
            z = n
        n -= 1
    return z


@case(c(3))
def defined_structure_in_loop(n):
    while n > 0:
        z = {"a": n, "b": (n, 1.0)}
        n -= 1
    return z


@case(c(3))
def read_before_defined_in_loop(n):
    while n > 0:
        n = n - z  # noqa: F821
        z = n
    return n


@case(c(3))
def none_before_loop(n):
    z = None
    for i in tf.range(n):
        z = i
    return z


@case(c(3))
def none_before_while(n):
    z = None
    while n > 0:
        z = n
        n -= 1
    return z


@case(c(3))
def none_read_in_loop(n):
    z = None
    while n > 0:
        if z is None:
            z = n
        n -= 1
    return z


@case(c(3))
def list_append(n):
    items = []
    for i in tf.range(n):
        items.append(i)
    return items


@case(c(3))
def list_append_in_python_loop(n):
    items = []
    for i in range(3):
        items.append(i * n)
    return tf.stack(items)


@case(c(3))
def tensor_array(n):
    a = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
    for i in tf.range(n):
        a = a.write(i, i * 2)
    return a.stack()


@case(c(3))
def tensor_array_not_assigned(n):
    a = tf.TensorArray(tf.int32, size=3)
    for i in tf.range(n):
        a.write(i, i * 2)
    return a.stack()


@case(c(3))
def return_in_loop(n):
    for i in tf.range(n):
        if i == 1:
            return i * 10
    return -1


@case(c(3))
def return_in_while(n):
    while n > 0:
        n -= 1
        if n == 1:
            return n
    return n * 2


@case(c(3))
def return_last_in_loop(n):
    s = 0
    for i in tf.range(n):
        if i == 1:
            s = i * 10
            break
    return s


@case(c(8))
def break_and_continue(n):
    s = 0
    while n > 0:
        n -= 1
        if n == 6:
            continue
        s += n
        if n == 4:
            break
        s += 100
    return s, n


@case(c(8))
def break_in_nested_loops(n):
    s = 0
    for i in tf.range(n):
        for j in tf.range(n):
            if j > i:
                break
            s += j
        if i > 4:
            break
    return s


@case(c(4))
def python_range_of_tensor(n):
    s = 0
    for i in range(n):
        s += i
    return s


@case(c(4))
def python_range_three(n):
    s = 0
    for i in range(10, 0, -n):
        s = s * 10 + i
    return s


@case(c(4))
def range_with_delta(n):
    s = 0
    for i in tf.range(10, 0, -n):
        s = s * 100 + i
    return s


@case(c(4.0))
def range_of_floats(n):
    s = 0.0
    for i in tf.range(0.0, n, 1.5):
        s = s * 10.0 + i
    return s


@case(c(4))
def range_int64(n):
    s = tf.constant(0, tf.int64)
    for i in tf.range(tf.constant(4, tf.int64)):
        s += i
    return s


@case()
def range_of_python_numbers():
    s = 0
    for i in tf.range(4):
        s += i
    return s


@case(c([1.0, 2.0, 3.0]))
def over_tensor(x):
    s = 0.0
    for v in x:
        s += v
    return s


@case(c([[1.0, 2.0], [3.0, 4.0]]))
def over_rows(x):
    s = tf.zeros([2])
    for v in x:
        s += v
    return s


@case(c([1.0, 2.0]), input_signature=[tf.TensorSpec([None])])
def over_unknown_length(x):
    s = 0.0
    for v in x:
        s += v
    return s


@case(c([1.0, 2.0]), input_signature=[tf.TensorSpec(None)])
def over_unknown_rank(x):
    s = 0.0
    for v in x:
        s += v
    return s


@case(c(1.0))
def over_scalar(x):
    s = 0.0
    for v in x:
        s += v
    return s


@case(c([[1, 2], [3, 4]]))
def unpacked_target(x):
    s = 0
    for a, b in x:
        s += a * b
    return s


@case(c([1.0, 2.0, 3.0]))
def over_enumerate(x):
    s = 0.0
    for i, v in enumerate(x):
        s += v * float(i)
    return s


@case(c([1.0, 2.0, 3.0]), c([1.0, 2.0, 3.0]))
def over_zip(x, y):
    s = 0.0
    for i, v in zip(x, y):
        s += v * i
    return s


@case(c(3))
def over_python_list(n):
    s = 0
    for k in [1, 2, 3]:
        if n > k:
            s += k
    return s


@case(c(3))
def over_dict(n):
    s = 0
    for k, v in {"a": 1, "b": 2}.items():
        s += v * n
    return s


@case(c(3))
def over_list_of_tensors(n):
    s = 0
    for k in [n, n + 1]:
        s += k
    return s


@case(c(3))
def over_python_enumerate(n):
    s = 0
    for i, k in enumerate([n, n]):
        s += i * k
    return s


@case(c([1.0, 2.0, 3.0]))
def comprehension_over_tensor(x):
    return [v * 2 for v in x]


@case(c([1.0, 2.0, 3.0]))
def unpacking(x):
    a, b, d = x
    return a + d


@case(c([1.0, 2.0, 3.0]), autograph=False)
def unpacking_without_autograph(x):
    a, b, d = x
    return a + d


@case(c(3))
def comprehension(n):
    return [n * k for k in range(3) if k != 1]


@case(c(4))
def while_else(n):
    while n > 0:
        n -= 1
    else:
        n = n + 100
    return n


@case(c(4))
def for_else(n):
    for i in tf.range(n):
        n += i
    else:
        n = n + 100
    return n


@case(c(4))
def python_while_becomes_tensor(n):
    i = 0
    while i < 3:
        i = i + n
    return i


@case(c(4))
def while_true_break(n):
    while True:
        n -= 1
        if n < 2:
            break
    return n


@case(c(4))
def while_tensor_true(n):
    while tf.constant(True):
        n -= 1
        if n < 2:
            break
    return n


@case(c([True]))
def while_vector_condition(b):
    while b:
        b = tf.constant([False])
    return b


@case(c(2))
def while_int_condition(n):
    while n:
        n -= 1
    return n


@case(c(4))
def tuple_state(n):
    a, b = 0, 1
    while n > 0:
        a, b = b, a + b
        n -= 1
    return a, b


@case(c(4))
def dict_state(n):
    d = {"x": 0, "y": [1, 2]}
    while n > 0:
        d = {"x": d["x"] + n, "y": [d["y"][1], d["y"][0]]}
        n -= 1
    return d


@case(c(4))
def string_state(n):
    s = "a"
    while n > 0:
        s = "b"
        n -= 1
    return s


@case(c(4))
def local_string(n):
    while n > 0:
        s = "b"
        n -= 1
    return n


@case(c(4))
def shape_invariants(n):
    s = tf.constant([0])
    for i in tf.range(n):
        tf.autograph.experimental.set_loop_options(shape_invariants=[(s, tf.TensorShape([None]))])
        s = tf.concat([s, [i]], 0)
    return s


@case(c(4))
def shape_invariants_in_while(n):
    s = tf.constant([0])
    while n > 0:
        tf.autograph.experimental.set_loop_options(shape_invariants=[(s, tf.TensorShape([None]))])
        s = tf.concat([s, [n]], 0)
        n -= 1
    return s


@case(c(4))
def maximum_iterations(n):
    s = 0
    while n > 0:
        tf.autograph.experimental.set_loop_options(maximum_iterations=2)
        s += n
    return s


@case(c(4))
def maximum_iterations_in_for(n):
    s = 0
    for i in tf.range(n):
        tf.autograph.experimental.set_loop_options(maximum_iterations=2, parallel_iterations=1)
        s += i + 1
    return s


@case(c(4))
def options_not_first(n):
    s = 0
    for i in tf.range(n):
        s += i
        s += i
        tf.autograph.experimental.set_loop_options(maximum_iterations=2)
    return s


@case(c([[1.0, 2.0], [3.0, 4.0]]))
def nested_over_tensors(x):
    s = 0.0
    for r in x:
        for v in r:
            if v > 3.0:
                continue
            s += v
    return s


@case(c(2))
def python_float_state(n):
    x = 1.0
    for _ in tf.range(n):
        x = x * 2.0
    return x


@case(c(5))
def local_only(n):
    for i in tf.range(n):
        tmp = i * 2
    return n


@case(c(5))
def attribute_state(n):
    class Box:
        pass

    a = Box()
    a.v = 0
    while n > 0:
        a.v = a.v + n
        n -= 1
    return a.v


@case(c(5))
def item_state(n):
    a = [0, 0]
    while n > 0:
        a[1] = a[1] + n
        n -= 1
    return a


@case(c(5))
def item_by_variable(n):
    a = {"k": 0}
    k = "k"
    while n > 0:
        a[k] += n
        n -= 1
    return a["k"]


@case(c(5))
def object_state(n):
    class Box:
        pass

    a = Box()
    while n > 0:
        a = Box()
        n -= 1
    return n


@case(c(5))
def object_state_used(n):
    class Box:
        pass

    a = Box()
    k = 0
    while n > 0:
        k = k + (1 if a is None else 2)
        a = Box()
        n -= 1
    return k


@case(c([1.0, 2.0, 3.0]))
def gradient_through_loop(x):
    s = 1.0
    for v in x:
        if v > 1.5:
            s = s * v
    return s, tf.gradients(s, x)[0]


@case(c(3))
def none_target(n):
    for _ in tf.range(n):
        n += 1
    return n


@case(c(3))
def while_with_call_in_test(n):
    def positive(k):
        if k > 0:
            return True
        return False

    while positive(n):
        n -= 1
    return n


@case(c(0))
def zero_trips(n):
    s = 7
    for i in tf.range(n):
        s = i
    return s


@case(c(3))
def python_loop_state_becomes_tensor(n):
    s = 0
    for i in range(3):
        if s > 1:
            s += 10
        s += n
    return s
