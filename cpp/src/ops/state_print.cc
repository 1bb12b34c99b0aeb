// Ops that write to the standard streams: Print and PrintV2; StringFormat makes their text.
#include <algorithm>
#include <atomic>
#include <complex>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <sstream>

#include "ops/state_util.h"
#include "wengert/builder.h"
#include "wengert/error.h"

namespace wengert {
namespace {

void AppendElement(std::ostringstream& out, const Array& a, int64_t i) {
  if (a.dtype() == DType::kString) {
    out << a.strings()[static_cast<size_t>(i)];
  } else if (a.dtype() == DType::kComplex64) {
    out << a.data<std::complex<float>>()[i];
  } else if (a.dtype() == DType::kComplex128) {
    out << a.data<std::complex<double>>()[i];
  } else if (IsFloating(a.dtype())) {
    out << a.AsDouble(i);
  } else if (IsPlainData(a.dtype())) {
    out << a.AsInt(i);
  } else {
    out << '?';
  }
}

// Enough digits to read the same number back, and no more than that needs.
std::string Digits(const Array& a, int64_t i) {
  char text[40];
  const double v = a.AsDouble(i);
  const bool wide = a.dtype() == DType::kFloat64;
  std::snprintf(text, sizeof text, wide ? "%.15g" : "%.6g", v);
  const bool same =
      wide ? std::strtod(text, nullptr) == v : std::strtof(text, nullptr) == static_cast<float>(v);
  if (!same) std::snprintf(text, sizeof text, wide ? "%.17g" : "%.9g", v);
  return text;
}

// One element as tf.print shows it.
std::string Shown(const Array& a, int64_t i, bool quoted) {
  if (a.dtype() == DType::kString) {
    const std::string& s = a.strings()[static_cast<size_t>(i)];
    return quoted ? '"' + s + '"' : s;
  }
  if (IsFloating(a.dtype())) return Digits(a, i);
  std::ostringstream out;
  AppendElement(out, a, i);
  return out.str();
}

// Brackets by axis, a line per row; of longer axes the first and last `edge` (all if negative).
std::string Layout(const Array& a, int64_t edge) {
  if (a.rank() == 0) return Shown(a, 0, false);
  std::string out;
  std::function<void(int, int64_t)> axis = [&](int d, int64_t first) {
    const int64_t n = a.dims()[static_cast<size_t>(d)];
    int64_t stride = 1;
    for (int k = d + 1; k < a.rank(); ++k) stride *= a.dims()[static_cast<size_t>(k)];
    const bool inner = d == a.rank() - 1;
    const std::string gap = inner ? " "
                                  : std::string(static_cast<size_t>(a.rank() - 1 - d), '\n') +
                                        std::string(static_cast<size_t>(d) + 1, ' ');
    out += '[';
    for (int64_t i = 0; i < n; ++i) {
      if (i > 0) out += gap;
      if (edge >= 0 && n > 2 * edge && i == edge) {
        out += "...";
        i = n - edge - 1;
        continue;
      }
      if (inner) {
        out += Shown(a, first + i, true);
      } else {
        axis(d + 1, first + i * stride);
      }
    }
    out += ']';
  };
  axis(0, 0);
  return out;
}

void Write(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

void LowerPrint(LoweringContext& c) {
  const int64_t limit = c.op.int_attr("summarize"), most = c.op.int_attr("first_n");
  KernelSpec spec;
  spec.name = "Print";
  spec.stateful = true;
  auto calls = std::make_shared<std::atomic<int64_t>>(0);
  spec.run = [=, message = c.op.string_attr("message")](const std::vector<Array>& in,
                                                        std::vector<Array>&) {
    if (most >= 0 && calls->fetch_add(1) >= most) return;
    std::string text = message;
    for (const Array& a : in) {
      const std::string summary = SummaryOf(a, limit);
      text += a.rank() == 0 ? "[" + summary + "]" : summary;
    }
    Write(stderr, text + "\n");
  };
  c.b.Kernel(std::move(spec), std::vector<Value>(c.in.begin() + 1, c.in.end()));
  c.set(c.x(0));
}

void LowerPrintV2(LoweringContext& c) {
  if (c.b.size(c.x(0)) != 1) c.Fail("Input is expected to be scalar, got " + ToString(c.dims(0)));
  const std::string& stream = c.op.string_attr("output_stream");
  std::FILE* file = stream == "stdout" ? stdout : stderr;
  constexpr char kFile[] = "file://";
  const std::string path = stream.rfind(kFile, 0) == 0 ? stream.substr(sizeof kFile - 1) : "";
  if (path.empty() && stream != "stdout" && stream != "stderr" && stream.rfind("log(", 0) != 0) {
    c.Fail("Unknown output stream: " + stream);
  }
  KernelSpec spec;
  spec.name = "PrintV2";
  spec.stateful = true;
  spec.run = [=, end = c.op.string_attr("end")](const std::vector<Array>& in, std::vector<Array>&) {
    const std::string text = in[0].strings()[0] + end;
    if (path.empty()) return Write(file, text);
    std::FILE* to = std::fopen(path.c_str(), "a");
    if (to == nullptr) throw Error(ErrorKind::kNotFound, "cannot append to the file " + path);
    Write(to, text);
    std::fclose(to);
  };
  c.b.Kernel(std::move(spec), c.in);
}

void LowerStringFormat(LoweringContext& c) {
  const std::string form = c.op.string_attr("template");
  const std::string placeholder = c.op.string_attr("placeholder");
  size_t places = 0;
  if (placeholder.empty()) c.Fail("placeholder must not be empty");
  for (size_t at = form.find(placeholder); at != std::string::npos;
       at = form.find(placeholder, at + placeholder.size())) {
    ++places;
  }
  if (places != c.in.size()) {
    c.Fail("num placeholders in template and num inputs must match: " + std::to_string(places) +
           " vs. " + std::to_string(c.in.size()));
  }
  KernelSpec spec;
  spec.name = "StringFormat";
  spec.key = placeholder + "/" + form + "/" + std::to_string(c.op.int_attr("summarize"));
  spec.dtypes = {DType::kString};
  spec.dims = {{}};
  spec.run = [=, edge = c.op.int_attr("summarize")](const std::vector<Array>& in,
                                                    std::vector<Array>& out) {
    std::string text;
    size_t from = 0;
    for (const Array& a : in) {
      const size_t at = form.find(placeholder, from);
      text.append(form, from, at - from).append(Layout(a, edge));
      from = at + placeholder.size();
    }
    out[0].strings()[0] = text.append(form, from, std::string::npos);
  };
  c.out = c.b.Kernel(std::move(spec), c.in);
}

}  // namespace

std::string SummaryOf(const Array& a, int64_t limit) {
  std::ostringstream out;
  const int64_t shown = limit < 0 ? a.size() : std::min(limit, a.size());
  auto brackets = [&](int64_t at, char which) {
    int64_t block = 1;
    for (int d = a.rank() - 1; d >= 0; --d) {
      block *= a.dims()[static_cast<size_t>(d)];
      if (block > 0 && at % block == 0) out << which;
    }
  };
  for (int64_t i = 0; i < shown; ++i) {
    if (i > 0) out << ' ';
    brackets(i, '[');
    AppendElement(out, a, i);
    brackets(i + 1, ']');
  }
  if (shown < a.size()) out << "...";
  return out.str();
}

void RegisterPrintOps(OpRegistry& r) {
  r.Op("Print")
      .Input("input: T")
      .Input("data: U")
      .Output("output: T")
      .Attr("T: type")
      .Attr("U: list(type) >= 0")
      .Attr("message: string = ''")
      .Attr("first_n: int = -1")
      .Attr("summarize: int = 3")
      .Doc("Its input; when it runs it writes the data to the standard error stream")
      .Stateful()
      .Shape(shape_rules::Unchanged)
      // y = x: dx = dy
      .Gradient([](GradientContext& g) {
        std::vector<Grad> grads(static_cast<size_t>(g.op->num_inputs()));
        grads[0] = g.grad();
        return grads;
      })
      .Lower(LowerPrint);
  r.Op("PrintV2")
      .Input("input: string")
      .Attr("output_stream: string = 'stderr'")
      .Attr("end: string = '\n'")
      .Doc("Writes a string when it runs")
      .Stateful()
      .Shape(shape_rules::NoOutputs)
      .NotDifferentiable()
      .Lower(LowerPrintV2);
  r.Op("StringFormat")
      .Input("inputs: T")
      .Output("output: string")
      .Attr("T: list(type) >= 0")
      .Attr("template: string = '%s'")
      .Attr("placeholder: string = '%s'")
      .Attr("summarize: int = 3")
      .Doc("A template whose placeholders are replaced by tensors as text")
      .Shape(shape_rules::Scalar)
      .NotDifferentiable()
      .Lower(LowerStringFormat);
}

}  // namespace wengert
