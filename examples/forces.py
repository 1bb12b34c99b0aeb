"""Forces from an energy: F = -dE/dR by `tf.gradients` inside a `tf.function`.

Shows: an energy written once (a harmonic chain with a Lennard-Jones term between all pairs), its
exact forces without writing them, a run of molecular dynamics with them, and the energy being
conserved, which it would not be if a force were wrong.

Usage: python examples/forces.py
"""

from __future__ import annotations

from typing import Any

import numpy as np

import wengert as tf

ATOMS, STEPS, TIME_STEP = 12, 2000, 0.002
PAIRS = np.array([(i, j) for i in range(ATOMS) for j in range(i + 1, ATOMS)], np.int32)


def energy(r: Any) -> Any:
    """Potential energy of positions r [atoms, 3]."""
    bonds = r[1:] - r[:-1]
    lengths = tf.sqrt(tf.reduce_sum(bonds * bonds, axis=1))
    harmonic = 50.0 * tf.reduce_sum((lengths - 1.1) ** 2)
    d = tf.gather(r, PAIRS[:, 0]) - tf.gather(r, PAIRS[:, 1])
    inverse6 = 1.0 / tf.reduce_sum(d * d, axis=1) ** 3
    return harmonic + tf.reduce_sum(4.0 * (inverse6 * inverse6 - inverse6))


@tf.function
def energy_and_forces(r: Any) -> Any:
    e = energy(r)
    return e, -tf.gradients(e, r)[0]


def main() -> None:
    random = np.random.RandomState(0)
    r = np.zeros((ATOMS, 3))
    r[:, 0] = 1.1 * np.arange(ATOMS)
    r += 0.02 * random.randn(ATOMS, 3)
    v = 0.3 * random.randn(ATOMS, 3)

    e, f = energy_and_forces(tf.constant(r))
    total = float(e) + 0.5 * (v**2).sum()
    print(f"net force (zero by symmetry): {np.abs(f.numpy().sum(axis=0)).max():.1e}")
    for step in range(1, STEPS + 1):  # velocity Verlet, unit masses
        v += 0.5 * TIME_STEP * f.numpy()
        r += TIME_STEP * v
        e, f = energy_and_forces(tf.constant(r))
        v += 0.5 * TIME_STEP * f.numpy()
        if step % 500 == 0:
            drift = float(e) + 0.5 * (v**2).sum() - total
            print(f"step {step}: potential energy {float(e):8.4f}, drift of the total {drift:+.1e}")


if __name__ == "__main__":
    main()
