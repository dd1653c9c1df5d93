#!/bin/sh
# Checks the format of every C++ file with clang-format 19, whose output other versions do not
# reproduce. Exits with 77, which ctest reports as skipped, if it is not installed.
#
# usage: tests/format.sh ROOT
set -u
cd "$1" || exit 1

formatter=
for name in clang-format-19 clang-format; do
  if "$name" --version 2>/dev/null | grep -q 'version 19\.'; then
    formatter=$name
    break
  fi
done
if [ -z "$formatter" ]; then
  echo "skipped: clang-format 19 is not installed"
  exit 77
fi

if ! find chitu_core pipelines tools tests examples -name '*.h' -o -name '*.cpp' | sort |
     xargs "$formatter" --dry-run -Werror --ferror-limit=1; then
  echo "format a file with: $formatter -i FILE"
  exit 1
fi
