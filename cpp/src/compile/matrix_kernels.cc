// Linear algebra, as kernels that call kernels/linalg.h.
#include <complex>
#include <string>

#include "kernels/linalg.h"
#include "wengert/lowering_kernels.h"

namespace wengert {
namespace {

namespace k = wengert::kernels;

const char* MatrixName(MatrixOp op) {
  switch (op) {
    case MatrixOp::kCholesky:
      return "Cholesky";
    case MatrixOp::kInverse:
      return "Inverse";
    case MatrixOp::kDeterminant:
      return "Determinant";
    case MatrixOp::kLogDeterminant:
      return "LogDeterminant";
    case MatrixOp::kSolve:
      return "Solve";
    case MatrixOp::kTriangularSolve:
      return "TriangularSolve";
    case MatrixOp::kBandedTriangularSolve:
      return "BandedTriangularSolve";
    case MatrixOp::kTridiagonalSolve:
      return "TridiagonalSolve";
    case MatrixOp::kLeastSquares:
      return "LeastSquares";
    case MatrixOp::kQr:
      return "Qr";
    case MatrixOp::kSvd:
      return "Svd";
    case MatrixOp::kEigenSymmetric:
      return "EigenSymmetric";
    case MatrixOp::kEigen:
      return "Eigen";
    case MatrixOp::kLu:
      return "Lu";
    case MatrixOp::kSquareRoot:
      return "SquareRoot";
    case MatrixOp::kLogarithm:
      return "Logarithm";
  }
  return "";
}

// The sizes of a problem: `batch` matrices m x n, right-hand sides with k columns.
struct Sizes {
  int64_t batch = 1, m = 0, n = 0, k = 0;
};

Sizes SizesOf(const std::vector<Dims>& dims) {
  const Dims& a = dims[0];
  Sizes s;
  s.m = a[a.size() - 2];
  s.n = a.back();
  s.batch = NumElements(Dims(a.begin(), a.end() - 2));
  if (dims.size() > 1) s.k = dims[1].back();
  return s;
}

// The address of an output, null when the caller does not want vectors.
template <class T>
T* Vectors(const Array& a, bool wanted) {
  return wanted ? a.data<T>() : nullptr;
}

[[noreturn]] void NotInvertible(const char* what) {
  throw InvalidArgument(std::string(what) + " is not invertible.");
}

template <class T>
void RunSolver(MatrixOp op, const MatrixOptions& o, const Sizes& s, const std::vector<Array>& in,
               const T* a, T* out) {
  const T* b = in[1].data<T>();
  switch (op) {
    case MatrixOp::kSolve:
      if (k::Solve(s.batch, s.n, s.k, o.adjoint, a, b, out) >= 0) NotInvertible("Input matrix");
      return;
    case MatrixOp::kTriangularSolve:
      return k::TriangularSolve(s.batch, s.n, s.k, o.lower, o.adjoint, a, b, out);
    case MatrixOp::kBandedTriangularSolve:
      if (k::BandedTriangularSolve(s.batch, s.m, s.n, s.k, o.lower, o.adjoint, a, b, out) >= 0) {
        NotInvertible("Input matrix");
      }
      return;
    case MatrixOp::kTridiagonalSolve:
      return k::TridiagonalSolve(s.batch, s.n, s.k, o.pivoting, o.perturb, a, b, out);
    default: {
      const double l2 = in[2].data<double>()[0];
      if (!(l2 >= 0)) throw InvalidArgument("l2_regularizer must be >= 0.");
      if (k::LeastSquares(s.batch, s.m, s.n, s.k, l2, o.fast, a, b, out) >= 0) {
        throw InvalidArgument(
            "Input matrix was rank deficient or ill-conditioned. Try setting fast=False or provide "
            "a larger l2_regularizer > 0.");
      }
    }
  }
}

template <class T>
void Run(MatrixOp op, const MatrixOptions& o, const Sizes& s, const std::vector<Array>& in,
         std::vector<Array>& out) {
  using R = k::Real<T>;
  using C = std::complex<R>;
  const T* a = in[0].data<T>();
  T* first = out[0].data<T>();
  constexpr char kNoEigen[] = "decomposition was not successful. The input might not be valid.";
  switch (op) {
    case MatrixOp::kCholesky:
      return k::Cholesky(s.batch, s.n, a, first);
    case MatrixOp::kInverse:
      if (k::Inverse(s.batch, s.n, o.adjoint, a, first) >= 0) NotInvertible("Input");
      return;
    case MatrixOp::kDeterminant:
      return k::Determinant(s.batch, s.n, a, first);
    case MatrixOp::kLogDeterminant:
      return k::LogDeterminant(s.batch, s.n, a, first, out[1].data<T>());
    case MatrixOp::kQr:
      return k::Qr(s.batch, s.m, s.n, o.full, a, first, out[1].data<T>());
    case MatrixOp::kSvd:
      return k::Svd(s.batch, s.m, s.n, o.full, a, out[0].data<R>(), Vectors<T>(out[1], o.vectors),
                    Vectors<T>(out[2], o.vectors));
    case MatrixOp::kEigenSymmetric:
      if (k::EigenSymmetric(s.batch, s.n, a, out[0].data<R>(), Vectors<T>(out[1], o.vectors)) >=
          0) {
        throw InvalidArgument(std::string("Self-adjoint eigen ") + kNoEigen);
      }
      return;
    case MatrixOp::kEigen:
      if (k::Eigen(s.batch, s.n, a, out[0].data<C>(), Vectors<C>(out[1], o.vectors)) >= 0) {
        throw InvalidArgument(std::string("Eigen ") + kNoEigen);
      }
      return;
    case MatrixOp::kLu:
      if (k::Lu(s.batch, s.n, a, first, out[1].data<int32_t>()) >= 0) NotInvertible("Input");
      return;
    case MatrixOp::kSquareRoot:
      return k::SquareRoot(s.batch, s.n, a, first);
    case MatrixOp::kLogarithm:
      if constexpr (k::kIsComplex<T>) k::Logarithm(s.batch, s.n, a, first);
      return;
    default:
      return RunSolver(op, o, s, in, a, first);
  }
}

// Dtypes and dims of the results.
void Declare(MatrixOp op, const MatrixOptions& o, DType dtype, const std::vector<Dims>& args,
             KernelSpec* spec) {
  const Dims& a = args[0];
  const Dims batch(a.begin(), a.end() - 2);
  const Sizes s = SizesOf(args);
  const int64_t rank = std::min(s.m, s.n);
  const DType real = RealDType(dtype);
  const DType complex = real == DType::kFloat64 ? DType::kComplex128 : DType::kComplex64;
  auto add = [&](DType type, const Dims& own) {
    Dims dims = batch;
    dims.insert(dims.end(), own.begin(), own.end());
    spec->dtypes.push_back(type);
    spec->dims.push_back(std::move(dims));
  };
  auto add_vectors = [&](DType type, int64_t rows, int64_t cols) {
    if (o.vectors) {
      add(type, {rows, cols});
    } else {
      spec->dtypes.push_back(type);
      spec->dims.push_back({0});
    }
  };
  switch (op) {
    case MatrixOp::kDeterminant:
      return add(dtype, {});
    case MatrixOp::kLogDeterminant:
      add(dtype, {});
      return add(dtype, {});
    case MatrixOp::kQr:
      add(dtype, {s.m, o.full ? s.m : rank});
      return add(dtype, {o.full ? s.m : rank, s.n});
    case MatrixOp::kSvd:
      add(real, {rank});
      add_vectors(dtype, s.m, o.full ? s.m : rank);
      return add_vectors(dtype, s.n, o.full ? s.n : rank);
    case MatrixOp::kEigenSymmetric:
      add(real, {s.n});
      return add_vectors(dtype, s.n, s.n);
    case MatrixOp::kEigen:
      add(complex, {s.n});
      return add_vectors(complex, s.n, s.n);
    case MatrixOp::kLu:
      add(dtype, {s.n, s.n});
      return add(DType::kInt32, {s.n});
    case MatrixOp::kSolve:
    case MatrixOp::kTriangularSolve:
    case MatrixOp::kBandedTriangularSolve:
    case MatrixOp::kTridiagonalSolve:
    case MatrixOp::kLeastSquares:
      return add(dtype, {s.n, s.k});
    default:
      return add(dtype, {s.n, s.n});
  }
}

std::string Key(const MatrixOptions& o) {
  std::string key;
  for (bool flag : {o.adjoint, o.lower, o.full, o.vectors, o.fast, o.pivoting, o.perturb}) {
    key += flag ? '1' : '0';
  }
  return key;
}

}  // namespace

std::vector<Value> MatrixKernel(Lowering& b, MatrixOp op, const std::vector<Value>& args,
                                const MatrixOptions& options) {
  std::vector<Dims> shapes;
  for (Value v : args) shapes.push_back(b.dims(v));
  const DType type = b.dtype(args.at(0));
  const size_t matrices = op == MatrixOp::kLeastSquares ? 2 : args.size();
  for (size_t i = 0; i < matrices; ++i) {
    if (shapes[i].size() < 2 || shapes[i].size() != shapes[0].size() || b.dtype(args[i]) != type ||
        !std::equal(shapes[i].begin(), shapes[i].end() - 2, shapes[0].begin())) {
      throw InvalidArgument(std::string(MatrixName(op)) +
                            " expects batches of matrices of one dtype, got " +
                            ToString(shapes[0]) + " and " + ToString(shapes[i]));
    }
  }
  KernelSpec spec;
  spec.name = MatrixName(op);
  spec.key = Key(options);
  Declare(op, options, type, shapes, &spec);
  const Sizes sizes = SizesOf(shapes);
  spec.run = [op, options, sizes, type](const std::vector<Array>& in, std::vector<Array>& out) {
    switch (type) {
      case DType::kFloat32:
        return Run<float>(op, options, sizes, in, out);
      case DType::kFloat64:
        return Run<double>(op, options, sizes, in, out);
      case DType::kComplex64:
        return Run<std::complex<float>>(op, options, sizes, in, out);
      case DType::kComplex128:
        return Run<std::complex<double>>(op, options, sizes, in, out);
      default:
        throw Error(ErrorKind::kInternal,
                    std::string(MatrixName(op)) + " has no kernel for " + Name(type));
    }
  };
  return b.Kernel(std::move(spec), args);
}

}  // namespace wengert
