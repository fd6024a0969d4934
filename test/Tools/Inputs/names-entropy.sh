#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Interesting (status 1) is a file that attn-compile refuses for its entropy.
! attn-compile "$1" --stop-after=tile -o /dev/null 2>&1 | grep -q entropy
