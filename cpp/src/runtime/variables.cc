#include "runtime/variables.h"

#include <atomic>
#include <mutex>
#include <utility>

namespace wengert {
namespace {

// Held for the copying of pointers and for writing single rows, so one for all variables does.
std::mutex& VariablesMutex() {
  static std::mutex* mutex = new std::mutex;
  return *mutex;
}

std::mutex& ManagersMutex() {
  static std::mutex* mutex = new std::mutex;
  return *mutex;
}

}  // namespace

namespace runtime {

VariableAccess::VariableAccess() {
  VariablesMutex().lock();
}
VariableAccess::~VariableAccess() {
  VariablesMutex().unlock();
}

void VariableAccess::Check(const Variable& variable, DType dtype, const Dims& dims) const {
  if (dtype != variable.dtype()) {
    throw InvalidArgument(std::string("Trying to assign variable with wrong dtype. Expected ") +
                          Name(variable.dtype()) + " got " + Name(dtype));
  }
  if (!variable.shape().CompatibleWith(Shape(dims))) {
    throw InvalidArgument("Trying to assign to variable with tensor with wrong shape. Expected " +
                          variable.shape().ToError() + " got " + ToString(dims));
  }
}

Array& VariableAccess::Writable(Variable& variable, long references) const {
  if (variable.value_.buffer().use_count() > 1 + references) {
    variable.value_ = variable.value_.Clone();
  } else {
    // After the last reads of whoever held it before.
    std::atomic_thread_fence(std::memory_order_acquire);
  }
  return variable.value_;
}

}  // namespace runtime

void Variable::Assign(Array value) {
  runtime::VariableAccess access;
  access.Check(*this, value.dtype(), value.dims());
  std::swap(value_, value);  // the old value is released after the lock
}

std::shared_ptr<Resource> ResourceManager::LookupOrCreate(const std::string& name, DType dtype,
                                                          const Shape& shape) {
  std::lock_guard<std::mutex> lock(ManagersMutex());
  std::shared_ptr<Resource>& resource = resources_[name];
  if (!resource) {
    resource = std::make_shared<Variable>(dtype, shape, name);
  } else if (const auto* variable = dynamic_cast<const Variable*>(resource.get());
             variable != nullptr && variable->dtype() != dtype) {
    throw InvalidArgument("Trying to access variable " + name + " with wrong dtype. Expected " +
                          Name(variable->dtype()) + " got " + Name(dtype));
  }
  return resource;
}

void ResourceManager::Close() {
  closed_.store(true, std::memory_order_relaxed);
  std::unordered_map<std::string, std::shared_ptr<Resource>> gone;
  std::lock_guard<std::mutex> lock(ManagersMutex());
  gone.swap(resources_);
}

}  // namespace wengert
