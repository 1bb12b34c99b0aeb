// Functions of the host program that graphs call: the ops PyFunc, PyFuncStateless and
// EagerPyFunc name them by their attribute "token".
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wengert/array.h"

namespace wengert {

// Must be thread-safe. What it throws leaves the run unchanged.
using HostFunction = std::function<std::vector<Array>(const std::vector<Array>&)>;

// Null removes it. Runs that began with the previous one go on with it.
void SetHostFunction(const std::string& token, std::shared_ptr<const HostFunction> function);

}  // namespace wengert
