// Steps of optimizers, each written once: for whole arrays (Num) and for single elements.
#pragma once

#include <algorithm>
#include <cmath>

#include "wengert/lowering.h"

namespace wengert::training {

// A value of a program, with the operators that the steps are written in.
struct Num {
  Lowering* b = nullptr;
  Value v;
};
inline Num Make(const Num& like, Value v) {
  return {like.b, v};
}
inline Num Literal(const Num& like, double x) {
  return Make(like, like.b->Scalar(like.b->dtype(like.v), x));
}
inline Num operator+(const Num& x, const Num& y) {
  return Make(x, x.b->Add(x.v, y.v));
}
inline Num operator-(const Num& x, const Num& y) {
  return Make(x, x.b->Sub(x.v, y.v));
}
inline Num operator*(const Num& x, const Num& y) {
  return Make(x, x.b->Mul(x.v, y.v));
}
inline Num operator/(const Num& x, const Num& y) {
  return Make(x, x.b->Div(x.v, y.v));
}
inline Num operator-(const Num& x) {
  return Make(x, x.b->Map(ScalarOp::kNeg, x.v));
}
inline Num Sqrt(const Num& x) {
  return Make(x, x.b->Map(ScalarOp::kSqrt, x.v));
}
inline Num Rsqrt(const Num& x) {
  return Make(x, x.b->Map(ScalarOp::kRsqrt, x.v));
}
inline Num Exp(const Num& x) {
  return Make(x, x.b->Map(ScalarOp::kExp, x.v));
}
inline Num Abs(const Num& x) {
  return Make(x, x.b->Map(ScalarOp::kAbs, x.v));
}
inline Num Sign(const Num& x) {
  return Make(x, x.b->Map(ScalarOp::kSign, x.v));
}
inline Num Pow(const Num& x, const Num& y) {
  return Make(x, x.b->Map(ScalarOp::kPow, x.v, y.v));
}
inline Num Max(const Num& x, const Num& y) {
  return Make(x, x.b->Map(ScalarOp::kMaximum, x.v, y.v));
}
// x > limit ? a : 0
inline Num WhereGreater(const Num& x, const Num& limit, const Num& a) {
  const Value condition = x.b->Map(ScalarOp::kGreater, x.v, limit.v);
  return Make(x, x.b->Select(condition, a.v, Literal(x, 0).v));
}

// The same for a single element.
template <class T>
T Literal(T, double x) {
  return static_cast<T>(x);
}
template <class T>
T Sqrt(T x) {
  return std::sqrt(x);
}
template <class T>
T Rsqrt(T x) {
  return T(1) / std::sqrt(x);
}
template <class T>
T Abs(T x) {
  return std::abs(x);
}
template <class T>
T Sign(T x) {
  return T(x > 0) - T(x < 0);
}
template <class T>
T Pow(T x, T y) {
  return std::pow(x, y);
}
template <class T>
T Max(T x, T y) {
  return x > y || std::isnan(x) ? x : y;
}
template <class T>
T WhereGreater(T x, T limit, T a) {
  return x > limit ? a : T(0);
}

// What a step changes and what it sees.
template <class N>
struct Step {
  N var;      // the variable
  N slot[3];  // what the optimizer keeps for it, in the order of the signature
  N arg[8];   // scalar arguments, in the order of the signature
  N g;        // the gradient
  bool flag;  // the op's attribute that changes the step
};

// x -= alpha g
struct GradientDescent {
  template <class N>
  static void Run(Step<N>& s) {
    s.var = s.var - s.arg[0] * s.g;
  }
};

// a = mu a + g;  x -= lr a, or x -= lr (g + mu a) after Nesterov
struct Momentum {
  template <class N>
  static void Run(Step<N>& s) {
    const N lr = s.arg[0], mu = s.arg[1];
    s.slot[0] = mu * s.slot[0] + s.g;
    s.var = s.flag ? s.var - (s.g * lr + s.slot[0] * mu * lr) : s.var - lr * s.slot[0];
  }
};

// a = mu a - lr g;  x += a, or x += mu a - lr g after Nesterov
struct KerasMomentum {
  template <class N>
  static void Run(Step<N>& s) {
    const N lr = s.arg[0], mu = s.arg[1];
    s.slot[0] = mu * s.slot[0] - lr * s.g;
    s.var = s.flag ? s.var + (mu * s.slot[0] - lr * s.g) : s.var + s.slot[0];
  }
};

// m += (1 - b1) (g - m);  v += (1 - b2) (g^2 - v);  x -= alpha m / (sqrt(v) + eps), where
// alpha = lr sqrt(1 - b2^t) / (1 - b1^t); after Nesterov b1 m + (1 - b1) g in place of m
struct Adam {
  template <class N>
  static void Run(Step<N>& s) {
    const N one = Literal(s.arg[0], 1);
    const N b1 = s.arg[3], b2 = s.arg[4], eps = s.arg[5];
    const N alpha = s.arg[2] * Sqrt(one - s.arg[1]) / (one - s.arg[0]);
    N &m = s.slot[0], &v = s.slot[1];
    m = m + (s.g - m) * (one - b1);
    v = v + (s.g * s.g - v) * (one - b2);
    const N direction = s.flag ? m * b1 + (one - b1) * s.g : m;
    s.var = s.var - (direction * alpha) / (Sqrt(v) + eps);
  }
};

// As Adam, with the largest v so far below the root
struct Amsgrad {
  template <class N>
  static void Run(Step<N>& s) {
    const N one = Literal(s.arg[0], 1);
    const N b1 = s.arg[3], b2 = s.arg[4], eps = s.arg[5];
    const N alpha = s.arg[2] * Sqrt(one - s.arg[1]) / (one - s.arg[0]);
    N &m = s.slot[0], &v = s.slot[1], &largest = s.slot[2];
    m = m + (s.g - m) * (one - b1);
    v = v + (s.g * s.g - v) * (one - b2);
    largest = Max(largest, v);
    s.var = s.var - (m * alpha) / (Sqrt(largest) + eps);
  }
};

// m += (1 - b1) (g - m);  v = max(b2 v, |g|);  x -= lr / (1 - b1^t) m / (v + eps)
struct AdaMax {
  template <class N>
  static void Run(Step<N>& s) {
    const N one = Literal(s.arg[0], 1);
    const N lr = s.arg[1], b1 = s.arg[2], b2 = s.arg[3], eps = s.arg[4];
    N &m = s.slot[0], &v = s.slot[1];
    m = m + (s.g - m) * (one - b1);
    v = Max(b2 * v, Abs(s.g));
    s.var = s.var - lr / (one - s.arg[0]) * (m / (v + eps));
  }
};

// a += g^2 (unless update_slots is false);  x -= lr g / sqrt(a)
struct Adagrad {
  template <class N>
  static void Run(Step<N>& s) {
    if (s.flag) s.slot[0] = s.slot[0] + s.g * s.g;
    s.var = s.var - s.arg[0] * s.g * Rsqrt(s.slot[0]);
  }
};

// a += g^2 (unless update_slots is false);  x -= lr g / (sqrt(a) + eps)
struct AdagradV2 {
  template <class N>
  static void Run(Step<N>& s) {
    if (s.flag) s.slot[0] = s.slot[0] + s.g * s.g;
    s.var = s.var - s.arg[0] * s.g / (Sqrt(s.slot[0]) + s.arg[1]);
  }
};

// sum of g, sum of g^2;  x = -lr shrink(sum g, l1 t) / (l2 t lr + sqrt(sum g^2))
struct AdagradDA {
  template <class N>
  static void Run(Step<N>& s) {
    const N lr = s.arg[0], l1 = s.arg[1], l2 = s.arg[2], t = s.arg[3];
    N &sum = s.slot[0], &squares = s.slot[1];
    sum = sum + s.g;
    squares = squares + s.g * s.g;
    const N shrunk = Sign(sum) * Max(Abs(sum) - l1 * t, Literal(lr, 0));
    s.var = -(lr * shrunk) / (l2 * t * lr + Sqrt(squares));
  }
};

// a = rho a + (1 - rho) g^2;  d = sqrt(u + eps) / sqrt(a + eps) g;  x -= lr d;
// u = rho u + (1 - rho) d^2
struct Adadelta {
  template <class N>
  static void Run(Step<N>& s) {
    const N lr = s.arg[0], rho = s.arg[1], eps = s.arg[2];
    const N rest = Literal(rho, 1) - rho;
    N &a = s.slot[0], &u = s.slot[1];
    a = a * rho + s.g * s.g * rest;
    const N d = Sqrt(u + eps) * Rsqrt(a + eps) * s.g;
    s.var = s.var - d * lr;
    u = u * rho + d * d * rest;
  }
};

// ms += (1 - rho) (g^2 - ms);  mom = mu mom + lr g / sqrt(ms + eps);  x -= mom
struct RMSProp {
  template <class N>
  static void Run(Step<N>& s) {
    const N lr = s.arg[0], rho = s.arg[1], mu = s.arg[2], eps = s.arg[3];
    N &ms = s.slot[0], &mom = s.slot[1];
    ms = ms + (s.g * s.g - ms) * (Literal(rho, 1) - rho);
    mom = mom * mu + (s.g * lr) / Sqrt(ms + eps);
    s.var = s.var - mom;
  }
};

// As RMSProp, with the variance ms - mg^2 below the root, where mg += (1 - rho) (g - mg)
struct CenteredRMSProp {
  template <class N>
  static void Run(Step<N>& s) {
    const N lr = s.arg[0], rho = s.arg[1], mu = s.arg[2], eps = s.arg[3];
    const N rest = Literal(rho, 1) - rho;
    N &mg = s.slot[0], &ms = s.slot[1], &mom = s.slot[2];
    ms = ms + (s.g * s.g - ms) * rest;
    mg = mg + (s.g - mg) * rest;
    mom = mom * mu + (s.g * lr) / Sqrt(ms - mg * mg + eps);
    s.var = s.var - mom;
  }
};

// a' = a + g^2;  z += h - (a'^-p - a^-p) / lr x;  x = -shrink(z, l1) / (a'^-p / lr + 2 l2),
// where h = g + 2 shrinkage x. The flag keeps z multiplied by lr.
template <class N>
void FtrlStep(Step<N>& s, const N& h, const N& lr, const N& l1, const N& l2, const N& power) {
  N &a = s.slot[0], &z = s.slot[1];
  const N two = Literal(lr, 2);
  const N grown = a + s.g * s.g;
  const N root = Pow(grown, -power);
  const N change = root - Pow(a, -power);
  z = s.flag ? z + lr * h - change * s.var : z + h - change / lr * s.var;
  const N limit = s.flag ? l1 * lr : l1;
  const N bend = s.flag ? root + two * l2 * lr : root / lr + two * l2;
  s.var = WhereGreater(Abs(z), limit, (Sign(z) * limit - z) / bend);
  a = grown;
}
struct Ftrl {
  template <class N>
  static void Run(Step<N>& s) {
    FtrlStep(s, N(s.g), N(s.arg[0]), N(s.arg[1]), N(s.arg[2]), N(s.arg[3]));
  }
};
struct FtrlV2 {
  template <class N>
  static void Run(Step<N>& s) {
    const N h = s.g + Literal(s.arg[0], 2) * s.arg[3] * s.var;
    FtrlStep(s, h, N(s.arg[0]), N(s.arg[1]), N(s.arg[2]), N(s.arg[4]));
  }
};

// p = x - alpha g;  x = shrink(p, alpha l1) / (1 + alpha l2)
template <class N>
N Proximal(const N& p, const N& alpha, const N& l1, const N& l2) {
  const N zero = Literal(l1, 0), one = Literal(l1, 1);
  return Sign(p) * Max(Abs(p) - alpha * Max(l1, zero), zero) / (one + alpha * l2);
}
struct ProximalGradientDescent {
  template <class N>
  static void Run(Step<N>& s) {
    const N alpha = s.arg[0], l1 = s.arg[1], l2 = s.arg[2];
    s.var = Proximal<N>(s.var - alpha * s.g, alpha, l1, l2);
  }
};
// a += g^2, and the step above with alpha = lr / sqrt(a)
struct ProximalAdagrad {
  template <class N>
  static void Run(Step<N>& s) {
    const N lr = s.arg[0], l1 = s.arg[1], l2 = s.arg[2];
    s.slot[0] = s.slot[0] + s.g * s.g;
    const N alpha = lr * Rsqrt(s.slot[0]);
    s.var = Proximal<N>(s.var - alpha * s.g, alpha, l1, l2);
  }
};

// m = beta m + (1 - beta) g;  x -= lr (alpha + decay sign(g) sign(m)) g
struct AddSign {
  template <class N>
  static void Run(Step<N>& s) {
    const N lr = s.arg[0], alpha = s.arg[1], decay = s.arg[2], beta = s.arg[3];
    s.slot[0] = s.slot[0] * beta + s.g * (Literal(beta, 1) - beta);
    s.var = s.var - lr * (alpha + decay * Sign(s.g) * Sign(s.slot[0])) * s.g;
  }
};
// m likewise;  x -= lr exp(logbase decay sign(g) sign(m)) g
struct PowerSign {
  template <class N>
  static void Run(Step<N>& s) {
    const N lr = s.arg[0], base = s.arg[1], decay = s.arg[2], beta = s.arg[3];
    s.slot[0] = s.slot[0] * beta + s.g * (Literal(beta, 1) - beta);
    s.var = s.var - lr * Exp(base * decay * Sign(s.g) * Sign(s.slot[0])) * s.g;
  }
};

}  // namespace wengert::training
