"""Fits the polynomials of the kernels' functions and prints coefficients.h.

Needs mpmath. Most fits interpolate at Chebyshev nodes, which is within a factor of about two
of the best polynomial of that degree; where what errors weigh varies a lot, `remez` finds the
best one. `bits` on a line is the accuracy reached, measured as
stated at its call. Run: python fit_coefficients.py > coefficients.h
"""

import itertools

import mpmath as mp

mp.mp.dps = 60


def cheb_fit(f, lo, hi, n):
    """Monomial coefficients, lowest first, of the interpolant of f with n coefficients."""
    lo, hi = mp.mpf(lo), mp.mpf(hi)
    nodes = [
        (lo + hi) / 2 + (hi - lo) / 2 * mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)
    ]
    matrix = mp.matrix(n, n)
    rhs = mp.matrix(n, 1)
    for i, x in enumerate(nodes):
        for j in range(n):
            matrix[i, j] = x**j
        rhs[i] = f(x)
    return list(mp.lu_solve(matrix, rhs))


def horner(coefs, x):
    acc = mp.mpf(0)
    for c in reversed(coefs):
        acc = acc * x + c
    return acc


def alternating(errors, count):
    """Places of `count` extrema of alternating sign, the smallest left out."""
    places = []
    for i, e in enumerate(errors):
        if places and (errors[places[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[places[-1]]):
                places[-1] = i
        else:
            places.append(i)
    while len(places) > count:
        if len(places) == count + 1:
            places.pop(0 if abs(errors[places[0]]) < abs(errors[places[-1]]) else -1)
        else:
            sizes = [max(abs(errors[a]), abs(errors[b])) for a, b in itertools.pairwise(places)]
            k = sizes.index(min(sizes))
            del places[k : k + 2]
    return places


def remez(f, lo, hi, n, weight):
    """The n coefficients whose largest weighted error is least (Remez's exchange)."""
    grid, lo, hi = 600, mp.mpf(lo), mp.mpf(hi)
    xs = [lo + (hi - lo) * mp.mpf(i) / grid for i in range(grid + 1)]
    values, weights = [f(x) for x in xs], [weight(x) for x in xs]
    places = [int(mp.nint(grid * (1 - mp.cos(mp.pi * i / n)) / 2)) for i in range(n + 1)]
    for _ in range(12):
        matrix, rhs = mp.matrix(n + 1, n + 1), mp.matrix(n + 1, 1)
        for row, i in enumerate(places):
            for j in range(n):
                matrix[row, j] = xs[i] ** j
            matrix[row, n] = (-1) ** row / weights[i]
            rhs[row] = values[i]
        coefs = list(mp.lu_solve(matrix, rhs))[:n]
        errors = [(horner(coefs, x) - y) * w for x, y, w in zip(xs, values, weights, strict=True)]
        places = alternating(errors, n + 1)
    return coefs


def emit(name, ctype, f, lo, hi, n, weight, best=False):
    """weight(x): what an error of the polynomial at x is multiplied with in the relative result."""
    coefs = remez(f, lo, hi, n, weight) if best else cheb_fit(f, lo, hi, n)
    lo, hi = mp.mpf(lo), mp.mpf(hi)
    worst = max(
        abs((horner(coefs, x) - f(x)) * weight(x))
        for x in (lo + (hi - lo) * mp.mpf(i) / 400 for i in range(1, 401))
    )
    suffix = "f" if ctype == "float" else ""
    digits = 10 if ctype == "float" else 18
    body = ", ".join(mp.nstr(c, digits, min_fixed=0, max_fixed=0) + suffix for c in coefs)
    print(f"// {n} coefficients, {float(-mp.log(worst, 2)):.1f} bits")
    print(f"constexpr {ctype} {name}[] = {{{body}}};")


HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.01")


def exp_tail(r):  # e^r = 1 + r + r^2 q(r)
    return (mp.expm1(r) - r) / r**2 if abs(r) > mp.mpf("1e-15") else mp.mpf(1) / 2


def log_tail(z):  # log((1+s)/(1-s)) = 2s + s z L(z), z = s^2
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) - 2 * s) / (s * z)


def pow_log_tail(z):  # L(z) = 2/3 + z G(z)
    return (log_tail(z) - mp.mpf(2) / 3) / z


def odd_tail(f):  # f(x) = x + x z P(z), z = x^2
    def tail(z):
        x = mp.sqrt(z)
        return (f(x) - x) / (x * z)

    return tail


def cos_tail(z):  # cos x = 1 - z/2 + z^2 C(z)
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def cos_weight(z):  # cos x >= sqrt(1/2)
    return z**2 * mp.sqrt(2)


def erf_tail(z):  # erf x = x P(z)
    x = mp.sqrt(z)
    return mp.erf(x) / x


def erf_rest(z):  # erf x = x (2 / sqrt(pi) + z P(z))
    return (erf_tail(z) - 2 / mp.sqrt(mp.pi)) / z


ERFC_POLE = mp.mpf(3)


def erfcx_of(t):  # (1 + 2x) e^(x^2) erfc(x), t = (x - 3)/(x + 3)
    x = ERFC_POLE * (1 + t) / (1 - t)
    return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def t_of(x):
    return (mp.mpf(x) - ERFC_POLE) / (mp.mpf(x) + ERFC_POLE)


def emit_psi_constants():
    """Asymptotic series of digamma, in 1/x^2: the numbers B_2k / 2k."""
    body = ", ".join(
        mp.nstr(mp.bernoulli(2 * k) / (2 * k), 18, min_fixed=0, max_fixed=0) for k in range(1, 9)
    )
    print("// B_2k / 2k")
    print(f"constexpr double kDigammaSeries[] = {{{body}}};")


def main():
    print("// Made by fit_coefficients.py; lowest power first.")
    print("#pragma once\n")
    print("namespace wengert::kernels::WENGERT_ISA_NS {\nnamespace {\n")
    print("// clang-format off")
    quarter_pi2 = (mp.pi / 4 * mp.mpf("1.01")) ** 2
    log_z = mp.mpf("0.0295")
    tiny = mp.mpf("1e-12")  # the tails are 0/0 at 0 itself
    for ctype, tag, n in (("double", "F64", 10), ("float", "F32", 5)):
        emit(f"kExp{tag}", ctype, exp_tail, -HALF_LN2, HALF_LN2, n, lambda r: r**2)
    for ctype, tag, n in (("double", "F64", 7), ("float", "F32", 3)):
        emit(f"kLog{tag}", ctype, log_tail, tiny, log_z, n, lambda z: z / 2)
    emit("kPowLog", "double", pow_log_tail, tiny, log_z, 7, lambda z: z**2 / 2)
    for tag, n in (("F64", 6), ("F32", 4)):
        emit(f"kSin{tag}", "double", odd_tail(mp.sin), tiny, quarter_pi2, n, lambda z: z)
    for tag, n in (("F64", 6), ("F32", 4)):
        emit(
            f"kCos{tag}",
            "double",
            cos_tail,
            tiny,
            quarter_pi2,
            n,
            lambda z: z**2 * mp.sqrt(2),
        )
    emit("kSinNative", "float", odd_tail(mp.sin), tiny, quarter_pi2, 3, lambda z: z)
    emit("kCosNative", "float", cos_tail, tiny, quarter_pi2, 3, lambda z: z**2 * mp.sqrt(2))
    emit("kSinhF64", "double", odd_tail(mp.sinh), tiny, 1, 7, lambda z: z)
    emit("kAtanF64", "double", odd_tail(mp.atan), tiny, mp.mpf("0.1718"), 11, lambda z: z)
    emit("kAsinF64", "double", odd_tail(mp.asin), tiny, mp.mpf("0.25"), 13, lambda z: z)
    emit("kAsinhF64", "double", odd_tail(mp.asinh), tiny, mp.mpf("0.25"), 12, lambda z: z)
    emit("kErfNear", "float", erf_rest, tiny, 1, 6, lambda z: z, best=True)
    emit("kErfFar", "float", lambda a: mp.log(mp.erfc(a)), 1, 4, 7, mp.erfc, best=True)
    for tag, n in (("F64", 12), ("F32", 7)):
        emit(f"kErf{tag}", "double", erf_tail, tiny, 1, n, lambda z: 1)
    for tag, n in (("F64", 23), ("F32", 11)):
        emit(f"kErfcx{tag}", "double", erfcx_of, t_of("0.49"), t_of(28), n, lambda t: 1)
    emit_psi_constants()
    print("// clang-format on")
    print("\n}  // namespace\n}  // namespace wengert::kernels::WENGERT_ISA_NS")


if __name__ == "__main__":
    main()
