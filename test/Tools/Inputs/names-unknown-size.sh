#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Interesting (status 1) is a file that attn-compile refuses because the size of a row of Q or V is unknown.
! attn-compile "$1" --stop-after=tile -o /dev/null 2>&1 | grep -q 'of unknown size'
