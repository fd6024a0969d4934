# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One attention op, compiled with attn-compile for the shapes at hand and called through the C header that it wrote."""

import os
import re
import shutil
import subprocess

import numpy
from errors import REMEDY, DemoError
from files import write_text


class Kernel:
    """A shared library with one kernel; its files are left in `folder`."""

    def __init__(self, op, name, folder, compiled=False):
        """Compiles `op`, or loads what was compiled for it before."""
        self.op, self.name = op, name
        self.source, self.library, self.header = (folder / f"{name}.{end}" for end in ("mlir", "so", "h"))
        self.caller = folder / f"{name}_call.c"
        if not compiled:
            write_text(self.source, op.to_mlir(name))
            _run("attn-compile", self.source, "--emit=shared", "-o", self.library, f"--header={self.header}")
        header = self.header.read_text()
        self._messages = dict(re.findall(r'case (ATTN_\w+):\s+return "(.+?)";', header))
        self._load(header)

    def _load(self, header):
        try:
            import cffi
        except ImportError as error:
            raise DemoError(f"{error}: {REMEDY}") from None
        self.ffi = cffi.FFI()
        try:
            self.ffi.cdef(_declarations(header))
            self._lib = self.ffi.dlopen(str(self.library.resolve()))
        except cffi.CDefError as error:
            raise DemoError(f"cffi does not understand '{self.header}': {error}") from None
        except OSError as error:
            raise DemoError(f"cannot load the compiled kernel: {error}") from None
        self._function = getattr(self._lib, self.name)
        built = getattr(self._lib, f"{self.name}_abi_version")()
        if built != self._lib.ATTN_ABI_VERSION:
            raise DemoError(f"'{self.library}' has ABI version {built}, its header {self._lib.ATTN_ABI_VERSION}")

    def prepare(self, inputs, *outs):
        """A function without arguments that runs the kernel from `inputs` (arrays, in order) into `outs`.

        Arrays may be any views with an innermost stride of 1: their strides are handed over and nothing is copied.
        """
        types = self.ffi.typeof(self._function).args
        arrays = [*inputs, *outs]
        if len(types) != 1 + len(arrays):
            raise DemoError(f"'{self.header}': {self.name} takes {len(types) - 1} views, the layer has {len(arrays)}")
        views = [self._view(pointer.item, array) for pointer, array in zip(types[1:], arrays, strict=True)]
        size = self.workspace_bytes()
        workspace = numpy.empty(size, numpy.uint8)
        call = self.ffi.new("attn_call *")
        call.abi_version = self._lib.ATTN_ABI_VERSION
        call.workers = 1
        call.workspace = self.ffi.cast("void *", workspace.ctypes.data)
        call.workspace_bytes = size

        def run(kept=(arrays, workspace)):  # C holds addresses only: `kept` keeps their memory alive
            if (status := self._function(call, *views)) != self._lib.ATTN_OK:
                code = self.ffi.cast("attn_status", status)
                label = self.ffi.string(code)
                raise DemoError(f"{self.name} returned {label}: {self._messages.get(label, 'unknown status')}")

        return run

    def _view(self, struct, array):
        fields = dict(struct.fields)
        rank = fields["sizes"].type.length if "sizes" in fields else 0
        if array.ndim != rank or array.dtype != numpy.float32 or fields["data"].type.item.cname != "float":
            raise DemoError(f"a {array.dtype} array of rank {array.ndim} does not fit '{struct.cname}'")
        view = self.ffi.new(f"{struct.cname} *")
        view.data = self.ffi.cast("float *", array.ctypes.data)
        if rank:
            view.sizes = list(array.shape)
            view.strides = _strides(array)
        return view

    def workspace_bytes(self):
        """What a call on one thread asks for."""
        return getattr(self._lib, f"{self.name}_workspace_size")(1)

    def files(self):
        """What is left in the folder."""
        return [self.source, self.library, self.header, self.caller]

    def target(self):
        """The processor the kernel is for, from the header's first line."""
        found = re.search(r" for (\S+)\. \*/", self.header.read_text())
        return found[1] if found else "unknown"

    def write_caller(self, inputs, *outs):
        """Writes a C function that makes the call of prepare(), for people to start from."""
        names = [name for name, _ in [*self.op.inputs(), *self.op.results()]]
        views = [_write_view(name, array) for name, array in zip(names, [*inputs, *outs], strict=True)]
        lines = [
            f'#include "{self.header.name}"',
            "#include <stdlib.h>",
            "",
            f"int32_t attend({', '.join(f'float *{name}' for name in names)}) {{",
            *views,
            f"  size_t bytes = {self.name}_workspace_size(1);",
            "  attn_call call = {ATTN_ABI_VERSION, 1, malloc(bytes), bytes, NULL, NULL};",
            f"  int32_t status = {self.name}(&call, {', '.join(f'&{name}_view' for name in names)});",
            "  free(call.workspace);",
            "  return status; /* ATTN_OK, or attn_status_message(status) says why not */",
            "}",
        ]
        write_text(self.caller, "\n".join(lines) + "\n")

    def call_lines(self):
        """The three lines of the C function that say how a kernel is called: a view, the call, the function."""
        lines = self.caller.read_text().splitlines()
        first_view = next(line for line in lines if "q_view = " in line)
        return [first_view, *(line for line in lines if line.startswith(("  attn_call", "  int32_t status")))]


def _write_view(name, array):
    sizes, strides = (", ".join(map(str, numbers)) for numbers in (array.shape, _strides(array)))
    return f"  attn_view{array.ndim}_f32 {name}_view = {{{name}, {{{sizes}}}, {{{strides}}}}};"


def _strides(array):
    """In elements, which is how a view counts."""
    return [stride // array.itemsize for stride in array.strides]


def _declarations(header):
    """The part of the header that cffi understands: preprocessed, without system headers and function bodies."""
    text = re.sub(r"^#include <.*>$", "", header, flags=re.MULTILINE)
    text = _run("clang-22", "-E", "-P", "-x", "c", "-", text=text)
    text = re.sub(r"^static inline .*?^}$", "", text, flags=re.MULTILINE | re.DOTALL)
    version = re.search(r"^#define ATTN_ABI_VERSION \d+$", header, flags=re.MULTILINE)
    if not version:
        raise DemoError("the header that attn-compile wrote has no ATTN_ABI_VERSION")
    return f"{version[0]}\n{text}"


def _run(tool, *arguments, text=None):
    """The standard output of a tool; what it has to say on failure becomes the error."""
    path = shutil.which(tool)
    if path is None:
        raise DemoError(f"{tool} is not on PATH: ./dev demo builds what is missing and sets PATH")
    command = [path, *map(os.fspath, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise DemoError(f"{tool} failed with status {done.returncode}:\n{done.stderr.strip()}")
    return done.stdout
