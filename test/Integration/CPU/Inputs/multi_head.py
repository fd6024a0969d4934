# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs attn.multi_head beside numpy in double precision: not through the compiler's reference, which judges what
attn-normalize made of the op. Each case is judged by both.

usage: multi_head.py TRANSFORMER_BLOCK.mlir
       multi_head.py --cpu=NAME                only cases of bf16, as kernels for that processor
"""

import dataclasses
import pathlib
import sys
import tempfile

import numpy as np
from judge import finish, judge_output


@dataclasses.dataclass
class Case:
    """Sizes by letter; `memory` 0 stands for self-attention."""

    batch: int = 2
    rows: int = 37
    width: int = 24
    memory: int = 0
    memory_width: int = 24
    heads: int = 4
    kv_heads: int = 4
    size: int = 8
    value_size: int = 8
    out_width: int = 24
    packed: bool = False
    transposed: bool = False
    bias: bool = False
    norm: str = ""
    pairs: int = 0
    interleaved: bool = False
    positions: bool = False
    causal: bool = False
    mask: bool = False
    element: str = "f32"
    threads: int = 1
    unknown: bool = False  # sizes of batches and rows are those of the call


CASES = [
    Case(),
    Case(batch=1, rows=130, width=100, heads=6, kv_heads=2, size=16, value_size=16, out_width=70, bias=True, threads=2),
    Case(memory=53, memory_width=17, kv_heads=2, value_size=12, bias=True, mask=True),
    Case(packed=True, bias=True, causal=True, kv_heads=1),
    Case(packed=True, transposed=True, bias=True),
    Case(norm="rms", pairs=4, causal=True, kv_heads=2, threads=2),
    Case(norm="layer", pairs=3, interleaved=True, positions=True, transposed=True),
    Case(rows=70, width=64, size=16, value_size=16, pairs=8, positions=True, out_width=65),
    Case(element="bf16", bias=True, norm="rms", pairs=4),
    # Sums of an odd number of terms, more than a block of them; columns and rows beyond whole vectors and tiles.
    Case(element="bf16", rows=131, width=71, out_width=65, packed=True, transposed=True, causal=True, threads=2),
    Case(element="bf16", rows=5, width=130, size=12, value_size=7, out_width=3, kv_heads=2, bias=True),
    Case(element="f16", rows=67, width=71, out_width=65, transposed=True, bias=True),
    Case(unknown=True, batch=1, rows=1, bias=True, norm="layer", pairs=4),
    Case(unknown=True, batch=3, rows=67, kv_heads=2, norm="rms", pairs=3, positions=True, causal=True, threads=2),
    Case(unknown=True, rows=5, memory=131, memory_width=17, value_size=12, bias=True, mask=True, threads=2),
    Case(unknown=True, element="bf16", rows=129, packed=True, bias=True, causal=True, threads=2),
]


def kernel(case, shapes):
    unknown = {"x": (0, 1), "y": (0, 1), "p": (0, 1), "mask": (0, 3), "cos": (0,), "sin": (0,), "out": (0, 1)}

    def tensor(name, kind=None):
        kind = kind or ("f32" if name in ("cos", "sin") else case.element)
        hidden = unknown.get(name, ()) if case.unknown else ()
        sizes = ("?" if dim in hidden else str(size) for dim, size in enumerate(shapes[name]))
        return "tensor<" + "x".join(sizes) + f"x{kind}>"

    shapes = shapes | {"out": (case.batch, case.rows, case.out_width)}

    kinds = {name: "i1" if name == "mask" else "i32" if name == "p" else None for name in shapes}
    types = {name: tensor(name, kind) for name, kind in kinds.items()}
    result = types.pop("out")
    listed = lambda *names: ", ".join(f"%{n}" for n in names) + " : " + ", ".join(types[n] for n in names)  # noqa: E731
    weights = ["w"] if case.packed else ["wq", "wk", "wv"]
    biases = ["b"] if case.packed else ["bq", "bk", "bv"]
    text = "%x" + (f" memory({listed('y')})" if case.memory else "")
    text += f" weights({listed(*weights)}) out({listed('wo')})" + (" transposed" if case.transposed else "")
    text += f" bias({listed(*biases)}) out_bias({listed('bo')})" if case.bias else ""
    text += f" heads({case.heads}" + (f", {case.kv_heads})" if case.kv_heads != case.heads else ")")
    text += f" norm {case.norm}({listed('gq', 'gk')}) epsilon(1.0e-3)" if case.norm else ""
    text += f" rope({listed('cos', 'sin')})" if case.pairs else ""
    text += (f" positions({listed('p')})" if case.positions else "") + (" interleaved" if case.interleaved else "")
    text += (f" mask({listed('mask')})" if case.mask else "") + (" causal(top_left)" if case.causal else "")
    arguments = ", ".join(f'%{name}: {kind} {{attn.name = "{name}"}}' for name, kind in types.items())
    return f"""func.func @f({arguments}) -> {result} {{
  %o = attn.multi_head {text} : ({types["x"]}) -> {result}
  return %o : {result}
}}
"""


def turn(x, angles, neighbours):
    """`x` [B,N,H,D] turned by `angles` [B,N,C]: pairs as complex numbers times e^(i angle)."""
    c = angles.shape[-1]
    first, second = (slice(0, 2 * c, 2), slice(1, 2 * c, 2)) if neighbours else (slice(0, c), slice(c, 2 * c))
    turned = (x[..., first] + 1j * x[..., second]) * np.exp(1j * angles[:, :, None])
    result = x.copy()
    result[..., first], result[..., second] = turned.real, turned.imag
    return result


def evaluate(case, v):
    """The formula of attn.multi_head on arrays of doubles."""
    v = {name: value.T if case.transposed and name[0] == "w" else value for name, value in v.items()}
    source = v.get("y", v["x"])
    split = lambda rows, heads: rows.reshape(*rows.shape[:2], heads, -1)  # noqa: E731
    if case.packed:
        rows = v["x"] @ v["w"] + v.get("b", 0)
        cuts = np.cumsum([case.heads * case.size, case.kv_heads * case.size])
        q, k, values = np.split(rows, cuts, axis=-1)
    else:
        q = v["x"] @ v["wq"] + v.get("bq", 0)
        k, values = (source @ v[w] + v.get(b, 0) for w, b in [("wk", "bk"), ("wv", "bv")])
    q, k, values = split(q, case.heads), split(k, case.kv_heads), split(values, case.kv_heads)
    if case.norm:
        center = lambda x: x - x.mean(-1, keepdims=True) if case.norm == "layer" else x  # noqa: E731
        norm = lambda x, g: center(x) * g / np.sqrt((center(x) ** 2).mean(-1, keepdims=True) + 1e-3)  # noqa: E731
        q, k = norm(q, v["gq"]), norm(k, v["gk"])
    if case.pairs:
        angles = np.arctan2(v["sin"], v["cos"])
        at = v["p"].astype(int) if case.positions else np.arange(case.rows)[None].repeat(case.batch, 0)
        q, k = turn(q, angles[at], case.interleaved), turn(k, angles[at], case.interleaved)
    k, values = (np.repeat(x, case.heads // case.kv_heads, axis=2) for x in (k, values))
    scores = np.einsum("bihd,bjhd->bhij", q, k) / np.sqrt(case.size)
    kept = np.ones_like(scores, bool)
    if case.causal:
        kept &= np.tril(np.ones(scores.shape[-2:], bool))
    if case.mask:
        kept &= v["mask"].astype(bool)
    scores = np.where(kept, scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    out = np.einsum("bhij,bjhe->bihe", weights / weights.sum(-1, keepdims=True), values)
    return out.reshape(*out.shape[:2], -1) @ v["wo"] + v.get("bo", 0)


def list_shapes(case):
    heads, kv_heads, size = case.heads, case.kv_heads, case.size
    shapes = {"x": (case.batch, case.rows, case.width)}
    if case.memory:
        shapes["y"] = (case.batch, case.memory, case.memory_width)
    if case.packed:
        shapes["w"], shapes["b"] = (case.width, (heads + 2 * kv_heads) * size), ((heads + 2 * kv_heads) * size,)
    else:
        width = case.memory_width if case.memory else case.width
        shapes |= {
            "wq": (case.width, heads * size),
            "wk": (width, kv_heads * size),
            "wv": (width, kv_heads * case.value_size),
        }
        shapes |= {f"b{w[1]}": shapes[w][1:] for w in ("wq", "wk", "wv")}
    shapes |= {"wo": (heads * case.value_size, case.out_width), "bo": (case.out_width,)}
    if not case.bias:
        shapes = {name: shape for name, shape in shapes.items() if name[0] != "b"}
    if case.transposed:
        shapes = {name: shape[::-1] if name[0] == "w" else shape for name, shape in shapes.items()}
    if case.norm:
        shapes |= {"gq": (size,), "gk": (size,)}
    if case.pairs:
        shapes |= {"cos": (case.rows + 5, case.pairs), "sin": (case.rows + 5, case.pairs)}
    if case.positions:
        shapes["p"] = (case.batch, case.rows)
    if case.mask:
        shapes["mask"] = (case.batch, 1, 1, case.memory or case.rows)
    return shapes


def run(case, folder, random, options=()):
    shapes = list_shapes(case)
    values = {name: random.normal(size=shape) for name, shape in shapes.items()}
    for name in values:
        if name[0] == "w":  # rows of products are about as large as rows of embeddings
            values[name] /= np.sqrt(shapes[name][1 if case.transposed else 0])
    if case.pairs:
        angles = np.arange(case.rows + 5)[:, None] * 100.0 ** (-np.arange(case.pairs) / case.pairs)
        values |= {"cos": np.cos(angles), "sin": np.sin(angles)}
    if case.positions:
        values["p"] = random.integers(0, case.rows + 5, shapes["p"])
    if case.mask:
        values["mask"] = random.integers(0, 2, shapes["mask"])
        values["mask"][..., 0] = 1
    stored = {}
    for name, value in values.items():
        kind = {"p": np.int32, "mask": np.bool_}.get(name, np.float32)
        stored[name] = np.ascontiguousarray(value).astype(kind)
        if name not in ("p", "mask", "cos", "sin"):
            if case.element == "bf16":
                stored[name] = (stored[name].view(np.uint32) & 0xFFFF0000).view(np.float32)
            elif case.element == "f16":
                stored[name] = stored[name].astype(np.float16)
        values[name] = stored[name].astype(np.float64)
    source = kernel(case, shapes)
    (folder / "f.mlir").write_text(source)
    command = ["attn-run", str(folder / "f.mlir"), f"--threads={case.threads}", *options]
    # Roundings of Q, K, V and O to 16 bits; in f32 the sums.
    unit = {"f32": 2**-16, "f16": 2**-8, "bf16": 2**-5}[case.element]
    expected = evaluate(case, values)
    return judge_output(command, folder, stored, expected, unit * np.abs(expected).max(), source)


def hide_sizes(text):
    """The block as a kernel whose batches and rows are those of the call."""
    for known, unknown in (("tensor<2x50x", "tensor<?x?x"), ("tensor<50x8x", "tensor<?x8x")):
        text = text.replace(known, unknown)
    text = text.replace("tensor.empty()", "tensor.empty(%batch, %n)")
    return text.replace(
        "  %zero = arith.constant",
        """  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %batch = tensor.dim %x, %c0 : tensor<?x?x64xf32>
  %n = tensor.dim %x, %c1 : tensor<?x?x64xf32>
  %zero = arith.constant""",
        1,
    )


def run_block(file, folder, random, sizes, options):
    """examples/attention/variants/transformer-block.mlir, or with `sizes` of its own as a kernel for any of them."""
    batch, rows = sizes or (2, 50)
    if sizes:
        text = hide_sizes(pathlib.Path(file).read_text())
        file = str(folder / "block.mlir")
        pathlib.Path(file).write_text(text)
    shapes = {"x": (batch, rows, 64), "w_qkv": (64, 128), "w_o": (64, 64), "b_o": (64,), "w_up": (64, 256)}
    shapes |= {"b_up": (256,)}
    shapes |= {"w_down": (256, 64), "b_down": (64,)} | {f"{n}{i}": (64,) for i in (1, 2) for n in ("gain", "shift")}
    values = {name: random.normal(size=shape) for name, shape in shapes.items()}
    for name in values:
        if name[0] == "w":
            values[name] /= np.sqrt(shapes[name][0])
    angles = np.arange(rows)[:, None] * 100.0 ** (-np.arange(8) / 8)
    values |= {"cos": np.cos(angles), "sin": np.sin(angles)}
    stored = {name: value.astype(np.float32) for name, value in values.items()}
    v = {name: value.astype(np.float64) for name, value in stored.items()}

    def norm(x, i):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * v[f"gain{i}"] + v[f"shift{i}"]

    case = Case(batch=batch, rows=rows, width=64, heads=4, kv_heads=2, size=16, packed=True, pairs=8, causal=True)
    names = {"w": "w_qkv", "wo": "w_o", "bo": "b_o", "cos": "cos", "sin": "sin"}
    y = v["x"] + evaluate(case, {"x": norm(v["x"], 1)} | {mine: v[its] for mine, its in names.items()})
    up = norm(y, 2) @ v["w_up"] + v["b_up"]
    gelu = 0.5 * up * (1 + np.tanh(np.sqrt(2 / np.pi) * (up + 0.044715 * up**3)))
    out = y + gelu @ v["w_down"] + v["b_down"]
    command = ["attn-run", file, *options]
    return judge_output(command, folder, stored, out, 2**-15 * np.abs(out).max(), file)


# Sizes of the block that only the call knows, and how it is called.
BLOCKS = [
    (None, ["--threads=1"]),
    (None, ["--threads=2"]),
    ((1, 1), ["--threads=2"]),
    ((3, 131), ["--threads=2"]),
    ((2, 17), ["--cpu=x86-64-v2,x86-64-v3"]),
]


def main():
    random = np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if sys.argv[1].startswith("--cpu="):
            cases = [case for case in CASES if case.element == "bf16"]
            finish(len(cases), sum(run(case, folder, random, sys.argv[1:]) for case in cases))
            return
        failed = sum(run(case, folder, random) for case in CASES) + sum(
            run_block(sys.argv[1], folder, random, sizes, options) for sizes, options in BLOCKS
        )
    finish(len(CASES) + len(BLOCKS), failed)


main()
