// Wengert without Python: builds a graph, differentiates it, compiles it, and runs it on this
// program's own memory.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "wengert/wengert.h"

int main() {
  using namespace wengert;
  try {
    // y = sum(tanh(x w)), dy/dw
    auto graph = Graph::Create();
    Builder b(*graph);
    Tensor x = b.Placeholder(DType::kFloat64, {2, 3}, "x");
    Tensor w = b.Placeholder(DType::kFloat64, {3, 1}, "w");
    Tensor y = b.ReduceSum(b.Op("Tanh", {b.MatMul(x, w)}));
    Grad dw = Gradients(*graph, {y}, {w})[0];
    std::printf("gradient node: %s\n", dw.tensor().name().c_str());

    auto f = Executable::Compile(graph, {x, w}, {y, dw.tensor()});

    // Inputs are borrowed from the program's own memory.
    std::vector<double> x_data = {1, 2, 3, 4, 5, 6}, w_data = {0.1, -0.2, 0.05};
    Array x_value(DType::kFloat64, {2, 3},
                  Buffer::Borrow(x_data.data(), x_data.size() * sizeof(double), [] {}));
    Array w_value(DType::kFloat64, {3, 1},
                  Buffer::Borrow(w_data.data(), w_data.size() * sizeof(double), [] {}));
    std::vector<Array> results = f->Run({x_value, w_value});

    double expected_y = 0, expected_dw[3] = {0, 0, 0};
    for (int i = 0; i < 2; ++i) {
      double t = 0;
      for (int k = 0; k < 3; ++k) t += x_data[i * 3 + k] * w_data[k];
      t = std::tanh(t);
      expected_y += t;
      for (int k = 0; k < 3; ++k) expected_dw[k] += (1 - t * t) * x_data[i * 3 + k];
    }
    double error = std::abs(results[0].data<double>()[0] - expected_y);
    for (int k = 0; k < 3; ++k) {
      error = std::fmax(error, std::abs(results[1].data<double>()[k] - expected_dw[k]));
    }
    std::printf("y = %.12f, largest error %.1e\n", results[0].data<double>()[0], error);

    // The hot path writes the results into the program's own memory as well.
    double y_out = 0, dw_out[3] = {0, 0, 0};
    const int64_t x_dims[] = {2, 3}, w_dims[] = {3, 1};
    ArrayView inputs[] = {{DType::kFloat64, 2, x_dims, x_data.data()},
                          {DType::kFloat64, 2, w_dims, w_data.data()}};
    ArrayView outputs[] = {{DType::kFloat64, 0, nullptr, &y_out},
                           {DType::kFloat64, 2, w_dims, dw_out}};
    if (!f->RunPrepared(inputs, outputs, nullptr)) return 1;
    error = std::fmax(error, std::abs(y_out - expected_y));
    std::printf("in place: y = %.12f\n", y_out);

    // Errors are exceptions that name the operation.
    try {
      b.MatMul(x, x);
      return 1;
    } catch (const Error& e) {
      std::printf("as expected: %s\n", e.what());
    }
    return error < 1e-12 ? 0 : 1;
  } catch (const Error& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}
