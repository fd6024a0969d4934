// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The extension attn_mlir._core: names, docstrings and conversions, nothing else.
#include "Call.h"
#include "Module.h"

#include "attn/Support/Version.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace attn;
using namespace attn::python;
using namespace nb::literals;

namespace {
/// One argument of Kernel.signature.
struct Argument {
  std::string name, kind, dtype, text;
  nb::object shape;
};
} // namespace

static nb::object getShape(const KernelArgument &argument) {
  if (argument.isScalar())
    return nb::none();
  nb::list sizes;
  for (int64_t size : argument.sizes)
    size < 0 ? sizes.append(nb::none()) : sizes.append(size);
  return nb::tuple(sizes);
}

/// The arguments of a kernel, all of them or only outputs.
static nb::tuple getArguments(const Kernel &kernel, bool onlyOutputs) {
  nb::list list;
  for (const KernelArgument &argument : kernel.signature.arguments)
    if (!onlyOutputs || argument.kind == KernelArgument::Kind::Output)
      list.append(Argument{argument.name, argument.getKindName().str(), getNumpyName(argument.type),
                           describeArgument(argument), getShape(argument)});
  return nb::tuple(list);
}

/// Runs without the interpreter lock what touches no Python object.
template <typename Function> static auto unlocked(Function function) {
  nb::gil_scoped_release release;
  return function();
}

static void bindDiagnostics(nb::module_ &m) {
  nb::class_<python::Diagnostic>(m, "Diagnostic", "One message of the compiler and the place that it speaks of.")
      .def_ro("severity", &python::Diagnostic::severity, "'error', 'warning', 'remark' or 'note'")
      .def_ro("message", &python::Diagnostic::message, "what is wrong, without the place")
      .def_ro("file", &python::Diagnostic::file, "the name that was parsed, '' if the place is unknown")
      .def_ro("line", &python::Diagnostic::line, "counts from 1, 0 if the place is unknown")
      .def_ro("column", &python::Diagnostic::column, "counts from 1, 0 if the place is unknown")
      .def("__str__", &python::Diagnostic::toString)
      .def("__repr__",
           [](const python::Diagnostic &diagnostic) { return "<Diagnostic " + diagnostic.toString() + ">"; });

  nb::register_exception_translator([](const std::exception_ptr &pointer, void *) {
    try {
      std::rethrow_exception(pointer);
    } catch (const CompileFailure &failure) {
      nb::object type = nb::module_::import_("attn_mlir._errors").attr("CompileError");
      PyErr_SetObject(type.ptr(), type(nb::cast(failure.diagnostics)).ptr());
    }
  });
}

static void bindKernel(nb::module_ &m) {
  nb::class_<Argument>(m, "Argument", "One argument of a kernel.")
      .def_ro("name", &Argument::name, "the name it can be passed by")
      .def_ro("kind", &Argument::kind, "'input', 'inout' (updated in place), 'output' or 'scalar'")
      .def_ro("dtype", &Argument::dtype, "as numpy names it: 'float32', 'bfloat16', 'bool'")
      .def_ro("shape", &Argument::shape, nb::sig("def shape(self) -> tuple[int | None, ...] | None"),
              "sizes, None where the caller chooses; None for scalars")
      .def("__repr__", [](const Argument &argument) { return "<Argument " + argument.text + ">"; })
      .def("__str__", [](const Argument &argument) { return argument.text; });

  nb::class_<Kernel>(m, "Kernel", R"(A compiled function, called on arrays in place.

kernel(*inputs, threads=1) allocates its outputs as numpy arrays; kernel(*inputs, out=array) writes into `array`.
Several outputs are given by their names and come back as a tuple. Without any (all that the kernel writes is updated in
place) the call returns None.

Inputs are any arrays that know DLPack or the buffer protocol, of the element type and shape of `signature`. Their
strides are honoured: nothing is copied as long as the last dimension is contiguous. They are never written, but for
those of kind 'inout' (a cache that attn.append_kv adds rows to), which are written in the caller's memory.
Outputs share no memory with inputs or each other, and what is updated in place none with any other argument.

threads: how many threads may run the call, 0 for all CPUs. Calls may run at the same time from several threads; each
runs without the interpreter lock.

Raises TypeError (missing argument, no array, wrong element type), ValueError (wrong shape, last dimension not
contiguous, read-only output, shared memory, sizes that disagree, a position outside of a cache), RuntimeError (code for
another processor).)")
      .def_prop_ro(
          "name", [](const Kernel &kernel) { return kernel.signature.name; }, "the function's name")
      .def_prop_ro(
          "cpu", [](const Kernel &kernel) { return kernel.cpu; }, "the processor it was compiled for")
      .def_prop_ro(
          "arguments", [](const Kernel &kernel) { return getArguments(kernel, false); },
          nb::sig("def arguments(self) -> tuple[Argument, ...]"), "inputs, inouts and scalars in order, then outputs")
      .def_prop_ro(
          "outputs", [](const Kernel &kernel) { return getArguments(kernel, true); },
          nb::sig("def outputs(self) -> tuple[Argument, ...]"), "the outputs among the arguments")
      .def_prop_ro(
          "signature", [](const Kernel &kernel) { return describeSignature(kernel.signature); },
          "names, element types and shapes as text: 'attend(q: float32[1, ?, 64]) -> out: float32[1, ?, 64]'")
      .def_prop_ro(
          "workspace_bytes", [](const Kernel &kernel) { return kernel.signature.workspaceBytes; },
          "scratch memory of one thread, in bytes")
      .def("__call__", &callKernel, nb::sig("def __call__(self, *args: object, **kwargs: object) -> typing.Any"))
      .def("__repr__", [](const Kernel &kernel) { return "<Kernel " + describeSignature(kernel.signature) + ">"; });
}

static void bindModule(nb::module_ &m) {
  nb::class_<python::Module>(m, "Module", "A module of MLIR; it never changes. str(module) is its text.")
      .def_prop_ro(
          "functions",
          [](const python::Module &module) {
            return nb::tuple(nb::cast(unlocked([&] { return module.getFunctions(); })));
          },
          nb::sig("def functions(self) -> tuple[str, ...]"), "names of the functions that become kernels")
      .def_prop_ro("stage", &python::Module::getStage, "the stage that left the module; 'import' for what people write")
      .def(
          "lower",
          [](const python::Module &module, const std::string &stage, const std::string &cpu) {
            return unlocked([&] { return module.lower(stage, cpu); });
          },
          "stage"_a, "cpu"_a = "native",
          R"(The text of the module after a stage: import, normalize, plan, tile, linalg or target (MLIR), llvm, asm.

Raises CompileError where a stage refuses, ValueError for an unknown stage or processor and for a stage before the
module's own.)")
      .def("__str__", [](const python::Module &module) { return unlocked([&] { return module.toString(); }); })
      .def("__repr__", [](const python::Module &module) {
        std::string names;
        for (const std::string &name : unlocked([&] { return module.getFunctions(); }))
          names += (names.empty() ? "" : ", ") + name;
        return "<Module of " + (names.empty() ? "no function" : names) + ">";
      });
  m.def(
      "parse",
      [](const std::string &text, const std::string &file, const std::string &stage) {
        return unlocked([&] { return python::Module::parse(text, file, stage); });
      },
      "text"_a, "file"_a, "stage"_a);
  m.def(
      "run_stages",
      [](const python::Module &module, const std::string &stage, const std::string &cpu) {
        return unlocked([&] { return module.runStages(stage, cpu); });
      },
      "module"_a, "stage"_a, "cpu"_a);
  m.def(
      "run_pipeline",
      [](const python::Module &module, const std::string &pipeline) {
        return unlocked([&] { return module.runPipeline(pipeline); });
      },
      "module"_a, "pipeline"_a);
  m.def(
      "explain_plan",
      [](const python::Module &module, std::vector<std::string> shapes, std::vector<std::string> scalars,
         const std::string &cpu) {
        Explain what;
        what.plan = what.json = true;
        what.shapes = std::move(shapes);
        what.scalars = std::move(scalars);
        return unlocked([&] { return module.explain(what, cpu); });
      },
      "module"_a, "shapes"_a, "scalars"_a, "cpu"_a);
  m.def(
      "explain_mask",
      [](const python::Module &module, std::vector<std::string> shapes, std::vector<std::string> scalars,
         std::string values, std::string svg, const std::string &cpu) {
        Explain what;
        what.mask = what.json = true;
        what.shapes = std::move(shapes);
        what.scalars = std::move(scalars);
        what.values = std::move(values);
        what.svg = std::move(svg);
        return unlocked([&] { return module.explain(what, cpu); });
      },
      "module"_a, "shapes"_a, "scalars"_a, "values"_a, "svg"_a, "cpu"_a);
  m.def(
      "compile",
      [](const python::Module &module, const std::vector<std::string> &cpus, unsigned optLevel) {
        Compiled compiled = unlocked([&] { return module.compile(cpus, optLevel); });
        return nb::make_tuple(compiled.kernels, nb::bytes(compiled.object.data(), compiled.object.size()),
                              compiled.header, compiled.descriptions);
      },
      "module"_a, "cpus"_a, "opt_level"_a,
      nb::sig("def compile(module: Module, cpus: collections.abc.Sequence[str], opt_level: int) -> "
              "tuple[list[Kernel], bytes, str, list[str]]"));
  m.def("load", [](const std::string &path) { return unlocked([&] { return loadLibrary(path); }); }, "path"_a);
  m.def(
      "link",
      [](nb::bytes object, const std::string &path) {
        std::string copy(object.c_str(), object.size());
        unlocked([&] { linkLibrary(copy, path); });
      },
      "object"_a, "path"_a);
}

NB_MODULE(_core, m) {
  m.doc() = "The compiler and its kernels; use the package attn_mlir, whose names these are.";
  m.attr("__version__") = attn::getVersion().str();
  bindDiagnostics(m);
  bindKernel(m);
  bindModule(m);
}
