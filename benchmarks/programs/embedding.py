"""Two tables of vectors trained by negative sampling: only the rows that were looked up change.

A call computes the loss, its gradient and takes a step of gradient descent in place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import Work, rng


@dataclass
class Config:
    batch: int
    samples: int = 8  # the first is the right one
    words: int = 30_000
    width: int = 96


SIZES = {"200": Config(200), "1000": Config(1000)}
TRAINED = 0
RATE = 0.2
SKIP = {"torch.compile": "sparse gradients are not compiled"}


def arguments(c: Config) -> list[np.ndarray]:
    random = rng()
    tables = [(random.normal(size=(c.words, c.width)) / 8).astype(np.float32) for _ in range(2)]
    # A few words are met often, as in texts.
    indices = [
        (c.words * random.uniform(size=s) ** 6).astype(np.int32)
        for s in ((c.batch,), (c.batch, c.samples))
    ]
    labels = np.zeros((c.batch, c.samples), np.float32)
    labels[:, 0] = 1
    return [*tables, *indices, labels]


def work(c: Config) -> Work:
    pairs = c.batch * c.samples
    rows = c.batch * (1 + c.samples)  # read for the loss, read and written by the update
    return Work(6.0 * pairs * c.width, 12.0 * rows * c.width, 2 * pairs)


def tensorflow_step(tf: Any, c: Config, a: list[np.ndarray]) -> Callable[[], list[np.ndarray]]:
    tables = [tf.Variable(a[0]), tf.Variable(a[1])]
    data = [tf.constant(x) for x in a[2:]]

    @tf.function(autograph=False)
    def step(word: Any, others: Any, labels: Any) -> Any:
        w = tf.nn.embedding_lookup(tables[0], word)
        o = tf.nn.embedding_lookup(tables[1], others)
        logits = tf.reduce_sum(w[:, tf.newaxis] * o, 2)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
        loss = tf.reduce_sum(losses) / float(c.batch)
        for table, g in zip(tables, tf.gradients(loss, tables), strict=True):
            table.scatter_sub(tf.IndexedSlices(RATE * g.values, g.indices))
        return loss

    return lambda: [step(*data).numpy()]


def jax_step(c: Config, a: list[np.ndarray]) -> Callable[[], list[np.ndarray]]:
    import jax
    import jax.numpy as jnp

    def loss(w: Any, o: Any, labels: Any) -> Any:
        logits = jnp.sum(w[:, None] * o, 2)
        return jnp.sum(jax.nn.softplus(logits) - labels * logits) / c.batch

    def step(left: Any, right: Any, word: Any, others: Any, labels: Any) -> Any:
        value, (w, o) = jax.value_and_grad(loss, (0, 1))(left[word], right[others], labels)
        return left.at[word].add(-RATE * w), right.at[others].add(-RATE * o), value

    run = jax.jit(step, donate_argnums=(0, 1))
    tables = [jnp.array(a[0]), jnp.array(a[1])]
    data = [jnp.asarray(x) for x in a[2:]]

    def call() -> list[np.ndarray]:
        tables[0], tables[1], value = run(*tables, *data)
        return [np.asarray(value)]

    return call


def torch_step(c: Config, a: list[np.ndarray]) -> Callable[[], list[np.ndarray]]:
    import torch

    functional = torch.nn.functional
    tables = [torch.nn.Parameter(torch.tensor(x)) for x in a[:2]]
    word, others = (torch.tensor(x.astype(np.int64)) for x in a[2:4])
    labels = torch.tensor(a[4])
    descent = torch.optim.SGD(tables, lr=RATE)

    def call() -> list[np.ndarray]:
        w = functional.embedding(word, tables[0], sparse=True)
        o = functional.embedding(others, tables[1], sparse=True)
        logits = (w[:, None] * o).sum(2)
        loss = functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        loss = loss / c.batch
        descent.zero_grad()
        loss.backward()
        descent.step()
        return [loss.detach().numpy()]

    return call
