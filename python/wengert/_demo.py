"""The main job of `python -m wengert`: TensorFlow's documented examples, then a classifier of
handwritten digits trained with `tf.gradients`."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np

import wengert as tf

__all__ = ["run"]


def _documented_examples() -> None:
    """The two examples of the documentation of tf.gradients inside tf.function."""

    @tf.function
    def sum_example() -> Any:
        a = tf.ones([1, 2])
        b = 5 * a
        res = tf.gradients([b + a], [a])
        print("res: ", res)
        return res

    @tf.function
    def product_example() -> Any:
        a = tf.ones([1, 2])
        b = 5 * a
        res = tf.gradients([b], [a])
        print("res: ", res)
        return res

    for example in (sum_example, product_example):
        (value,) = example()
        print("     evaluated:", value.numpy().tolist())


def _digits() -> tuple[np.ndarray, ...] | None:
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        return None
    data = load_digits()
    x = (data.data / 16.0).astype(np.float32)
    y = data.target.astype(np.int32)
    order = np.random.RandomState(0).permutation(len(x))
    held_out = len(x) // 5
    test, train = order[:held_out], order[held_out:]
    return x[train], y[train], x[test], y[test]


def _picture(path: str, losses: list[float], accuracies: list[float]) -> bool:
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, left = pyplot.subplots(figsize=(6, 4))
    left.plot(range(1, len(losses) + 1), losses, color="tab:blue")
    left.set_xlabel("epoch")
    left.set_ylabel("training loss (nats)", color="tab:blue")
    right = left.twinx()
    right.plot(range(1, len(losses) + 1), accuracies, color="tab:orange")
    right.set_ylabel("held-out accuracy", color="tab:orange")
    left.set_title("softmax classifier on handwritten digits")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
    return True


def run(output: str, epochs: int) -> int:
    """Prints the examples, trains, writes the picture; returns the exit status."""
    _documented_examples()
    data = _digits()
    if data is None:
        print(
            "The training run needs scikit-learn for its data: pip install 'wengert[demo]'",
            file=sys.stderr,
        )
        return 1
    x_train, y_train, x_test, y_test = data
    print(f"training on {len(x_train)} digits, {len(x_test)} held out")
    losses, accuracies, seconds = train(x_train, y_train, x_test, y_test, epochs)
    print(f"done in {seconds:.2f} s: loss {losses[-1]:.4f}, held-out accuracy {accuracies[-1]:.1%}")
    if _picture(output, losses, accuracies):
        print(f"loss curve: {output}")
    else:
        print("No picture: matplotlib is missing (pip install 'wengert[demo]').", file=sys.stderr)
    return 0


def train(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, epochs: int
) -> tuple[list[float], list[float], float]:
    """Softmax regression by gradient descent on batches.

    Returns
    -------
    losses, accuracies : list of float
        Mean training loss in nats and held-out accuracy after each epoch.
    seconds : float
    """
    features, classes, batch, rate = x_train.shape[1], 10, 64, 0.5
    weights = tf.Variable(tf.zeros([features, classes]), name="weights")
    bias = tf.Variable(tf.zeros([classes]), name="bias")

    @tf.function
    def step(x: Any, y: Any) -> Any:
        logits = tf.matmul(x, weights) + bias
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        )
        d_weights, d_bias = tf.gradients(loss, [weights, bias])
        weights.assign_sub(rate * d_weights)
        bias.assign_sub(rate * d_bias)
        return loss

    @tf.function
    def accuracy(x: Any, y: Any) -> Any:
        predicted = tf.argmax(tf.matmul(x, weights) + bias, axis=1, output_type=tf.int32)
        return tf.reduce_mean(tf.cast(tf.equal(predicted, y), tf.float32))

    shuffle = np.random.RandomState(1)
    losses: list[float] = []
    accuracies: list[float] = []
    start = time.perf_counter()
    for epoch in range(1, epochs + 1):
        order = shuffle.permutation(len(x_train))
        batches = [order[i : i + batch] for i in range(0, len(order) - batch + 1, batch)]
        epoch_losses = [step(x_train[b], y_train[b]).numpy() for b in batches]
        losses.append(float(np.mean(epoch_losses)))
        accuracies.append(float(accuracy(x_test, y_test).numpy()))
        if epoch == 1 or epoch % 10 == 0 or epoch == epochs:
            print(
                f"epoch {epoch:3d}  loss {losses[-1]:.4f}  held-out accuracy {accuracies[-1]:.1%}"
            )
    return losses, accuracies, time.perf_counter() - start
