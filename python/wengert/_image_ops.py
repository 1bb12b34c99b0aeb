"""Images [batch, height, width, channels], or without the batch (`tf.image`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert import _array_ops, _core
from wengert import _dtypes as dtypes
from wengert._graph import name_scope_v1
from wengert._math_ops import cast

apply = _core.apply
convert = _core.convert


class ResizeMethod:
    """Names of the methods of `resize`."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    AREA = "area"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    GAUSSIAN = "gaussian"
    MITCHELLCUBIC = "mitchellcubic"


_NUMBERED = {0: "bilinear", 1: "nearest", 2: "bicubic", 3: "area"}
_PLAIN = {
    "bilinear": "ResizeBilinear", "bicubic": "ResizeBicubic", "nearest": "ResizeNearestNeighbor",
}  # fmt: skip
_KERNELS = {
    "bilinear": "triangle", "bicubic": "keyscubic", "lanczos3": "lanczos3",
    "lanczos5": "lanczos5", "gaussian": "gaussian", "mitchellcubic": "mitchellcubic",
}  # fmt: skip


def _with_batch(images: Any, function: Callable[[Any], Any]) -> Any:
    """function(images) of four axes; a batch of one is put around three."""
    rank = images._rank()
    if rank == 3:
        return _array_ops.squeeze(function(_array_ops.expand_dims(images, 0)), axis=[0])
    if rank not in (4, None):
        raise ValueError("'images' must have either 3 or 4 dimensions.")
    return function(images)


def _height_width(images: Any) -> list[Any]:
    """Height and width, numbers where they are static."""
    dims = images._shape_tuple() or (None,) * 4
    shape = None
    result: list[Any] = []
    for axis in (-3, -2):
        if dims[axis] is None:
            shape = _array_ops.shape(images) if shape is None else shape
            result.append(shape[axis])
        else:
            result.append(dims[axis])
    return result


def resize(
    images: Any, size: Any, method: Any = ResizeMethod.BILINEAR,
    preserve_aspect_ratio: bool = False, antialias: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """Images in another size (`tf.image.resize`).

    Parameters
    ----------
    images : Tensor
        [batch, height, width, channels] or [height, width, channels], of any real dtype.
    size : Tensor
        Height and width.
    method : str, optional
        "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian" or
        "mitchellcubic".
    preserve_aspect_ratio : bool, optional
        Scale both axes alike, so that the result fits into `size`.
    antialias : bool, optional
        Widen the kernel where the image shrinks.

    Returns
    -------
    Tensor
        float32, of the dtype of `images` for "nearest".

    Examples
    --------
    >>> import wengert as tf
    >>> tf.image.resize(tf.ones([1, 2, 2, 1]), [4, 3]).shape
    TensorShape([1, 4, 3, 1])
    """
    method = _NUMBERED.get(method, method) if not isinstance(method, str) else method
    if method not in _PLAIN and method not in _KERNELS and method != "area":
        raise ValueError(f"Resize method is not implemented: {method!r}")
    with name_scope_v1(name, "resize"):
        images = convert(images, None, "images")

        def of_batch(x: Any) -> Any:
            return _resize_batch(x, size, method, preserve_aspect_ratio, antialias)

        return _with_batch(images, of_batch)


def _resize_batch(x: Any, size: Any, method: str, keep_ratio: bool, antialias: bool) -> Any:
    from wengert._creation import zeros

    size = convert(size, dtypes.int32, "size")
    if size._shape_tuple() not in ((2,), None, (None,)):
        raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
    if keep_ratio:
        current = _height_width(x)
        ratios = [cast(size[i], dtypes.float32) / cast(current[i], dtypes.float32) for i in (0, 1)]
        ratio = apply("Minimum", tuple(ratios))
        lengths = [apply("Round", (ratio * cast(n, dtypes.float32),)) for n in current]
        size = _array_ops.stack([cast(n, dtypes.int32) for n in lengths], name="size")
    if method == "area":
        return apply("ResizeArea", (x, size), {"align_corners": False})
    if method in _PLAIN and (method == "nearest" or not antialias):
        return apply(_PLAIN[method], (x, size), {"half_pixel_centers": True})
    target = cast(size, dtypes.float32)
    scale = target / cast(_array_ops.shape(x)[1:3], dtypes.float32)
    attrs = {"kernel_type": _KERNELS[method], "antialias": antialias}
    return apply("ScaleAndTranslate", (x, size, scale, zeros([2])), attrs)


def resize_v1(
    images: Any, size: Any, method: Any = ResizeMethod.BILINEAR, align_corners: bool = False,
    preserve_aspect_ratio: bool = False, name: str | None = None,
) -> Any:  # fmt: skip
    """`tf.compat.v1.image.resize_images`: pixels are points at their upper left corners."""
    method = _NUMBERED.get(method, method) if not isinstance(method, str) else method
    with name_scope_v1(name, "resize"):
        images = convert(images, None, "images")
        attrs = {"align_corners": align_corners}
        if preserve_aspect_ratio:
            return resize(images, size, method, True)
        op = {**_PLAIN, "area": "ResizeArea"}[method]
        wanted = convert(size, dtypes.int32, "size")
        return _with_batch(images, lambda x: apply(op, (x, wanted), attrs))


def crop_and_resize(
    image: Any, boxes: Any, box_indices: Any, crop_size: Any, method: str = "bilinear",
    extrapolation_value: float = 0.0, name: str | None = None,
) -> Any:  # fmt: skip
    """Boxes cut out of images, each resampled to one size (`tf.image.crop_and_resize`)."""
    attrs = {"method": method, "extrapolation_value": extrapolation_value}
    return apply("CropAndResize", (image, boxes, box_indices, crop_size), attrs, name)


def extract_patches(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None
) -> Any:
    """The pixels under each place of a sliding window, in the channels."""
    attrs = {
        "ksizes": list(sizes), "strides": list(strides), "rates": list(rates), "padding": padding,
    }  # fmt: skip
    return apply("ExtractImagePatches", (images,), attrs, name)


def extract_volume_patches(
    input: Any, ksizes: Any, strides: Any, padding: str, name: str | None = None
) -> Any:
    """The voxels under each place of a sliding window, in the channels."""
    attrs = {"ksizes": list(ksizes), "strides": list(strides), "padding": padding}
    return apply("ExtractVolumePatches", (input,), attrs, name)


def _moved(images: Any, name: str | None, default: str, function: Callable[[Any, int], Any]) -> Any:
    """function(images, axis of the height), inside a scope."""
    with name_scope_v1(name, default):
        images = convert(images, None, "image")
        rank = images._rank()
        if rank not in (3, 4):
            raise ValueError("'image' must have either 3 or 4 dimensions.")
        return function(images, rank - 3)


def flip_left_right(image: Any) -> Any:
    """Columns in reverse order."""
    return _moved(image, None, "flip_left_right", lambda x, h: apply("ReverseV2", (x, [h + 1])))


def flip_up_down(image: Any) -> Any:
    """Rows in reverse order."""
    return _moved(image, None, "flip_up_down", lambda x, h: apply("ReverseV2", (x, [h])))


def transpose(image: Any, name: str | None = None) -> Any:
    """Rows and columns exchanged."""

    def exchange(x: Any, h: int) -> Any:
        return _array_ops.transpose(x, [*range(h), h + 1, h, h + 2])

    return _moved(image, name, "transpose", exchange)


def rot90(image: Any, k: int = 1, name: str | None = None) -> Any:
    """Turned counter-clockwise by k quarters."""

    def turn(x: Any, h: int) -> Any:
        perm = [*range(h), h + 1, h, h + 2]
        quarters = k % 4
        if quarters == 1:
            return apply("ReverseV2", (_array_ops.transpose(x, perm), [h]))
        if quarters == 2:
            return apply("ReverseV2", (x, [h, h + 1]))
        if quarters == 3:
            return _array_ops.transpose(apply("ReverseV2", (x, [h])), perm)
        return x

    return _moved(image, name, "rot90", turn)


def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    """The part of an image inside a box."""
    with name_scope_v1(None, "crop_to_bounding_box"):

        def crop(x: Any) -> Any:
            begin = [0, offset_height, offset_width, 0]
            return _array_ops.slice_(x, begin, [-1, target_height, target_width, -1])

        return _with_batch(convert(image, None, "image"), crop)


def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Any:
    """An image inside a larger one of zeros."""
    with name_scope_v1(None, "pad_to_bounding_box"):

        def pad(x: Any) -> Any:
            height, width = _height_width(x)
            after = target_height - offset_height - height, target_width - offset_width - width
            for label, value in (("offset_height", offset_height), ("offset_width", offset_width),
                                 ("height", after[0]), ("width", after[1])):  # fmt: skip
                if isinstance(value, int) and value < 0:
                    raise ValueError(f"{label} must be >= 0 and the image must fit the target")
            sides = [[0, 0], [offset_height, after[0]], [offset_width, after[1]], [0, 0]]
            return _array_ops.pad(x, sides)

        return _with_batch(convert(image, None, "image"), pad)


def central_crop(image: Any, central_fraction: float) -> Any:
    """The central part of an image, a fraction of its height and width."""
    fraction = float(central_fraction)
    if not 0 < fraction <= 1:
        raise ValueError("central_fraction must be within (0, 1]")
    with name_scope_v1(None, "central_crop"):
        image = convert(image, None, "image")
        height, width = _height_width(image)
        if not isinstance(height, int) or not isinstance(width, int):
            raise ValueError("central_crop needs images of known height and width: set_shape first")
        top, left = int((height - height * fraction) / 2), int((width - width * fraction) / 2)
        return crop_to_bounding_box(image, top, left, height - 2 * top, width - 2 * left)


def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Any:
    """Cut or padded with zeros about the centre to a size."""
    with name_scope_v1(None, "resize_image_with_crop_or_pad"):
        image = convert(image, None, "image")
        height, width = _height_width(image)
        if not isinstance(height, int) or not isinstance(width, int):
            raise ValueError(
                "resize_with_crop_or_pad needs images of known height and width: set_shape first"
            )
        cut = max(0, (height - target_height) // 2), max(0, (width - target_width) // 2)
        kept = min(height, target_height), min(width, target_width)
        image = crop_to_bounding_box(image, *cut, *kept)
        put = max(0, (target_height - height) // 2), max(0, (target_width - width) // 2)
        return pad_to_bounding_box(image, *put, target_height, target_width)


# --- differences ------------------------------------------------------------------------------


def image_gradients(image: Any) -> tuple[Any, Any]:
    """Differences of neighbours down and across, zeros at the ends."""
    if image._rank() != 4:
        raise ValueError("image_gradients expects a 4D tensor [batch_size, h, w, d]")
    down = image[:, 1:, :, :] - image[:, :-1, :, :]
    across = image[:, :, 1:, :] - image[:, :, :-1, :]
    return (
        _array_ops.pad(down, [[0, 0], [0, 1], [0, 0], [0, 0]]),
        _array_ops.pad(across, [[0, 0], [0, 0], [0, 1], [0, 0]]),
    )


def total_variation(images: Any, name: str | None = None) -> Any:
    """Sum of the absolute differences of neighbours, per image."""
    from wengert._math_ops import abs as absolute
    from wengert._math_reduce import reduce_sum

    with name_scope_v1(name, "total_variation"):
        images = convert(images)
        rank = images._rank()
        if rank == 3:
            parts = images[1:, :, :] - images[:-1, :, :], images[:, 1:, :] - images[:, :-1, :]
        elif rank == 4:
            parts = (
                images[:, 1:, :, :] - images[:, :-1, :, :],
                images[:, :, 1:, :] - images[:, :, :-1, :],
            )
        else:
            raise ValueError("'images' must be either 3 or 4-dimensional.")
        axes = None if rank == 3 else [1, 2, 3]
        return reduce_sum(absolute(parts[0]), axis=axes) + reduce_sum(absolute(parts[1]), axis=axes)
