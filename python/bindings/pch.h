// Precompiled: what every source file of the bindings includes.
#pragma once

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "binding.h"
#include "wengert/wengert.h"
