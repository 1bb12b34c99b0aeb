// Umbrella header of the public C++ interface.
#pragma once

#include "wengert/array.h"
#include "wengert/attr.h"
#include "wengert/builder.h"
#include "wengert/dtype.h"
#include "wengert/error.h"
#include "wengert/executable.h"
#include "wengert/gradients.h"
#include "wengert/graph.h"
#include "wengert/host_function.h"
#include "wengert/lowering.h"
#include "wengert/op_def.h"
#include "wengert/random.h"
#include "wengert/shape.h"
#include "wengert/tape.h"
#include "wengert/version.h"
