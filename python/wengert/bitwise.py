"""Operations on the bits of integers (`tf.bitwise`)."""

from wengert._wrap import op_function

bitwise_and = op_function("BitwiseAnd", "bitwise_and", "x y")
bitwise_or = op_function("BitwiseOr", "bitwise_or", "x y")
bitwise_xor = op_function("BitwiseXor", "bitwise_xor", "x y")
invert = op_function("Invert", "invert", "x")
left_shift = op_function("LeftShift", "left_shift", "x y")
right_shift = op_function("RightShift", "right_shift", "x y")

__all__ = ["bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift"]
