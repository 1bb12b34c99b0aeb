"""Programs as people write them."""

import functools

import numpy as np
from harness import case, tf

c = tf.constant


class Cell:
    def __init__(self, units):
        rng = np.random.RandomState(0)
        self.w = tf.constant(rng.randn(2, units).astype("float32") / 4)
        self.u = tf.constant(rng.randn(units, units).astype("float32") / 4)

    def __call__(self, x, h):
        return tf.tanh(x @ self.w + h @ self.u)


class Recurrent:
    def __init__(self, units):
        self.cell = Cell(units)
        self.units = units
        self.steps = 0

    def call(self, xs, mask=None):
        h = tf.zeros([tf.shape(xs)[1], self.units])
        outputs = tf.TensorArray(tf.float32, size=tf.shape(xs)[0])
        for t in tf.range(tf.shape(xs)[0]):
            new = self.cell(xs[t], h)
            if mask is not None:
                keep = mask[t]
                h = tf.where(keep[:, None], new, h)
            else:
                h = new
            outputs = outputs.write(t, h)
        return outputs.stack(), h


XS = c(np.linspace(-1, 1, 12).reshape(3, 2, 2).astype("float32"))


@case(XS)
def recurrent(xs):
    out, h = Recurrent(3).call(xs)
    return tf.round(out * 1000), tf.round(h * 1000)


@case(XS, c([[True, False], [False, True], [True, True]]))
def masked_recurrent(xs, mask):
    return tf.round(Recurrent(3).call(xs, mask)[1] * 1000)


@case(XS)
def gradient_of_recurrent(xs):
    out, _ = Recurrent(3).call(xs)
    return tf.round(tf.gradients(tf.reduce_sum(out**2), xs)[0] * 1000)


@case(c(2.0))
def newton(a):
    x = a
    for _ in tf.range(50):
        step = (x * x - a) / (2.0 * x)
        x = x - step
        if tf.abs(step) < 1e-6:
            break
    return x, tf.gradients(x, a)[0]


@case(c(1.0))
def runge_kutta(y):
    def f(t, y):
        if t < 0.5:
            return -y
        else:
            return y * 0.5

    h = 0.1
    t = 0.0
    for _ in range(10):
        k1 = f(t, y)
        k2 = f(t + h / 2, y + h / 2 * k1)
        k3 = f(t + h / 2, y + h / 2 * k2)
        k4 = f(t + h, y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        t += h
    return tf.round(y * 10000)


@case(c([5, 2, 9, 1, 3]))
def bubble_sort(x):
    n = len(x)
    swapped = True
    while swapped:
        swapped = False
        for i in tf.range(n - 1):
            if x[i] > x[i + 1]:
                a = x[i]
                b = x[i + 1]
                x = tf.tensor_scatter_nd_update(x, [[i], [i + 1]], [b, a])
                swapped = True
    return x


@case(c([5, 2, 9, 1, 3]), c(9))
def linear_search(x, wanted):
    found = -1
    i = 0
    for v in x:
        if v == wanted:
            found = i
            break
        i += 1
    return found


@case(c(100), c(36))
def gcd(a, b):
    while b != 0:
        a, b = b, a % b
    return a


@case(c(10))
def fibonacci_table(n):
    table = tf.TensorArray(tf.int32, size=n)
    a, b = 0, 1
    for i in tf.range(n):
        table = table.write(i, a)
        a, b = b, a + b
    return table.stack()


@case(c([0.5, -0.5, 2.0]))
def piecewise(xs):
    def one(x):
        if x < 0.0:
            y = -x
        elif x < 1.0:
            y = x * x
        else:
            y = 2.0 * x - 1.0
        return y

    return tf.map_fn(one, xs)


@case(c(3.0))
def tape_in_loop(x):
    for _ in tf.range(3):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = x * x
        x = x - 0.1 * tape.gradient(y, x)
    return x


weights = tf.Variable([1.0, 2.0])
seen = tf.Variable(0)


@case(c(2.0))
def training_loop(target):
    for i in tf.range(5):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((weights - target) ** 2)
        g = tape.gradient(loss, weights)
        if i % 2 == 0:
            weights.assign_sub(0.25 * g)
            seen.assign_add(1)
    return weights.read_value(), seen.read_value()


@case(c([[1.0, 2.0], [3.0, 4.0]]))
def double_loop_over_indices(m):
    s = 0.0
    for i in tf.range(tf.shape(m)[0]):
        for j in tf.range(tf.shape(m)[1]):
            if i == j:
                continue
            s += m[i, j]
    return s


@case(c(5))
def closure_counter(n):
    calls = {"n": 0}

    def tick(k):
        calls["n"] += 1
        return k + calls["n"]

    for _ in range(3):
        n = tick(n)
    return n, calls["n"]


@case(c(5))
def state_in_object(n):
    class Counter:
        def __init__(self):
            self.total = tf.constant(0)
            self.parts = {"odd": tf.constant(0)}

        def add(self, k):
            self.total = self.total + k
            if k % 2 == 1:
                self.parts["odd"] = self.parts["odd"] + 1

    counter = Counter()
    for k in range(4):
        counter.add(n + k)
    return counter.total, counter.parts["odd"]


@case(c(5))
def object_state_in_while(n):
    class Box:
        pass

    box = Box()
    box.inner = Box()
    box.inner.value = 0
    while n > 0:
        box.inner.value += n
        n -= 1
    return box.inner.value


@case(c(6))
def mutual_recursion(n):
    def even(k, depth):
        if depth == 0:
            return k
        return odd(k - 1, depth - 1)

    def odd(k, depth):
        if depth == 0:
            return -k
        return even(k - 1, depth - 1)

    return even(n, 3)


@case(c([1.0, 2.0, 3.0]), True)
@functools.wraps(len)
def wrapped(x, training):
    if training and tf.reduce_sum(x) > 1.0:
        x = x * 2.0
    return x


@case(c([3.0, 4.0]))
def clip_by_norm(x, limit=2.5):
    norm = tf.sqrt(tf.reduce_sum(x * x))
    return x * (limit / norm) if norm > limit else x


@case(c([1, 2, 3, 4]))
def filtered(x):
    kept = tf.zeros([0], tf.int32)
    for v in x:
        tf.autograph.experimental.set_loop_options(
            shape_invariants=[(kept, tf.TensorShape([None]))]
        )
        if v % 2 == 0:
            kept = tf.concat([kept, [v]], 0)
    return kept


@case(c(0.3))
def logistic_map(x):
    r = 3.7
    history = []
    for _ in range(5):
        x = r * x * (1.0 - x)
        history.append(x)
    return tf.round(tf.stack(history) * 1000)


@case(c(7))
def loop_with_else_free_flag(n):
    is_prime = n > 1
    k = 2
    while is_prime and k * k <= n:
        if n % k == 0:
            is_prime = False
        k += 1
    return is_prime


@case(c([1.0, 2.0]), c([3.0, 4.0]))
def structure_of_tensors(a, b):
    state = {"a": a, "b": [b, (a, b)]}
    for i in tf.range(3):
        if i > 0:
            state = {"a": state["b"][0], "b": [state["a"], state["b"][1]]}
    return state


@case(c(4))
def default_argument_function(n):
    def add(x, y=n):
        if x > 1:
            return x + y
        return x

    return add(n), add(n, 1), add(y=2, x=n)


@case(c([[1.0, -2.0], [3.0, -4.0]]))
def relu_rows(x):
    def relu(v):
        return v if v > 0.0 else 0.0 * v

    rows = []
    for i in range(2):
        rows.append([relu(x[i, j]) for j in range(2)])
    return tf.stack([tf.stack(r) for r in rows])


@case(c(20))
def while_with_two_breaks(n):
    total = 0
    while True if n is None else n > 0:
        n -= 3
        if n == 8:
            total += 100
            break
        if n < 6:
            break
        total += n
    return total, n


@case(c(3))
def early_exit(n):
    if n < 0:
        return n, 0
    steps = 0
    while n > 0:
        n -= 1
        steps += 1
    if steps > 10:
        return n, steps
    else:
        return n, -steps


@case(c(5), c(3))
def augmented_everything(a, b):
    if a > b:
        a += b
        a *= 2
        a -= 1
        a //= 3
        a **= 2
        a %= 7
    return a
