#!/usr/bin/env bash
# Runs a subset of the Python tests on an extension built with the address and
# undefined-behaviour sanitizers.
# Usage: tools/sanitized_pytest.sh BUILD_DIRECTORY PYTHON
set -euo pipefail
build="$1"
python="$2"
package="$(mktemp -d)"
trap 'rm -rf "$package"' EXIT
cp -r python/wengert "$package/wengert"
cp "$build"/python/bindings/_core*.so "$package/wengert/"
# Python itself leaks by design; its allocator hides errors from the sanitizer.
export LD_PRELOAD="$(g++ -print-file-name=libasan.so) $(g++ -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export PYTHONMALLOC=malloc PYTHONPATH="$package"
"$python" -m pytest -q -p no:cacheprovider tests/test_gradients.py tests/test_graph.py \
  tests/test_session.py tests/test_errors.py tests/test_eager.py
