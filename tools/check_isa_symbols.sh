#!/usr/bin/env bash
# An inline function compiled for a newer instruction set must not be merged into code for older
# machines: kernel objects may export no weak symbols.
# Usage: tools/check_isa_symbols.sh BUILD_DIRECTORY
set -euo pipefail
status=0
for object in $(find "$1" -path '*wengert_kernels_*' -name '*.o'); do
  weak="$(nm -C "$object" | grep -E ' [WV] ' | grep -vE '__(asan|ubsan|tsan|sanitizer)|DW\.ref' || true)"
  if [ -n "$weak" ]; then
    printf '%s\n%s\n' "$object" "$weak"
    status=1
  fi
done
exit $status
