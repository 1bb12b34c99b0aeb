"""AutoGraph gives TensorFlow's answers: values, errors, and the lines that errors name."""

import json
import sys
import warnings
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "autograph"
sys.path.insert(0, str(HERE))

from harness import CASES, GRAPHS, answer, graph_answer  # noqa: E402

for path in sorted(HERE.glob("cases_*.py")):
    __import__(path.stem)

ANSWERS = json.loads((HERE / "answers.json").read_text())


def value(dtype, *items):
    made = [{"dtype": dtype, "shape": [], "value": i} for i in items]
    return {"result": made[0] if len(made) == 1 else {"list": made}}


def error(kind, *parts):
    return kind, parts


# Where the answer is another one on purpose, and why.
DIFFERENT = {
    # A condition without a truth value is an error while tracing, not when the function runs.
    "cases_branches.and_of_vectors": error("ValueError", "line 346", "condition of `and`"),
    "cases_branches.and_with_numbers": error("ValueError", "line 336", "use `tf.cast`"),
    "cases_branches.conditional_expression_vector": error(
        "ValueError", "line 293", "condition of conditional expression", "shape=(2,)"
    ),
    # The message names the branch, not a function of the implementation.
    "cases_branches.object_changed": error(
        "TypeError", "line 132", "in compilation of the main branch, found return value of type Box"
    ),
    # TensorFlow gives up on assignment expressions.
    "cases_branches.walrus": value("int32", 7),
    # Tensors of known length can be iterated over: the loop is unrolled.
    "cases_calls.all_of_tensor": error("OperatorNotAllowedInGraphError", "line 383", "`bool`"),
    "cases_calls.any_of_tensor": error("OperatorNotAllowedInGraphError", "line 378", "`bool`"),
    "cases_calls.map_over_tensor": value("int32", 4, 2, 3),
    "cases_calls.minimum_of_tensor": value("float32", 4.5),
    "cases_calls.sum_of_tensor": value("int32", 9),
    "cases_loops.comprehension_over_tensor": value("float32", 2.0, 4.0, 6.0),
    "cases_loops.over_enumerate": value("float32", 8.0),
    "cases_loops.over_zip": value("float32", 14.0),
    "cases_loops.unpacked_target": value("int32", 14),
    "cases_loops.unpacking": value("float32", 4.0),
    "cases_loops.unpacking_without_autograph": value("float32", 4.0),
    # Loops may return.
    "cases_loops.return_in_loop": value("int32", 10),
    "cases_loops.return_in_while": value("int32", 1),
    "cases_more.return_in_loop_without_other": value("int32", 2),
    "cases_more.return_always_in_loop_that_does_not_run": value("int32", 1),
    # Lists are Python's.
    "cases_more.lists": value("int32", 0, 1, 2),
    "cases_more.deleted": error("ValueError", "line 129", "'z' must be defined at the end"),
    # Where an inner function was called is told, too.
    "cases_errors.in_inner_def": error(
        "ValueError",
        "line 187, in in_inner_def  *\n        return g(y)\n",
        "line 184, in g  *\n        return tf.reshape(t, [7])",
    ),
    # The line of the expression, as Python gives it.
    "cases_errors.in_statement_of_many_lines": error("ValueError", "line 84", "Dimensions"),
    "cases_errors.wrong_arguments_of_op": error(
        "TypeError", "line 207", "reshape() missing 1 required positional argument: 'shape'"
    ),
    # Errors keep their type.
    "cases_errors.zero_division": error("ZeroDivisionError", "line 153", "by zero"),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_answer(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        got = answer(name)
    want = DIFFERENT.get(name, ANSWERS[name])
    if isinstance(want, tuple):
        kind, parts = want
        assert got.get("error", [None])[0] == kind, got
        for part in parts:
            assert part in got["message"]
    elif "message" in want:
        assert got.get("error", [None])[0] == want["error"][0], got
        assert got["message"] == want["message"]
    else:
        assert got == want


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_graph(name):
    assert graph_answer(name) == ANSWERS[name]


def test_every_case_is_recorded():
    assert set(ANSWERS) == {*CASES, *GRAPHS}
    assert set(DIFFERENT) <= set(CASES)
