"""Random numbers: TensorFlow's own for the same seeds."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1
STREAMS = json.loads((Path(__file__).parent / "data" / "random-streams.json").read_text())
STATELESS = [s for s in STREAMS if s["case"].startswith("tf.random.stateless")]
GRAPH = [s for s in STREAMS if s["case"].startswith("graph: tf.compat")]


def close(got: Any, want: Any, double: bool = False) -> None:
    # The last places of normal numbers depend on the logarithm and sine used.
    tolerance = 1e-14 if double else 3e-7
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_everything_recorded_is_tested() -> None:
    assert len(STATELESS) + len(GRAPH) + 2 == len(STREAMS)


@pytest.mark.parametrize("stream", STATELESS, ids=lambda s: s["case"][17:])
def test_stateless(stream: dict[str, Any]) -> None:
    got = np.asarray(eval(stream["case"], {"tf": tf}).numpy())
    close(got.ravel(), stream["value"], got.dtype == np.float64)


@pytest.mark.parametrize("stream", GRAPH, ids=lambda s: s["case"][23:90])
def test_seeds_of_graphs(stream: dict[str, Any]) -> None:
    match = re.match(
        r"graph: tf\.compat\.v1\.set_random_seed\((\w+)\); t = (.*?); two Session", stream["case"]
    )
    assert match is not None
    with tf.Graph().as_default():
        v1.set_random_seed(eval(match[1]))
        t = eval(match[2], {"tf": tf})
        with v1.Session() as session:
            runs = [session.run(t), session.run(t)]
    close(np.concatenate(runs).ravel(), stream["value"])


def test_operations_without_a_seed_are_numbered() -> None:
    stream = next(s for s in STREAMS if s["case"].startswith("graph: set_random_seed"))
    with tf.Graph().as_default():
        v1.set_random_seed(1234)
        tf.zeros([2])
        v1.random_normal([2])
        t = v1.truncated_normal([4, 2])
        with v1.Session() as session:
            runs = [session.run(t), session.run(t)]
    close(np.concatenate(runs).ravel(), stream["value"])


def test_eager_seeds() -> None:
    stream = next(s for s in STREAMS if s["case"].startswith("eager"))
    tf.random.set_seed(11)
    parts = [tf.random.normal([3]), tf.random.normal([3]), tf.random.uniform([2], seed=4)]
    close(np.concatenate([p.numpy() for p in parts]), stream["value"])


def test_eager_streams_go_on_and_start_anew() -> None:
    tf.random.set_seed(5)
    got = [
        tf.random.uniform([2]),
        tf.random.uniform([2]),
        tf.random.uniform([2], seed=1),
        tf.random.uniform([2], seed=1),
    ]
    want = [
        [0.6263930797576904, 0.5298432111740112],
        [0.7017074823379517, 0.043367862701416016],
        [0.38751840591430664, 0.7485455274581909],
        [0.9646999835968018, 0.2685586214065552],
    ]
    close([g.numpy() for g in got], want)
    tf.random.set_seed(5)
    close(tf.random.uniform([2]).numpy(), want[0])
    close(tf.random.uniform([2], seed=1).numpy(), want[2])


def test_seeds_inside_functions() -> None:
    tf.random.set_seed(5)

    @tf.function
    def f() -> Any:
        return tf.random.uniform([1]), tf.random.uniform([1], seed=1)

    got = [[x.numpy().item() for x in f()] for _ in range(2)]
    close(
        got, [[0.18286478519439697, 0.38751840591430664], [0.6730766296386719, 0.985923051834106]]
    )
    tf.random.set_seed(None)


# Of TensorFlow 2.21, seed attributes 7 and 3: two runs each.
DISTRIBUTIONS: dict[str, tuple[Any, list[Any]]] = {
    "gamma": (
        lambda: tf.raw_ops.RandomGamma(shape=[3], alpha=[0.5, 1.0, 2.5], seed=7, seed2=3),
        [
            [
                [0.10705150663852692, 0.16779643297195435, 2.7742919921875],
                [1.1853370666503906, 1.4979090690612793, 5.902958869934082],
                [0.00560532882809639, 0.13885359466075897, 1.4103115797042847],
            ]
        ],
    ),
    "poisson": (
        lambda: tf.raw_ops.RandomPoissonV2(
            shape=[4], rate=tf.constant([0.5, 3.0, 20.0]), seed=7, seed2=3, dtype=tf.float32
        ),
        [
            [[0, 3, 20], [1, 2, 20], [0, 2, 20], [0, 1, 17]],
            [[0, 2, 11], [1, 5, 20], [0, 3, 23], [0, 3, 16]],
        ],
    ),
    "multinomial": (
        lambda: tf.raw_ops.Multinomial(
            logits=[[0.0, 1.0, 2.0], [1.0, 0.0, -1.0]], num_samples=7, seed=7, seed2=3
        ),
        [
            [[1, 2, 2, 0, 2, 2, 2], [1, 2, 1, 0, 1, 1, 1]],
            [[1, 1, 2, 2, 1, 2, 2], [1, 0, 0, 0, 0, 1, 0]],
        ],
    ),
    "shuffle": (
        lambda: tf.raw_ops.RandomShuffle(value=list(range(8)), seed=7, seed2=3),
        [[1, 4, 0, 6, 3, 5, 2, 7], [2, 5, 0, 4, 3, 7, 6, 1]],
    ),
    "stateless_gamma": (
        lambda: tf.raw_ops.StatelessRandomGammaV2(shape=[2, 3], seed=[3, 5], alpha=[0.5, 1.0, 2.5]),
        [],
    ),
    "stateless_poisson": (
        lambda: tf.raw_ops.StatelessRandomPoisson(
            shape=[4, 3], seed=[3, 5], lam=[0.5, 3.0, 20.0], dtype=tf.float32
        ),
        [[[1, 3, 18], [0, 4, 17], [1, 4, 18], [0, 4, 24]]],
    ),
    "stateless_multinomial": (
        lambda: tf.raw_ops.StatelessMultinomial(
            logits=[[0.0, 1.0, 2.0], [1.0, 0.0, -1.0]], num_samples=6, seed=[3, 5]
        ),
        [[[2, 2, 1, 2, 2, 2], [0, 0, 1, 0, 1, 0]]],
    ),
    "stateless_shuffle": (
        lambda: tf.raw_ops.StatelessShuffle(
            value=list(range(8)),
            key=tf.constant([3], tf.uint64),
            counter=tf.constant([5, 0], tf.uint64),
            alg=1,
        ),
        [[3, 6, 4, 7, 1, 5, 2, 0]],
    ),
}


@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
def test_distributions(name: str) -> None:
    make, runs = DISTRIBUTIONS[name]
    with tf.Graph().as_default():
        t = make()
        with v1.Session() as session:
            for want in runs:
                close(session.run(t), want)
            assert session.run(t).shape == tuple(t.shape)


def test_gamma_is_differentiable() -> None:
    # Implicitly: dx/da = -(dP/da) / (dP/dx), here by differences of the distribution function.
    from scipy.special import gammainc

    with tf.Graph().as_default():
        alpha = v1.placeholder(tf.float64, [4])
        x = tf.random.stateless_gamma([5, 4], [3, 4], alpha, dtype=tf.float64)
        slope = tf.gradients(x, alpha)[0]
        function = tf.compile([alpha], [x, slope])
    at = np.array([0.7, 1.0, 3.0, 20.0])
    drawn, got = function(at)
    h = 1e-5
    along_a = (gammainc(at + h, drawn) - gammainc(at - h, drawn)) / (2 * h)
    along_x = (gammainc(at, drawn + h) - gammainc(at, drawn - h)) / (2 * h)
    np.testing.assert_allclose(got, (-along_a / along_x).sum(axis=0), rtol=1e-5)


def test_bounded_normal_numbers() -> None:
    # The numbers are a fixed quantile, so that their derivatives follow by differences.
    with tf.Graph().as_default():
        xs = [v1.placeholder(tf.float64, [3]) for _ in range(4)]
        y = tf.random.stateless_parameterized_truncated_normal([50, 3], [1, 2], *xs)
        grads = tf.gradients(y, xs)
        function = tf.compile(xs, [y, *grads])
    at = [np.array(v) for v in ([0, 1, -3.0], [1, 2, 0.5], [-2, -0.5, 6.0], [2, 1, 9.0])]
    drawn, *got = function(*at)
    low, high = at[2], at[3]
    assert np.all(drawn >= low)
    assert np.all(drawn <= high)
    assert np.ptp(drawn, axis=0).min() > 1e-3
    for i, slope in enumerate(got):
        for column in range(2):  # the third lies too far out for differences
            moved = []
            for h in (1e-5, -1e-5):
                args = [a.copy() for a in at]
                args[i][column] += h
                moved.append(function(*args)[0].sum())
            want = (moved[0] - moved[1]) / 2e-5
            assert abs(slope[column] - want) < 1e-4 * max(1, abs(want))


def test_bounded_numbers_of_a_stream() -> None:
    y = tf.raw_ops.ParameterizedTruncatedNormal(
        shape=[2, 500],
        means=[0.0, 5.0],
        stdevs=1.0,
        minvals=[-1.0, 4.0],
        maxvals=[0.5, 9.0],
        seed=3,
    ).numpy()
    assert np.all((y[0] >= -1) & (y[0] <= 0.5))
    assert np.all((y[1] >= 4) & (y[1] <= 9))
    assert np.all(y.std(axis=1) > 0.2)


def test_moments() -> None:
    tf.random.set_seed(3)
    n = 20000
    for x, mean, variance in (
        (tf.random.normal([n], 2.0, 3.0), 2.0, 9.0),
        (tf.random.uniform([n], -1.0, 3.0), 1.0, 16 / 12),
        (tf.random.gamma([n], 2.5, 2.0), 1.25, 2.5 / 4),
        (tf.random.poisson([n], 4.0), 4.0, 4.0),
        (tf.random.poisson([n], 30.0), 30.0, 30.0),
    ):
        values = x.numpy().astype(np.float64)
        assert abs(values.mean() - mean) < 5 * np.sqrt(variance / n)
        assert abs(values.var() - variance) < 0.1 * variance
    counts = np.bincount(tf.random.categorical([[0.0, 1.0, np.log(2.0)]], n).numpy()[0])
    share = np.exp([0.0, 1.0, np.log(2.0)])
    np.testing.assert_allclose(counts / n, share / share.sum(), atol=0.02)
    tf.random.set_seed(None)


def test_generator() -> None:
    g = tf.random.Generator.from_seed(1234)
    close(g.normal([3]).numpy(), [0.9356608986854553, 1.0854305028915405, -0.937883734703064])
    close(g.uniform([3]).numpy(), [0.3107341527938843, 0.36818230152130127, 0.9618295431137085])
    close(g.normal([2]).numpy(), [-0.3964749276638031, 0.8369565606117249])
    assert g.uniform([3], maxval=10, dtype=tf.int32).numpy().tolist() == [6, 9, 0]
    h = tf.random.Generator.from_key_counter(3, [0, 1], "philox")
    assert h.state.numpy().tolist() == [0, 1, 3]
    close(
        h.uniform([2], dtype=tf.float64).numpy(), [0.2245539957755962, 0.0002931023981160852], True
    )
    again = tf.random.Generator.from_state(g.state.numpy(), "philox")
    np.testing.assert_array_equal(again.normal([4]).numpy(), g.normal([4]).numpy())
    left, right = g.split(2)
    assert not np.array_equal(left.normal([4]).numpy(), right.normal([4]).numpy())
    before = g.state.numpy()
    np.testing.assert_array_equal(g.skip(3).numpy(), before)
    assert g.state.numpy()[0] == before[0] + 3
    g.reset_from_seed(1234)
    close(g.normal([1]).numpy(), [0.9356608986854553])
    assert isinstance(tf.random.get_global_generator(), tf.random.Generator)


def test_seeds_made_of_seeds() -> None:
    with tf.Graph().as_default(), v1.Session() as session:
        three = session.run(tf.random.split([1, 2], 3))
        folded = session.run(tf.random.fold_in([1, 2], 3))
    assert three.shape == (3, 2)
    assert len({tuple(row) for row in three.tolist()}) == 3
    assert folded.shape == (2,)
    assert folded[1] == 3


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: tf.random.uniform([2], dtype=tf.int32), ValueError),
        (lambda: tf.random.uniform([2], 3, 3, tf.int32), tf.errors.InvalidArgumentError),
        (lambda: tf.random.uniform([-1]), tf.errors.InvalidArgumentError),
        (lambda: tf.random.uniform([2], dtype=tf.string), ValueError),
        (lambda: tf.random.stateless_uniform([2], [1, 2, 3]), tf.errors.InvalidArgumentError),
        (lambda: tf.random.stateless_uniform([2], [1, 2], alg="threefry"), ValueError),
        (lambda: tf.random.categorical([1.0, 2.0], 3), tf.errors.InvalidArgumentError),
        (lambda: tf.random.categorical([[1.0, 2.0]], -3), tf.errors.InvalidArgumentError),
        (
            lambda: tf.random.stateless_gamma([2, 2], [1, 2], [1.0, 2.0, 3.0]),
            tf.errors.InvalidArgumentError,
        ),
        (lambda: tf.random.Generator.from_seed(1, alg="mersenne"), ValueError),
    ],
)
def test_bad_arguments(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()
