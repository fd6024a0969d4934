# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What attn_mlir raises beside Python's own exceptions."""


class CompileError(Exception):
    """The compiler refuses a module.

    `diagnostics` is a tuple of Diagnostic: severity, message, file, line, column. str() quotes the source.
    """

    def __init__(self, diagnostics):
        super().__init__(diagnostics)
        self.diagnostics = tuple(diagnostics)

    def __str__(self):
        return "\n".join(map(str, self.diagnostics))
