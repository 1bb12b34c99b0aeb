// Attributes and dtypes of an operation from its definition, its inputs and the
// attributes that were given.
#pragma once

#include <vector>

#include "wengert/op_def.h"

namespace wengert {

// Checks `inputs` and `attrs` against `def` and completes `attrs` with what the inputs
// imply and with defaults. Errors in TensorFlow's words; `name` is the operation's.
void ResolveAttrs(const OpDef& def, const std::vector<Tensor>& inputs, const std::string& name,
                  AttrMap* attrs);

// Checks one given attribute, converting it where the signature leaves no doubt (an int
// for a float, an empty list of any kind).
void CheckAttr(const OpDef& def, const AttrDef& attr_def, Attr* value);

// Throws TypeError unless `attr_def` allows `dtype`; `parameter` is named in the error.
void CheckAllowed(const AttrDef& attr_def, DType dtype, const std::string& parameter);

// Throws ValueError when the list argument `arg` must be longer.
void CheckListLength(const OpDef& def, const ArgDef& arg, int64_t length);

// Dtypes of all outputs, lists flattened.
std::vector<DType> OutputTypes(const OpDef& def, const AttrMap& attrs);
// The dtype of the output of an op that has exactly one, and no list; else kInvalid.
DType SingleOutputType(const OpDef& def, const AttrMap& attrs);

// Number of tensors of a list argument according to `attrs`.
int64_t ListLength(const ArgDef& arg, const AttrMap& attrs);

}  // namespace wengert
