# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""attn_mlir as a compiler: modules, stages, pipelines, libraries, and errors that say where."""

import ast
import concurrent.futures
import inspect
import json
import pathlib
import shutil
import subprocess
import sys

import attn_mlir
import numpy as np
import pytest
from attention import assert_close, make, reference

PACKAGE = pathlib.Path(attn_mlir.__file__).parent
TYPE = "tensor<2x3x20x16xf32>"
TEXT = f"""
func.func @plain(%q: {TYPE}, %k: {TYPE}, %v: {TYPE}) -> {TYPE} {{
  %o = attn.sdpa %q, %k, %v : ({TYPE}, {TYPE}, {TYPE}) -> {TYPE}
  return %o : {TYPE}
}}
func.func @causal(%q: {TYPE}, %k: {TYPE}, %v: {TYPE}) -> {TYPE} {{
  %o = attn.sdpa %q, %k, %v causal(top_left) : ({TYPE}, {TYPE}, {TYPE}) -> {TYPE}
  return %o : {TYPE}
}}
"""
ONE = TEXT[: TEXT.index("func.func @causal")]


@pytest.fixture(scope="module")
def module():
    return attn_mlir.parse(TEXT)


def test_parse_takes_text_and_files(module, tmp_path):
    path = tmp_path / "two.mlir"
    path.write_text(TEXT)
    for other in (attn_mlir.parse(path), attn_mlir.parse(str(path))):
        assert str(other) == str(module)
    assert module.functions == ("plain", "causal")
    assert repr(module) == "<Module of plain, causal>"
    with pytest.raises(FileNotFoundError, match="missing.mlir"):
        attn_mlir.parse("missing.mlir")


def test_lower_shows_every_stage_and_changes_nothing(module):
    before = str(module)
    signs = {
        "import": "attn.sdpa",
        "normalize": "attn.generic",
        "plan": "#attn.plan",
        "tile": "attn.online",
        "linalg": "linalg.generic",
        "target": "llvm.func",
        "llvm": " @causal(ptr ",
        "asm": "causal:",
    }
    assert tuple(signs) == attn_mlir.STAGES
    for stage, sign in signs.items():
        assert sign in module.lower(stage, "x86-64-v3"), stage
    assert str(module) == before
    assert "zmm" in module.lower("asm", cpu="x86-64-v4") and "zmm" not in module.lower("asm", cpu="x86-64-v3")
    with pytest.raises(ValueError, match=r"stage: unknown 'tyle' \(expected import, .*, target, llvm or asm\)"):
        module.lower("tyle")


def test_stages_one_after_the_other_are_the_way_of_lower():
    module = attn_mlir.parse(ONE)
    q = make((2, 3, 20, 16))
    want = attn_mlir.compile(module).kernel(q, q, q)
    current, written = module, module
    for stage in attn_mlir.STAGES[:6]:
        current = attn_mlir.run_pipeline(current, stage)
        written = attn_mlir.parse(str(written), stage=written.stage)
        written = attn_mlir.run_pipeline(written, stage)
        assert (current.stage, written.stage) == (stage, stage)
        assert str(current) == str(written) == module.lower(stage)
        out = np.empty_like(q)
        assert (attn_mlir.compile(current).kernel(q, q, q, out=out) == want).all(), stage
    assert module.stage == "import"
    with pytest.raises(ValueError, match="stage: expects one from 'target' on, where the module is, got 'plan'"):
        attn_mlir.run_pipeline(current, "plan")
    with pytest.raises(ValueError, match=r"'asm' is no MLIR: expects module.lower\('asm'\)"):
        attn_mlir.run_pipeline(module, "asm")
    with pytest.raises(ValueError, match="stage: unknown 'tyle'"):
        attn_mlir.parse(TEXT, stage="tyle")


def test_stages_decide_for_the_processor_that_is_named(module):
    planned = {cpu: str(attn_mlir.run_pipeline(module, "plan", cpu=cpu)) for cpu in ("x86-64-v2", "x86-64-v4")}
    assert planned["x86-64-v2"] != planned["x86-64-v4"]


def test_run_pipeline_makes_a_new_module(module):
    normalized = attn_mlir.run_pipeline(module, "builtin.module(func.func(attn-normalize),canonicalize)")
    assert "attn.generic" in str(normalized) and "attn.sdpa" not in str(normalized)
    assert "attn.sdpa" in str(module)
    assert attn_mlir.compile(normalized).kernels.keys() == {"plain", "causal"}


@pytest.mark.parametrize(
    ("pipeline", "message"),
    [
        ("builtin.module(attn-normalise)", "pipeline: .*'attn-normalise' does not refer to a registered pass"),
        ("func.func(attn-normalize)", "pipeline: expects 'builtin.module.*got an anchor 'func.func'"),
        ("builtin.module(", "pipeline: "),
        ("builtin.module(func.func(attn-convert-to-linalg),attn-verify-stage{stage=linalg})", "stage 'linalg' allows"),
    ],
)
def test_run_pipeline_refuses(module, pipeline, message):
    with pytest.raises(attn_mlir.CompileError, match=message):
        attn_mlir.run_pipeline(module, pipeline)


def test_errors_say_where_and_quote_the_source():
    text = TEXT.replace("causal(top_left) :", "scale(0.5) causal(top_left) :")
    with pytest.raises(attn_mlir.CompileError) as caught:
        attn_mlir.parse(text, file="wrong.mlir")
    first = caught.value.diagnostics[0]
    line = text.splitlines()[first.line - 1]
    assert (first.severity, first.file, first.line) == ("error", "wrong.mlir", 7)
    assert line[first.column - 1 :].lstrip().startswith("causal")
    shown = str(caught.value).splitlines()
    assert shown[0].startswith(f"wrong.mlir:7:{first.column}: error: {first.message}")
    assert shown[1] == line and shown[2].index("^") == first.column - 1


def test_errors_of_verifiers_and_passes_say_where():
    with pytest.raises(attn_mlir.CompileError, match=r"<text>:3:8: error: 'attn.sdpa' op expects"):
        attn_mlir.parse(
            TEXT.replace("%k: tensor<2x3x20x16", "%k: tensor<2x3x20x15").replace(
                f": ({TYPE}, {TYPE}", f": ({TYPE}, tensor<2x3x20x15xf32>"
            )
        )
    double = attn_mlir.parse(TEXT.replace("f32", "f64"))
    with pytest.raises(attn_mlir.CompileError) as caught:
        attn_mlir.compile(double)
    assert any(d.severity == "error" and (d.line, d.column) == (3, 8) for d in caught.value.diagnostics)
    with pytest.raises(attn_mlir.CompileError, match="holds no kernel: expects a public function"):
        attn_mlir.compile("module {}")


def test_a_file_that_is_wrong_is_named(tmp_path):
    path = tmp_path / "wrong.mlir"
    path.write_text("\n\tfunc.fun @f()\n")
    with pytest.raises(attn_mlir.CompileError) as caught:
        attn_mlir.compile(path)
    assert str(caught.value).startswith(f"{path}:2:2: error: ")
    assert str(caught.value).endswith("\n\tfunc.fun @f()\n\t^")


def test_compile_writes_what_load_and_a_c_compiler_take(module, tmp_path):
    library = attn_mlir.compile(module, out_dir=tmp_path / "new", name="both")
    assert library.path == tmp_path / "new/both.so"
    assert {p.name for p in library.path.parent.iterdir()} == {"both.so", "both.h", "both.json"}
    assert "int32_t causal(const attn_call *call" in library.path.with_suffix(".h").read_text()
    described = json.loads(library.path.with_suffix(".json").read_text())["kernels"]
    assert [d["name"] for d in described] == ["plain", "causal"]
    with pytest.raises(ValueError, match="expects a library of one kernel, got plain, causal"):
        _ = library.kernel

    q, k, v = (make((2, 3, 20, 16), seed=seed) for seed in (1, 2, 3))
    loaded = attn_mlir.load(library.path)
    assert loaded.kernels.keys() == library.kernels.keys()
    for name, causal in (("plain", None), ("causal", "top_left")):
        assert loaded[name].signature == library[name].signature
        want, _, bound = reference(q, k, v, causal=causal)
        for kernel in (loaded[name], library[name]):
            assert_close(kernel(q, k, v), want, bound)
    clang = shutil.which("clang-22")
    subprocess.run([clang, "-fsyntax-only", "-x", "c", library.path.with_suffix(".h")], check=True)


def test_a_kernel_outlives_its_library_and_module(tmp_path):
    text = ONE
    kernel = attn_mlir.load(attn_mlir.compile(text, out_dir=tmp_path).path).kernel
    (tmp_path / "plain.so").unlink()
    q = make((2, 3, 20, 16))
    assert_close(kernel(q, q, q), *reference(q, q, q)[::2])


def test_outputs_of_unknown_shape_are_inferred_where_the_module_says(tmp_path):
    library = attn_mlir.compile(ONE.replace("20x", "?x"), out_dir=tmp_path)
    q, k = make((2, 3, 40, 16)), make((2, 3, 11, 16))
    out = library.kernel(q, k, k)
    assert out.shape == q.shape
    loaded = attn_mlir.load(library.path).kernel
    with pytest.raises(ValueError, match="shape of 'out' cannot be told from the inputs: hand in an array, out="):
        loaded(q, k, k)
    assert (loaded(q, k, k, out=np.empty_like(q)) == out).all()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.so", b"not an object", "text.so: .*not recognized as a valid object file"),
        ("empty.so", None, "empty.so: holds no kernel"),
        ("old.so", 'const char *f_description(void) { return "{\\"abi\\": 0}"; }', "expects ABI version 1, got 0"),
        ("odd.so", 'const char *f_description(void) { return "fine"; }', r"odd.so: f_description\(\): "),
        (
            "none.so",
            "const char *f_description(void) { return 0; }",
            r"f_description\(\) gives no text: is this",
        ),
        ("data.so", 'const char f_description[] = "fine";', "data.so: holds no kernel"),
        ("less.so", 'const char *f_description(void) { return "{\\"abi\\": 1}"; }', "missing value .*name"),
    ],
)
def test_load_refuses(tmp_path, name, content, message):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        source = tmp_path / "source.c"
        source.write_text(content or "")
        subprocess.run([shutil.which("clang-22"), "-shared", "-fPIC", "-o", path, source], check=True)
    with pytest.raises(ValueError, match=message):
        attn_mlir.load(path)
    with pytest.raises(FileNotFoundError):
        attn_mlir.load(tmp_path / "missing.so")


def find_foreign_cpu():
    """A processor with extensions that no other has: nothing runs both."""
    return "x86-64-v4" if "tbm" in pathlib.Path("/proc/cpuinfo").read_text().split() else "bdver4"


def test_other_processors(module, tmp_path):
    assert attn_mlir.compile(module, cpu="x86-64-v2").cpu == "x86-64-v2"
    with pytest.raises(ValueError, match=r"^cpu: unknown 'avx3' \(expected native, "):
        attn_mlir.compile(module, cpu="avx3")
    with pytest.raises(ValueError, match="cpu: expects at least one processor"):
        attn_mlir.compile(module, cpu=[])
    with pytest.raises(ValueError, match="opt_level: expects 0, 1, 2 or 3, got 4"):
        attn_mlir.compile(module, opt_level=4)
    cpu = find_foreign_cpu()
    library = attn_mlir.compile(module, cpu=cpu, out_dir=tmp_path)
    q = make((2, 3, 20, 16))
    for kernels in (library, attn_mlir.load(library.path)):
        with pytest.raises(RuntimeError, match=rf"this machine cannot run code for {cpu}, it lacks"):
            kernels["plain"](q, q, q)


def test_of_several_processors_the_last_that_runs_here_is_taken(module, tmp_path):
    cpus = ["x86-64", "x86-64-v2", find_foreign_cpu()]
    q = make((2, 3, 20, 16))
    want, _, bound = reference(q, q, q, causal="top_left")
    library = attn_mlir.compile(module, cpu=cpus, out_dir=tmp_path)
    for kernels in (library, attn_mlir.load(library.path)):
        assert kernels.cpu == "x86-64-v2"
        assert_close(kernels["causal"](q, q, q), want, bound)
    described = json.loads(library.path.with_suffix(".json").read_text())["kernels"]
    assert described[0]["cpu"] == ",".join(cpus)
    with pytest.raises(ValueError, match="cpu: 'x86-64' stands twice"):
        attn_mlir.compile(module, cpu=["x86-64", "x86-64"])


def test_a_library_that_was_compiled_anew_is_the_new_one(tmp_path):
    text = ONE
    q, wide = make((2, 3, 20, 16)), make((2, 3, 20, 24), seed=8)
    first = attn_mlir.load(attn_mlir.compile(text, out_dir=tmp_path).path)
    attn_mlir.compile(text.replace("20x16", "20x24"), out_dir=tmp_path)
    second = attn_mlir.load(first.path)
    assert_close(second.kernel(wide, wide, wide), *reference(wide, wide, wide)[::2])
    assert_close(first.kernel(q, q, q), *reference(q, q, q)[::2])


def test_modules_of_one_origin_may_be_compiled_at_the_same_time(module):
    q = make((2, 3, 20, 16))
    others = [module, attn_mlir.run_pipeline(module, "builtin.module(cse)"), attn_mlir.parse(TEXT)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        results = [library["causal"](q, q, q) for library in pool.map(attn_mlir.compile, others)]
    assert all((result == results[0]).all() for result in results)


def test_without_a_linker_kernels_run_and_are_not_written(module, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert attn_mlir.compile(module).path is None
    with pytest.raises(RuntimeError, match="needs a linker: none of ld.lld, .* is on PATH"):
        attn_mlir.compile(module, out_dir=tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_everything_public_is_documented_and_typed():
    for name in attn_mlir.__all__:
        thing = getattr(attn_mlir, name)
        if inspect.isclass(thing) or callable(thing):
            assert inspect.getdoc(thing), name
        if inspect.isfunction(thing):
            signature = inspect.signature(thing)
            assert inspect.Signature.empty not in (
                signature.return_annotation,
                *(parameter.annotation for parameter in signature.parameters.values()),
            ), name
    assert (PACKAGE / "py.typed").exists()


def test_stub_and_extension_have_the_same_names():
    def names(body):
        found = {node.name: node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        return {name for name in found if not name.startswith("__") or name == "__call__"}, found

    stub = ast.parse((PACKAGE / "_core.pyi").read_text())
    core = attn_mlir._core
    stubbed, nodes = names(stub.body)
    assert stubbed == {name for name in dir(core) if not name.startswith("__")}
    for name, node in nodes.items():
        if isinstance(node, ast.ClassDef):
            members = {n for n in vars(getattr(core, name)) if not n.startswith("__") or n == "__call__"}
            assert names(node.body)[0] == members, name
            assert all(m.returns for m in node.body if isinstance(m, ast.FunctionDef)), name


def run_without_ml_dtypes(code):
    start = f"import sys; sys.path[:0] = {sys.path!r}; sys.modules['ml_dtypes'] = None; import attn_mlir, numpy as np; "
    return subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True)


def test_bfloat16_needs_ml_dtypes_only_when_it_is_used():
    ran = run_without_ml_dtypes("a = np.ones((1, 1, 4, 8), np.float32); print(attn_mlir.sdpa(a, a, a).sum())")
    assert float(ran.stdout) == 32
    text = ONE.replace("f32", "bf16")
    bits = "a = np.ones((2, 3, 20, 16), np.uint16)"
    ran = run_without_ml_dtypes(f"k = attn_mlir.compile({text!r}).kernel; {bits}; k(a, a, a)")
    assert "got uint16[2, 3, 20, 16] (hand in the bits as bfloat16: a.view(ml_dtypes.bfloat16))" in ran.stderr
