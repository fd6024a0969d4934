# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import lit.formats

config.name = "attn-unit"
config.test_format = lit.formats.GoogleTest(".", "Tests")
config.test_source_root = config.attn_unittest_dir
config.test_exec_root = config.attn_unittest_dir
