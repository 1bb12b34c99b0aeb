// Values: Python numbers, sequences and NumPy arrays to Array and back.
#include <cmath>
#include <limits>

#include "binding.h"

namespace wengert::python {

namespace {

// What a Python scalar is, in the order of NumPy's promotion.
enum Kind { kBoolean, kInteger, kReal, kComplexNumber, kText, kNothing };

struct Flat {
  Kind kind = kNothing;
  Dims dims;
  std::vector<PyObject*> items;  // borrowed from the sequence
  bool foreign = false;          // holds something that only NumPy can read
  bool ragged = false;
};

Kind KindOf(PyObject* o) {
  if (PyBool_Check(o)) return kBoolean;
  if (PyLong_Check(o)) return kInteger;
  if (PyFloat_Check(o)) return kReal;
  if (PyComplex_Check(o)) return kComplexNumber;
  if (PyUnicode_Check(o) || PyBytes_Check(o)) return kText;
  return kNothing;
}

bool IsNumpy(PyObject* o) {
  auto& api = py::detail::npy_api::get();
  if (api.PyArray_Check_(o)) return true;
  static py::object* generic = new py::object(py::module_::import("numpy").attr("generic"));
  return PyObject_IsInstance(o, generic->ptr()) == 1;
}

void Flatten(PyObject* o, size_t depth, Flat* flat) {
  if (flat->foreign || flat->ragged) return;
  if (PyList_CheckExact(o) || PyTuple_CheckExact(o) || PyList_Check(o) || PyTuple_Check(o)) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    if (flat->dims.size() == depth && flat->items.empty()) {
      flat->dims.push_back(n);
    } else if (depth >= flat->dims.size() || flat->dims[depth] != n) {
      flat->ragged = true;
      return;
    }
    if (depth > 64) {
      flat->ragged = true;
      return;
    }
    PyObject** items = PySequence_Fast_ITEMS(o);
    for (Py_ssize_t i = 0; i < n; ++i) Flatten(items[i], depth + 1, flat);
    return;
  }
  Kind kind = KindOf(o);
  if (kind == kNothing) {
    flat->foreign = true;
    return;
  }
  if (depth != flat->dims.size()) {
    flat->ragged = true;
    return;
  }
  flat->kind = flat->kind == kNothing ? kind : std::max(flat->kind, kind);
  flat->items.push_back(o);
}

bool Accepts(DType dtype, Kind kind) {
  if (kind == kNothing) return true;
  if (IsFloating(dtype)) return kind == kInteger || kind == kReal;
  if (IsComplex(dtype)) return kind != kText && kind != kBoolean;
  if (dtype == DType::kBool) return kind == kBoolean;
  if (dtype == DType::kString) return kind == kText;
  return kind == kInteger;
}

[[noreturn]] void Mismatch(DType dtype, const Flat& flat) {
  for (PyObject* o : flat.items) {
    if (Accepts(dtype, KindOf(o))) continue;
    throw TypeError("Expected " + std::string(Name(dtype)) + ", but got " +
                    py::repr(py::handle(o)).cast<std::string>() + " of type '" +
                    Py_TYPE(o)->tp_name + "'.");
  }
  throw TypeError("Expected " + std::string(Name(dtype)) + ", but got other values.");
}

int64_t ReadInt(PyObject* o) {
  int overflow = 0;
  long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow > 0) {
    unsigned long long u = PyLong_AsUnsignedLongLong(o);
    if (u != static_cast<unsigned long long>(-1) || !PyErr_Occurred()) {
      return static_cast<int64_t>(u);
    }
    throw py::error_already_set();
  }
  if (overflow < 0) throw py::value_error("Python integer is too small for int64");
  return v;
}

template <class T>
void FillIntegers(const Flat& flat, Array* out) {
  T* data = out->data<T>();
  for (size_t i = 0; i < flat.items.size(); ++i) {
    int64_t v = ReadInt(flat.items[i]);
    if constexpr (sizeof(T) < 8) {
      if (v < static_cast<int64_t>(std::numeric_limits<T>::min()) ||
          v > static_cast<int64_t>(std::numeric_limits<T>::max())) {
        throw ValueError("Python integer " + std::to_string(v) + " out of bounds for " +
                         Name(out->dtype()));
      }
    }
    data[i] = static_cast<T>(v);
  }
}

double ReadReal(PyObject* o) {
  double v = PyFloat_AsDouble(o);
  if (v == -1.0 && PyErr_Occurred()) throw py::error_already_set();
  return v;
}

template <class T>
void FillReals(const Flat& flat, Array* out) {
  for (size_t i = 0; i < flat.items.size(); ++i) {
    out->data<T>()[i] = static_cast<T>(ReadReal(flat.items[i]));
  }
}

template <class T>
void FillComplex(const Flat& flat, Array* out) {
  for (size_t i = 0; i < flat.items.size(); ++i) {
    Py_complex c = PyComplex_AsCComplex(flat.items[i]);
    if (PyErr_Occurred()) throw py::error_already_set();
    out->data<std::complex<T>>()[i] = {static_cast<T>(c.real), static_cast<T>(c.imag)};
  }
}

std::string ReadText(PyObject* o) {
  if (PyBytes_Check(o)) return std::string(PyBytes_AS_STRING(o), PyBytes_GET_SIZE(o));
  return py::reinterpret_borrow<py::str>(o).cast<std::string>();
}

DType NaturalDType(const Flat& flat) {
  switch (flat.kind) {
    case kBoolean:
      return DType::kBool;
    case kReal:
      return DType::kFloat32;
    case kComplexNumber:
      return DType::kComplex128;
    case kText:
      return DType::kString;
    case kNothing:
      return DType::kFloat32;
    case kInteger:
      break;
  }
  for (PyObject* o : flat.items) {
    int overflow = 0;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow != 0 || v < std::numeric_limits<int32_t>::min() ||
        v > std::numeric_limits<int32_t>::max()) {
      return DType::kInt64;
    }
  }
  return DType::kInt32;
}

Array Fill(const Flat& flat, DType dtype) {
  Array out(dtype, flat.dims);
  switch (dtype) {
    case DType::kFloat32:
      FillReals<float>(flat, &out);
      break;
    case DType::kFloat64:
      FillReals<double>(flat, &out);
      break;
    case DType::kFloat16:
      for (size_t i = 0; i < flat.items.size(); ++i) {
        out.data<Half>()[i] = ToHalf(static_cast<float>(ReadReal(flat.items[i])));
      }
      break;
    case DType::kBFloat16:
      for (size_t i = 0; i < flat.items.size(); ++i) {
        out.data<BFloat16>()[i] = ToBFloat16(static_cast<float>(ReadReal(flat.items[i])));
      }
      break;
    case DType::kInt8:
      FillIntegers<int8_t>(flat, &out);
      break;
    case DType::kInt16:
      FillIntegers<int16_t>(flat, &out);
      break;
    case DType::kInt32:
      FillIntegers<int32_t>(flat, &out);
      break;
    case DType::kInt64:
      FillIntegers<int64_t>(flat, &out);
      break;
    case DType::kUInt8:
      FillIntegers<uint8_t>(flat, &out);
      break;
    case DType::kUInt16:
      FillIntegers<uint16_t>(flat, &out);
      break;
    case DType::kUInt32:
      FillIntegers<uint32_t>(flat, &out);
      break;
    case DType::kUInt64:
      FillIntegers<uint64_t>(flat, &out);
      break;
    case DType::kBool:
      for (size_t i = 0; i < flat.items.size(); ++i) {
        out.data<bool>()[i] = PyObject_IsTrue(flat.items[i]) == 1;
      }
      break;
    case DType::kComplex64:
      FillComplex<float>(flat, &out);
      break;
    case DType::kComplex128:
      FillComplex<double>(flat, &out);
      break;
    case DType::kString:
      for (size_t i = 0; i < flat.items.size(); ++i) out.strings()[i] = ReadText(flat.items[i]);
      break;
    default:
      throw TypeError("Cannot make a constant of dtype " + std::string(Name(dtype)));
  }
  return out;
}

Array CastNumpy(const py::array& array, DType dtype) {
  if (dtype == DType::kBFloat16) {
    Array f = FromNumpy(py::array(array.attr("astype")("float32")));
    Array out(dtype, f.dims());
    for (int64_t i = 0; i < f.size(); ++i) out.data<BFloat16>()[i] = ToBFloat16(f.data<float>()[i]);
    return out;
  }
  if (dtype == DType::kString) return FromNumpy(py::array(array.attr("astype")("O")));
  return FromNumpy(py::array(array.attr("astype")(NumpyDType(dtype))));
}

}  // namespace

// Python's own numbers, not NumPy's that derive from them.
static bool IsNumber(PyObject* o) {
  return PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o);
}

bool IsPlainValue(py::handle h) {
  if (KindOf(h.ptr()) != kNothing || IsNumpy(h.ptr()) || AsEager(h) != nullptr) return true;
  if (!PyList_Check(h.ptr()) && !PyTuple_Check(h.ptr())) return false;
  Flat flat;
  Flatten(h.ptr(), 0, &flat);
  return !flat.foreign;
}

Array ToArray(py::handle value, std::optional<DType> dtype, std::optional<DType> preferred) {
  PyObject* o = value.ptr();
  if (PyEagerTensor* eager = AsEager(value)) {
    if (dtype && *dtype != eager->array.dtype()) {
      throw ValueError("Tensor conversion requested dtype " + std::string(Name(*dtype)) +
                       " for Tensor with dtype " + Name(eager->array.dtype()) + ": " +
                       py::repr(value).cast<std::string>());
    }
    return eager->array;
  }
  if (!IsNumber(o) && IsNumpy(o)) {
    auto array = py::reinterpret_steal<py::array>(
        py::detail::npy_api::get().PyArray_FromAny_(o, nullptr, 0, 0, 0, nullptr));
    if (!array) throw py::error_already_set();
    DType own = FromNumpyDType(array.dtype());
    std::optional<DType> wanted = dtype ? dtype : preferred;
    if (wanted && *wanted != own && own != DType::kString && *wanted != DType::kString &&
        IsPlainData(*wanted)) {
      return CastNumpy(array, *wanted);
    }
    if (own == DType::kInvalid) {
      throw TypeError("NumPy dtype " + py::str(array.dtype()).cast<std::string>() +
                      " has no counterpart");
    }
    if (dtype && *dtype != own) {
      throw TypeError("Expected " + std::string(Name(*dtype)) + ", but got an array of dtype " +
                      Name(own) + ".");
    }
    return FromNumpy(array);
  }
  if (o == Py_None) throw ValueError("None values not supported.");
  Flat flat;
  Flatten(o, 0, &flat);
  if (flat.ragged) {
    throw ValueError("Can't convert non-rectangular Python sequence to Tensor.");
  }
  if (flat.foreign) {
    // Lists of NumPy scalars and the like: NumPy knows how to stack them.
    py::object stacked = py::module_::import("numpy").attr("array")(value);
    auto array = stacked.cast<py::array>();
    if (array.dtype().kind() == 'O') {
      throw ValueError("Attempt to convert a value (" + py::repr(value).cast<std::string>() +
                       ") with an unsupported type (" +
                       py::repr(py::type::of(value)).cast<std::string>() + ") to a Tensor.");
    }
    std::optional<DType> wanted = dtype ? dtype : preferred;
    DType own = FromNumpyDType(array.dtype());
    if (!wanted && own == DType::kFloat64 && PyList_Check(o)) wanted = DType::kFloat32;
    return wanted && *wanted != own ? CastNumpy(array, *wanted) : FromNumpy(array);
  }
  if (dtype) {
    if (!Accepts(*dtype, flat.kind)) Mismatch(*dtype, flat);
    return Fill(flat, *dtype);
  }
  if (preferred && Accepts(*preferred, flat.kind)) return Fill(flat, *preferred);
  return Fill(flat, NaturalDType(flat));
}

Array FromNumpy(const py::array& source) {
  DType dtype = FromNumpyDType(source.dtype());
  if (dtype == DType::kInvalid) {
    throw TypeError("NumPy dtype " + py::str(source.dtype()).cast<std::string>() +
                    " has no counterpart");
  }
  Dims dims(source.shape(), source.shape() + source.ndim());
  if (dtype == DType::kString) {
    Array out(dtype, dims);
    py::object flat = source.attr("ravel")().attr("tolist")();
    size_t i = 0;
    for (py::handle item : flat) {
      if (KindOf(item.ptr()) != kText) {
        throw TypeError("Expected any non-tensor type, but got an object array holding " +
                        py::repr(item).cast<std::string>());
      }
      out.strings()[i++] = ReadText(item.ptr());
    }
    return out;
  }
  // A copy: the caller may change the array while the constant must not.
  auto contiguous = py::array::ensure(source, py::array::c_style);
  if (!contiguous.dtype().attr("isnative").cast<bool>()) {
    contiguous = py::array(contiguous.attr("astype")(contiguous.dtype().attr("newbyteorder")("=")));
  }
  Array out(dtype, std::move(dims));
  if (out.bytes() > 0) std::memcpy(out.raw(), contiguous.data(), out.bytes());
  return out;
}

py::object ToNumpy(const Array& array) {
  if (!IsPlainData(array.dtype())) {
    if (array.dtype() != DType::kString) {
      throw TypeError(std::string("a tensor of dtype ") + Name(array.dtype()) +
                      " has no NumPy value");
    }
    py::list flat;
    for (const std::string& s : array.strings()) flat.append(py::bytes(s));
    if (array.rank() == 0) return flat[0];
    py::object np = py::module_::import("numpy");
    py::object out = np.attr("empty")(static_cast<size_t>(array.size()), "O");
    for (size_t i = 0; i < flat.size(); ++i) out[py::int_(i)] = flat[i];
    return out.attr("reshape")(py::cast(array.dims()));
  }
  if (array.dtype() == DType::kBFloat16) {
    Array f(DType::kFloat32, array.dims());
    for (int64_t i = 0; i < array.size(); ++i) {
      f.data<float>()[i] = ToFloat(array.data<BFloat16>()[i]);
    }
    py::object wide = ToNumpy(f);
    return wide.attr("astype")(NumpyDType(DType::kBFloat16));
  }
  // Small values are copied: that is faster than keeping the buffer alive from NumPy.
  constexpr size_t kSmall = 256;
  py::object base;
  if (array.bytes() > kSmall) {
    auto* owner = new std::shared_ptr<Buffer>(array.buffer());
    base = py::capsule(owner, [](void* p) { delete static_cast<std::shared_ptr<Buffer>*>(p); });
  }
  return NewNumpy(array, base);
}

}  // namespace wengert::python
