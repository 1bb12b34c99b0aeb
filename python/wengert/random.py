"""Random numbers (`tf.random`)."""

from types import SimpleNamespace as _Namespace

from wengert import _random_generator as _g
from wengert._random_generator import (
    Algorithm,
    Generator,
    create_rng_state,
    get_global_generator,
    set_global_generator,
)
from wengert._random_ops import (
    categorical,
    fold_in,
    gamma,
    normal,
    poisson,
    shuffle,
    split,
    stateless_categorical,
    stateless_gamma,
    stateless_normal,
    stateless_parameterized_truncated_normal,
    stateless_poisson,
    stateless_shuffle,
    stateless_truncated_normal,
    stateless_uniform,
    truncated_normal,
    uniform,
)
from wengert._random_seed import set_seed

experimental = _Namespace(
    Algorithm=Algorithm, Generator=Generator, create_rng_state=create_rng_state,
    get_global_generator=_g.get_global_generator, set_global_generator=_g.set_global_generator,
    stateless_fold_in=fold_in, stateless_shuffle=stateless_shuffle, stateless_split=split,
)  # fmt: skip

__all__ = [
    "Algorithm", "Generator", "categorical", "create_rng_state", "experimental", "fold_in",
    "gamma", "get_global_generator", "normal", "poisson", "set_global_generator", "set_seed",
    "shuffle", "split", "stateless_categorical", "stateless_gamma", "stateless_normal",
    "stateless_parameterized_truncated_normal", "stateless_poisson", "stateless_shuffle",
    "stateless_truncated_normal", "stateless_uniform", "truncated_normal", "uniform",
]  # fmt: skip
