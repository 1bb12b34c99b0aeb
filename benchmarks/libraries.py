"""How each library makes a call of a program of `programs`: value and gradient as NumPy arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

Call = Callable[[], list[np.ndarray]]


def _loss(program: ModuleType, library: str, m: Any, cfg: Any, *more: Any) -> Callable[..., Any]:
    if hasattr(program, library):
        return getattr(program, library)(*more, cfg)
    return lambda *a: program.loss(m, cfg, *a)


# --- TensorFlow and Wengert -------------------------------------------------------------------


def wengert(program: ModuleType, cfg: Any, arguments: list[np.ndarray], _: int) -> Call:
    return _tensorflow_like("wengert", program, cfg, arguments)


def tensorflow(program: ModuleType, cfg: Any, arguments: list[np.ndarray], threads: int) -> Call:
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):  # already running
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    return _tensorflow_like("tensorflow", program, cfg, arguments)


def _tensorflow_like(module: str, program: ModuleType, cfg: Any, arguments: Any) -> Call:
    tf: Any = __import__(module)
    if hasattr(program, "tensorflow_step"):
        return program.tensorflow_step(tf, cfg, arguments)

    class Functions:
        sin, tanh, relu = tf.sin, tf.tanh, tf.nn.relu
        total = staticmethod(tf.reduce_sum)

        @staticmethod
        def concat(*xs: Any) -> Any:
            return tf.concat(xs, 1)

        @staticmethod
        def cross_entropy(z: Any, y: Any) -> Any:
            return tf.reduce_sum(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=z))

        @staticmethod
        def derivatives(net: Any, t: Any, x: Any) -> Any:
            u = net(t, x)
            u_t, u_x = tf.gradients(u, [t, x])
            return u, u_t, u_x, tf.gradients(u_x, x)[0]

    loss = _loss(program, "tensorflow", Functions, cfg, tf)

    @tf.function(autograph=False)
    def f(*a: Any) -> Any:
        y = loss(*a)
        return [y, *tf.gradients(y, list(a[: program.TRAINED]))]

    tensors = [tf.constant(a) for a in arguments]
    return lambda: [r.numpy() for r in f(*tensors)]


# --- JAX --------------------------------------------------------------------------------------


def jax(program: ModuleType, cfg: Any, arguments: list[np.ndarray], _: int) -> Call:
    import jax
    import jax.numpy as jnp

    if hasattr(program, "jax_step"):
        return program.jax_step(cfg, arguments)

    class Functions:
        sin, tanh, relu, total = jnp.sin, jnp.tanh, jax.nn.relu, jnp.sum

        @staticmethod
        def concat(*xs: Any) -> Any:
            return jnp.concatenate(xs, 1)

        @staticmethod
        def cross_entropy(z: Any, y: Any) -> Any:
            return -jnp.sum(y * jax.nn.log_softmax(z))

        @staticmethod
        def derivatives(net: Any, t: Any, x: Any) -> Any:
            def total(t: Any, x: Any) -> Any:
                return jnp.sum(net(t, x))

            u_t, u_x = jax.grad(total, (0, 1))(t, x)
            u_xx = jax.grad(lambda x: jnp.sum(jax.grad(total, 1)(t, x)))(x)
            return net(t, x), u_t, u_x, u_xx

    loss = _loss(program, "jax", Functions, cfg)
    wanted = tuple(range(len(arguments[: program.TRAINED])))
    f = jax.jit(jax.value_and_grad(loss, wanted))
    arrays = [jnp.asarray(a) for a in arguments]

    def call() -> list[np.ndarray]:
        y, gradients = f(*arrays)
        return [np.asarray(r) for r in (y, *gradients)]

    return call


# --- PyTorch ----------------------------------------------------------------------------------


def _torch_loss(program: ModuleType, cfg: Any) -> Callable[..., Any]:
    import torch

    class Functions:
        sin, tanh, relu, total = torch.sin, torch.tanh, torch.relu, torch.sum

        @staticmethod
        def concat(*xs: Any) -> Any:
            return torch.cat(xs, 1)

        @staticmethod
        def cross_entropy(z: Any, y: Any) -> Any:
            return torch.nn.functional.cross_entropy(z, y, reduction="sum")

        @staticmethod
        def derivatives(net: Any, t: Any, x: Any) -> Any:
            t, x = t.clone().requires_grad_(), x.clone().requires_grad_()
            u = net(t, x)
            u_t, u_x = torch.autograd.grad(u.sum(), (t, x), create_graph=True)
            return u, u_t, u_x, torch.autograd.grad(u_x.sum(), x, create_graph=True)[0]

    return _loss(program, "torch", Functions, cfg)


def torch(program: ModuleType, cfg: Any, arguments: list[np.ndarray], threads: int) -> Call:
    import torch

    torch.set_num_threads(threads)
    if hasattr(program, "torch_step"):
        return program.torch_step(cfg, arguments)
    loss = _torch_loss(program, cfg)
    tensors = [torch.from_numpy(a) for a in arguments]
    wanted = [t.requires_grad_() for t in tensors[: program.TRAINED]]

    def call() -> list[np.ndarray]:
        y = loss(*tensors)
        return [r.detach().numpy() for r in (y, *torch.autograd.grad(y, wanted))]

    return call


def torch_compile(program: ModuleType, cfg: Any, arguments: list[np.ndarray], threads: int) -> Call:
    """The value and the gradient compiled together, by way of functional transformations."""
    import torch

    torch.set_num_threads(threads)
    loss = _torch_loss(program, cfg)
    tensors = [torch.from_numpy(a) for a in arguments]
    wanted = tuple(range(len(arguments[: program.TRAINED])))
    f = torch.compile(torch.func.grad_and_value(loss, wanted))

    def call() -> list[np.ndarray]:
        gradients, y = f(*tensors)
        return [r.numpy() for r in (y, *gradients)]

    return call


LIBRARIES: dict[str, Callable[..., Call]] = {
    "wengert": wengert, "tensorflow": tensorflow, "jax": jax, "torch": torch,
    "torch.compile": torch_compile,
}  # fmt: skip
