"""Images (`tf.image`)."""

from wengert._image_colors import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    convert_image_dtype,
    grayscale_to_rgb,
    hsv_to_rgb,
    per_image_standardization,
    psnr,
    rgb_to_grayscale,
    rgb_to_hsv,
)
from wengert._image_ops import (
    ResizeMethod,
    central_crop,
    crop_and_resize,
    crop_to_bounding_box,
    extract_patches,
    flip_left_right,
    flip_up_down,
    image_gradients,
    pad_to_bounding_box,
    resize,
    resize_with_crop_or_pad,
    rot90,
    total_variation,
    transpose,
)

__all__ = [
    "ResizeMethod", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue",
    "adjust_saturation", "central_crop", "convert_image_dtype", "crop_and_resize",
    "crop_to_bounding_box", "extract_patches", "flip_left_right", "flip_up_down",
    "grayscale_to_rgb", "hsv_to_rgb", "image_gradients", "pad_to_bounding_box",
    "per_image_standardization", "psnr", "resize", "resize_with_crop_or_pad", "rgb_to_grayscale",
    "rgb_to_hsv", "rot90", "total_variation", "transpose",
]  # fmt: skip
