#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Usage: names.sh WORD... FILE. Interesting (status 1) is a file that attn-opt takes and in which all words stand.
for file; do :; done
attn-opt "$file" -o /dev/null 2>/dev/null || exit 0
while [ $# -gt 1 ]; do
  grep -q -e "$1" "$file" || exit 0
  shift
done
exit 1
