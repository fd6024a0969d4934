# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import os
import shutil
import sys

import lit.formats

config.name = "attn"
config.test_format = lit.formats.ShTest()
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.attn_obj, "test")

# attn-opt and its siblings; FileCheck, not, split-file and the stock mlir-opt.
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.attn_obj, "bin"), config.llvm_bin, os.environ.get("PATH", "")]
)
config.substitutions += [
    ("%attn_plugin", os.path.join(config.attn_obj, "lib", "libAttnMLIR.so")),
    ("%attn_obj", config.attn_obj),
    ("%attn_src", config.attn_src),
    ("%cmake", config.cmake),
    ("%llvm_prefix", os.path.dirname(config.llvm_bin)),
    ("%python", sys.executable),
]

# What the host can run, for tests that execute kernels: REQUIRES: avx512
try:
    with open("/proc/cpuinfo") as cpuinfo:
        flags = next((line.split()[2:] for line in cpuinfo if line.startswith("flags")), [])
except OSError:
    flags = []
for flag, feature in {
    "avx2": "avx2",
    "avx512f": "avx512",
    "avx512_bf16": "avx512bf16",
}.items():
    if flag in flags:
        config.available_features.add(feature)

if shutil.which("gcc"):
    config.available_features.add("gcc")

# NVIDIA's assembler, for tests of machine code: the toolkit's, where it is installed.
cuda = os.environ.get("CUDA_HOME", "/usr/local/cuda")
if os.path.isfile(os.path.join(cuda, "bin", "ptxas")):
    config.environment["CUDA_HOME"] = cuda
    config.available_features.add("ptxas")
elif shutil.which("ptxas"):
    config.available_features.add("ptxas")
else:
    lit_config.note("no ptxas (CUDA_HOME, PATH): tests of machine code for GPUs are skipped")

# The package attn_mlir: built where nanobind is (python/CMakeLists.txt).
if config.python_package:
    config.available_features.add("python-package")

# A sanitized library cannot be loaded into a host that is not.
if config.sanitizer:
    config.available_features.add("asan")
    config.environment["ASAN_OPTIONS"] = "detect_leaks=0"

try:
    import psutil  # noqa: F401  (lit needs it to stop a test and its children)

    lit_config.maxIndividualTestTime = 300
except ImportError:
    pass
