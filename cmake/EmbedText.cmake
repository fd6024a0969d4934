# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cmake -D in=FILE -D out=FILE.inc -P EmbedText.cmake: FILE as a C++ string literal.
file(READ "${in}" text)
file(WRITE "${out}" "R\"TEXT(${text})TEXT\"\n")
