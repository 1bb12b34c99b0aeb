"""Functions on arrays and numbers over several ops, their older spellings, and bad arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as tf

v1 = tf.compat.v1
raw = tf.raw_ops
Invalid = tf.errors.InvalidArgumentError


def value(x: Any) -> Any:
    return x.numpy().tolist()


def test_partition_and_stitch_are_inverse() -> None:
    x = np.arange(12.0).reshape(6, 2)
    which = [2, 0, 1, 0, 2, 2]
    parts = tf.dynamic_partition(x, which, 3)
    places = tf.dynamic_partition(tf.range(6), which, 3)
    assert [p.shape[0] for p in parts] == [2, 1, 3]
    np.testing.assert_array_equal(tf.dynamic_stitch(places, parts).numpy(), x)


def test_gather_nd_with_batches() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(2, 3, 4, 5))
    indices = rng.integers(0, 3, (2, 6, 1))
    want = np.stack([x[b][indices[b, :, 0]] for b in range(2)])
    np.testing.assert_array_equal(tf.gather_nd(x, indices, batch_dims=1).numpy(), want)
    deep = rng.integers(0, 4, (2, 3, 2))
    want = np.take_along_axis(x, deep[..., None], axis=2)[:, :, :, :]
    got = tf.gather_nd(x, deep[..., None], batch_dims=2)
    np.testing.assert_array_equal(got.numpy(), want)
    with pytest.raises(ValueError, match="batch_dims"):
        tf.gather_nd(x, indices, batch_dims=3)


def test_repeat() -> None:
    x = np.arange(6).reshape(2, 3)
    for repeats, axis in ((2, None), (3, 0), (2, 1), ([1, 2], 0), ([0, 2, 1], 1), ([3], 1)):
        got = tf.repeat(x, repeats, axis=axis).numpy()
        np.testing.assert_array_equal(got, np.repeat(x, repeats, axis=axis))
    assert value(tf.repeat([1, 2], [2, 0])) == [1, 1]


def test_meshgrid_and_masks() -> None:
    for indexing in ("xy", "ij"):
        got = tf.meshgrid([1, 2], [3, 4, 5], [6, 7], indexing=indexing)
        want = np.meshgrid([1, 2], [3, 4, 5], [6, 7], indexing=indexing)
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(g.numpy(), w)
    assert value(tf.sequence_mask([1, 3])) == [[True, False, False], [True, True, True]]
    assert value(tf.sequence_mask([1, 2], 2, tf.float32)) == [[1.0, 0.0], [1.0, 1.0]]


def test_search_and_counts() -> None:
    rows = [[1.0, 2.0, 2.0, 5.0], [0.0, 1.0, 4.0, 4.0]]
    assert value(tf.searchsorted(rows, [[2.0], [4.0]])) == [[1], [2]]
    assert value(tf.searchsorted(rows, [[2.0], [4.0]], side="right")) == [[3], [4]]
    with pytest.raises(ValueError, match="side"):
        tf.searchsorted(rows, rows, side="middle")
    assert value(tf.math.bincount([1, 1, 3], minlength=6)) == [0, 2, 0, 1, 0, 0]
    assert value(tf.math.bincount([1, 1, 3], maxlength=2)) == [0, 2]
    assert value(tf.math.bincount([1, 1, 3], weights=[0.5, 1.0, 2.0])) == [0.0, 1.5, 0.0, 2.0]
    assert value(tf.math.bincount([[1, 1], [0, 2]], axis=-1)) == [[0, 2, 0], [1, 0, 1]]
    assert value(tf.math.bincount([[1, 1], [0, 2]], axis=-1, binary_output=True)) == [
        [0, 1, 0],
        [1, 0, 1],
    ]
    assert value(tf.math.bincount(tf.zeros([0], tf.int32))) == []
    assert value(tf.histogram_fixed_width_bins([-1.0, 0.0, 1.5, 5.0], [0.0, 5.0], 5)) == [
        0,
        0,
        1,
        4,
    ]
    y, places, counts = tf.unique_with_counts([3, 1, 3])
    assert (value(y), value(places), value(counts)) == ([3, 1], [0, 1, 0], [2, 1])


def test_unique_follows_ieee() -> None:
    y, places = tf.unique([0.0, np.nan, -0.0, np.nan, 1.0])
    np.testing.assert_array_equal(y.numpy(), [0.0, np.nan, np.nan, 1.0])
    assert value(places) == [0, 1, 0, 2, 3]


def test_small_functions_of_math() -> None:
    assert value(tf.math.zero_fraction([0, 1, 0, 0])) == 0.75
    assert value(tf.math.confusion_matrix([1, 2], [1, 0], num_classes=3)) == [
        [0, 0, 0],
        [0, 1, 0],
        [1, 0, 0],
    ]
    assert value(tf.math.confusion_matrix([1, 1], [1, 1], weights=[2, 3])) == [[0, 0], [0, 5]]
    with pytest.raises(Invalid, match="negative"):
        tf.math.confusion_matrix([-1, 1], [1, 1])
    assert value(tf.math.is_strictly_increasing([1, 1, 2])) is False
    assert value(tf.math.in_top_k([1, 0], [[1.0, 2.0], [1.0, 2.0]], 1)) == [True, False]
    values, indices = tf.math.approx_min_k([[3.0, 1.0, 2.0]], 2)
    assert (value(values), value(indices)) == ([[1.0, 2.0]], [[1, 2]])
    np.testing.assert_allclose(tf.math.lbeta([2.0, 3.0]).numpy(), np.log(1 / 12), rtol=1e-6)
    assert value(tf.unravel_index([5, 7], [2, 4])) == [[1, 1], [1, 3]]
    assert value(tf.bitwise.bitwise_xor(6, 3)) == 5
    assert value(tf.bitcast(1.0, tf.int32)) == 0x3F800000


def test_paddings_for_batches() -> None:
    paddings, crops = tf.required_space_to_batch_paddings([3, 4], [2, 3])
    assert value(paddings) == [[0, 1], [0, 2]]
    assert value(crops) == [[0, 1], [0, 2]]


def test_older_spellings() -> None:
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert value(v1.reduce_sum(x, reduction_indices=[1], keep_dims=True)) == [[3.0], [7.0]]
    assert value(v1.reduce_mean(x, axis=0)) == [2.0, 3.0]
    with pytest.raises(ValueError, match="both"):
        v1.reduce_max(x, axis=0, reduction_indices=0)
    assert value(v1.argmax(x, dimension=1)) == [1, 1]
    assert v1.expand_dims(x, dim=0).shape == (1, 2, 2)
    assert v1.squeeze(x[None], squeeze_dims=[0]).shape == (2, 2)
    assert v1.to_float(3).dtype == tf.float32
    assert v1.to_int32(3.7).numpy() == 3
    assert value(v1.div(7, 2)) == 3
    assert value(v1.div(7.0, 2.0)) == 3.5
    assert value(v1.log(tf.constant(1.0))) == 0.0
    assert value(v1.segment_sum([1.0, 2.0, 3.0], [0, 0, 1])) == [3.0, 3.0]
    assert value(v1.is_finite([1.0, np.inf])) == [True, False]
    assert value(v1.matrix_diag([1.0, 2.0])) == [[1.0, 0.0], [0.0, 2.0]]
    assert value(v1.diag_part(x)) == [1.0, 4.0]
    assert v1.pack([x, x]).shape == (2, 2, 2)
    assert v1.random_normal([3]).shape == (3,)
    assert v1.random_crop(x, [1, 2], seed=1).shape == (1, 2)
    assert v1.image.resize_images(tf.ones([1, 2, 2, 1]), [4, 4]).shape == (1, 4, 4, 1)
    assert tf.is_tensor(x)
    assert not tf.is_tensor(3)
    with tf.Graph().as_default(), v1.Session() as session:
        y = v1.placeholder_with_default(tf.constant(2.0), [])
        assert session.run(y) == 2.0
        assert session.run(y, {y: 5.0}) == 5.0
        assert tf.get_static_value(tf.constant(3)) == 3
        assert tf.get_static_value(v1.placeholder(tf.int32)) is None


BAD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("SparseSegmentSum", {"data": [1.0], "indices": [3], "segment_ids": [0]}),
    ("SparseSegmentSum", {"data": [1.0, 2.0], "indices": [0, 1], "segment_ids": [1, 0]}),
    ("SparseSegmentSum", {"data": [1.0, 2.0], "indices": [0, 1], "segment_ids": [-1, 0]}),
    ("SparseSegmentMean", {"data": [1.0, 2.0], "indices": [0], "segment_ids": [0, 0]}),
    (
        "SparseSegmentSumWithNumSegments",
        {"data": [1.0, 2.0], "indices": [0, 1], "segment_ids": [0, 3], "num_segments": 2},
    ),
    (
        "SparseSegmentSumGrad",
        {"grad": [1.0], "indices": [7], "segment_ids": [0], "output_dim0": 3},
    ),
    ("ReverseSequence", {"input": [[1, 2]], "seq_lengths": [3], "seq_dim": 1}),
    ("ReverseSequence", {"input": [[1, 2]], "seq_lengths": [-1], "seq_dim": 1}),
    ("ReverseSequence", {"input": [[1, 2]], "seq_lengths": [1, 1], "seq_dim": 1}),
    ("ReverseSequence", {"input": [[1, 2]], "seq_lengths": [1], "seq_dim": 0}),
    ("NthElement", {"input": [1.0, 2.0], "n": 2}),
    ("NthElement", {"input": [1.0, 2.0], "n": -1}),
    ("LowerBound", {"sorted_inputs": [[1.0]], "values": [[1.0], [2.0]]}),
    ("Bucketize", {"input": [1.0], "boundaries": [2.0, 1.0]}),
    ("InTopKV2", {"predictions": [[1.0]], "targets": [0, 0], "k": 1}),
    ("Bincount", {"arr": [-1], "size": 3, "weights": [1.0]}),
    ("Bincount", {"arr": [1], "size": -3, "weights": [1.0]}),
    ("DenseBincount", {"input": [1, 2], "size": 3, "weights": [1.0]}),
    ("HistogramFixedWidth", {"values": [1.0], "value_range": [2.0, 1.0], "nbins": 3}),
    ("HistogramFixedWidth", {"values": [1.0], "value_range": [0.0, 1.0], "nbins": 0}),
    ("HistogramFixedWidth", {"values": [np.nan], "value_range": [0.0, 1.0], "nbins": 2}),
    ("Bitcast", {"input": np.zeros(3, np.uint8), "type": tf.int32}),
    ("UniqueWithCounts", {"x": [[1]]}),
    ("UniqueWithCountsV2", {"x": [[1]], "axis": [3]}),
    (
        "TensorStridedSliceUpdate",
        {"input": [1.0, 2.0], "begin": [0], "end": [1], "strides": [1], "value": [1.0, 2.0]},
    ),
    (
        "TensorStridedSliceUpdate",
        {"input": [1.0, 2.0], "begin": [0], "end": [1], "strides": [0], "value": [1.0]},
    ),
)


@pytest.mark.parametrize(("op", "arguments"), BAD, ids=[f"{b[0]}{i}" for i, b in enumerate(BAD)])
def test_bad_arguments(op: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        getattr(raw, op)(**arguments)


def test_infinite_values_fall_into_the_outer_bins() -> None:
    got = raw.HistogramFixedWidth(values=[np.inf, -np.inf, 0.5], value_range=[0.0, 1.0], nbins=4)
    assert value(got) == [1, 0, 1, 1]
