// Special functions of real arguments, in double precision. Total functions: outside their
// domain they give NaN or a limit, never an error.
#pragma once

namespace wengert::special {

double ErfInverse(double x);
double NormalQuantile(double p);  // inverse of the standard normal distribution function
double Digamma(double x);
// n-th derivative of digamma, n = 0, 1, ...; NaN for other n.
double Polygamma(double n, double x);
// Hurwitz zeta: sum over k of (q + k)^-s, s > 1.
double Zeta(double s, double q);

// Regularised incomplete gamma functions, and the derivative of the lower one along a.
double IgammaLower(double a, double x);
double IgammaUpper(double a, double x);
double IgammaGradA(double a, double x);
double BetaInc(double a, double b, double x);  // regularised incomplete beta

// Bessel functions; e: multiplied by exp(-|x|) (I) or exp(x) (K).
double BesselI0(double x);
double BesselI0e(double x);
double BesselI1(double x);
double BesselI1e(double x);
double BesselJ0(double x);
double BesselJ1(double x);
double BesselY0(double x);
double BesselY1(double x);
double BesselK0(double x);
double BesselK0e(double x);
double BesselK1(double x);
double BesselK1e(double x);

double Dawson(double x);       // exp(-x^2) times the integral of exp(t^2) from 0 to x
double ExpIntegral(double x);  // Ei
double FresnelCos(double x);
double FresnelSin(double x);
double Spence(double x);  // minus the integral of log(t) / (t - 1) from 1 to x

// x^a e^-x / Gamma(a), without overflow on the way.
double GammaKernel(double a, double x);

}  // namespace wengert::special
