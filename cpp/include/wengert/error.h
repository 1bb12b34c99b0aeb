// The one exception type of the library, and its kinds.
#pragma once

#include <stdexcept>
#include <string>

namespace wengert {

// Each kind becomes one Python exception: the built-in of the same name, or the
// class of the same name in wengert.errors (TensorFlow's canonical codes).
enum class ErrorKind {
  // Python built-ins
  kValueError,
  kTypeError,
  kLookupError,
  kKeyError,
  kIndexError,
  kRuntimeError,
  kNotImplementedError,
  kAttributeError,
  kAssertionError,
  kMemoryError,
  // canonical codes
  kCancelled,
  kUnknown,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kResourceExhausted,
  kFailedPrecondition,
  kAborted,
  kOutOfRange,
  kUnimplemented,
  kInternal,
  kUnavailable,
  kDataLoss,
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  // `op_name` is the operation the error is about, when there is one.
  Error(ErrorKind kind, const std::string& message, std::string op_name)
      : std::runtime_error(message), kind_(kind), op_name_(std::move(op_name)) {}
  ErrorKind kind() const { return kind_; }
  const std::string& op_name() const { return op_name_; }

 private:
  ErrorKind kind_;
  std::string op_name_;
};

inline Error ValueError(const std::string& m) {
  return {ErrorKind::kValueError, m};
}
inline Error TypeError(const std::string& m) {
  return {ErrorKind::kTypeError, m};
}
inline Error LookupError(const std::string& m) {
  return {ErrorKind::kLookupError, m};
}
inline Error RuntimeError(const std::string& m) {
  return {ErrorKind::kRuntimeError, m};
}
inline Error InvalidArgument(const std::string& m) {
  return {ErrorKind::kInvalidArgument, m};
}
inline Error FailedPrecondition(const std::string& m) {
  return {ErrorKind::kFailedPrecondition, m};
}

}  // namespace wengert
