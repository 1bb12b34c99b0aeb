"""Every instruction set of the machine, and any number of threads, give the same answers."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import wengert as tf
from wengert import _core

PROGRAM = """
import hashlib, numpy as np, wengert as tf
r = np.random.RandomState(0)
with tf.Graph().as_default():
    x = tf.compat.v1.placeholder(tf.float32, [700, 300])
    w = tf.compat.v1.placeholder(tf.float32, [300, 200])
    y = tf.reduce_sum(tf.tanh(x @ w) * tf.exp(-tf.square(x @ w)))
    f = tf.compile([x, w], [y, *tf.gradients(y, [x, w])])
    out = f(r.randn(700, 300).astype("f4"), r.randn(300, 200).astype("f4"))
print(hashlib.sha256(b"".join(o.tobytes() for o in out)).hexdigest(), tf._core.current_isa())
"""


def results() -> list[np.ndarray[Any, Any]]:
    r = np.random.RandomState(0)
    with tf.Graph().as_default():
        x = tf.compat.v1.placeholder(tf.float64, [33, 17])
        w = tf.compat.v1.placeholder(tf.float64, [17, 9])
        y = tf.math.reduce_logsumexp(tf.sin(x @ w) * tf.math.erf(x @ w), axis=1)
        f = tf.compile([x, w], [y, *tf.gradients(y, [x, w])])
        return list(f(r.randn(33, 17), r.randn(17, 9)))


@pytest.mark.parametrize("isa", _core.available_isas())
def test_each_instruction_set(isa: str) -> None:
    before = _core.current_isa()
    want = results()
    try:
        assert _core.use_isa(isa)
        assert _core.current_isa() == isa
        for a, b in zip(results(), want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    finally:
        _core.use_isa(before)


def test_unknown_instruction_set() -> None:
    before = _core.current_isa()
    assert not _core.use_isa("z80")
    assert _core.current_isa() == before


def child(**environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True, text=True, check=True, env={**os.environ, **environment},
    )  # fmt: skip
    return done.stdout.split()


def test_threads_do_not_change_a_bit() -> None:
    assert child(WENGERT_NUM_THREADS="1") == child(WENGERT_NUM_THREADS="2")
    assert child(WENGERT_NUM_THREADS="2") == child(WENGERT_NUM_THREADS="2")


def test_the_environment_forces_an_instruction_set() -> None:
    last = _core.available_isas()[-1]
    assert child(WENGERT_ISA=last)[1] == last
