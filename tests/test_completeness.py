"""No op without its row, its summary and TensorFlow's signature."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from numeric import all_samples

import wengert as tf
from wengert import _core

FACTS = Path(__file__).parent / "data" / "tf-op-defs.json"

# Ops that one row of arguments and results cannot describe, and where they are tested instead.
TESTED_ELSEWHERE = {
    # test_session.py, test_graph.py: have no value or no input
    "NoOp",
    "Placeholder",
    # test_errors.py: fails on purpose
    "Assert",
    # test_function.py, test_session.py: state behind a resource handle
    "AssignAddVariableOp",
    "AssignSubVariableOp",
    "AssignVariableOp",
    "ReadVariableOp",
    "ResourceGather",
    "ResourceGatherNd",
    "VarHandleOp",
    "VarIsInitializedOp",
    "VariableShape",
    # test_variable_slices.py: counters and parts of variables
    "ResourceCountUpTo",
    "ResourceStridedSliceAssign",
    # test_variable_scope.py: updates of rows and elements of variables
    *(name for name in _core.op_names() if name.startswith("ResourceScatter")),
    # test_optimizers.py: steps of optimizers, against recorded ones
    *(name for name in _core.op_names() if name.startswith("ResourceApply")),
    *(name for name in _core.op_names() if name.startswith("ResourceSparseApply")),
    # test_function.py: calls of traced functions
    "PartitionedCall",
    "StatefulPartitionedCall",
    # test_custom_gradient.py: calls of Python
    "EagerPyFunc",
    "PyFunc",
    "PyFuncStateless",
    # test_control_flow.py: branches and bodies
    "Case",
    "If",
    "StatelessCase",
    "StatelessIf",
    "StatelessWhile",
    "While",
    # test_debugging.py: what they print
    "Print",
    "PrintV2",
    "StringFormat",
    # test_random.py: recorded streams, distributions, gradients
    "Multinomial",
    "ParameterizedTruncatedNormal",
    "RandomGamma",
    "RandomGammaGrad",
    "RandomPoissonV2",
    "RandomShuffle",
    # test_control_flow.py: lists and optional values, which NumPy does not have
    *(
        name
        for name in _core.op_names()
        if name.startswith(("EmptyTensorList", "TensorList", "Optional"))
    ),
    # conformance topic "random": streams of random numbers, recorded bit for bit
    "RandomStandardNormal",
    "RandomUniform",
    "RandomUniformInt",
    "StatelessMultinomial",
    "StatelessParameterizedTruncatedNormal",
    "StatelessRandomGammaV2",
    "StatelessRandomGammaV3",
    "StatelessRandomGetAlg",
    "StatelessRandomGetKeyCounter",
    "StatelessRandomGetKeyCounterAlg",
    "StatelessRandomNormal",
    "StatelessRandomNormalV2",
    "StatelessRandomPoisson",
    "StatelessRandomUniform",
    "StatelessRandomUniformFullInt",
    "StatelessRandomUniformFullIntV2",
    "StatelessRandomUniformInt",
    "StatelessRandomUniformIntV2",
    "StatelessRandomUniformV2",
    "StatelessShuffle",
    "StatelessTruncatedNormal",
    "StatelessTruncatedNormalV2",
    "TruncatedNormal",
}
OPS = _core.op_names()


def test_every_op_has_a_row() -> None:
    assert sorted(set(OPS) - set(all_samples()) - TESTED_ELSEWHERE) == []


def test_every_row_has_an_op() -> None:
    assert sorted(set(all_samples()) - set(OPS)) == []


def test_the_list_of_exceptions_is_short_and_true() -> None:
    assert sorted(TESTED_ELSEWHERE - set(OPS)) == []
    assert sorted(TESTED_ELSEWHERE & set(all_samples())) == []


def test_every_op_has_a_summary() -> None:
    assert [name for name in OPS if not _core.op_info(name)["summary"].strip()] == []


def test_every_op_is_a_raw_op() -> None:
    for name in OPS:
        function = getattr(tf.raw_ops, name)
        assert function.__name__ == name
        assert _core.op_info(name)["summary"] in function.__doc__
    assert set(OPS) <= set(dir(tf.raw_ops))


def test_unknown_raw_op() -> None:
    with pytest.raises(AttributeError, match="NoSuchOp"):
        tf.raw_ops.NoSuchOp  # noqa: B018
    with pytest.raises(KeyError):
        _core.op_info("NoSuchOp")


def facts() -> dict[str, Any]:
    result: dict[str, Any] = json.loads(FACTS.read_text())
    return result


@pytest.mark.skipif(not FACTS.exists(), reason="no record of TensorFlow's signatures")
@pytest.mark.parametrize("kind", ["inputs", "outputs", "attrs"])
def test_signature(kind: str) -> None:
    different = {}
    for name, fact in facts().items():
        if name in OPS:
            want = [entry["name"] for entry in fact[kind]]
            got = [entry[0] for entry in _core.op_info(name)[kind]]
            if kind == "attrs":  # keyword arguments: their order says nothing
                got, want = sorted(got), sorted(want)
            if got != want:
                different[name] = (got, want)
    assert different == {}
