# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels whose keys and values are stored in another way, beside the same attention on plain tensors."""

from harness import kernels

#: One new token: sequences, key heads, query heads of each, keys in the cache, size of heads.
DECODE = {"B": 1, "Hkv": 8, "G": 4, "M": 4096, "D": 128}
PAGE = 16
#: Sequences side by side, against as many rows and keys in sequences of equal lengths.
PACKED = {"H": 12, "D": 64}
EQUAL = [256, 256, 256, 256]
UNEQUAL = [64, 448, 192, 320]


def cache_options(name):
    """Sizes of a cache that is full with the new token."""
    return [f"--shape={name}={DECODE['B']}x{DECODE['Hkv']}x{DECODE['M']}x{DECODE['D']}"]


def decode(dtype, storage):
    """(text, options of attn-run): one token attends to a cache that is 'plain', gets the token's own key and value
    first ('append'), or lies in 'pages' in random order."""
    b, h, g, m, d = DECODE.values()
    q = kernels.tensor(["?", h, g, d], dtype)
    new, cache = kernels.tensor(["?", h, 1, d], dtype), kernels.tensor(["?", h, "?", d], dtype)
    pool, table, lengths = kernels.tensor(["?", h, PAGE, d], dtype), "tensor<?x?xi32>", "tensor<?xi32>"
    arguments, options = [("q", q)], [f"--shape=q={b}x{h}x{g}x{d}", f"--shape=lengths={b}", f"--fill=lengths={m - 1}"]
    lines, operands, results = "", ["%k_cache", "%v_cache"], []
    if storage == "append":
        arguments += [("k", new), ("v", new)]
        options += [f"--shape={name}={b}x{h}x1x{d}" for name in "kv"]
        for name in "kv":
            lines += f"  %{name}_now = attn.append_kv %{name}, %{name}_cache at(%lengths : {lengths})\n"
            lines += f"    : ({new}, {cache}) -> {cache}\n"
        operands = results = ["%k_now", "%v_now"]
    if storage == "pages":
        arguments += [("k_pages", pool), ("v_pages", pool), ("table", table)]
        pages = b * m // PAGE
        options += [f"--shape={name}_pages={pages}x{h}x{PAGE}x{d}" for name in "kv"]
        options += [f"--shape=table={b}x{m // PAGE}", f"--fill=table=0..{pages}"]
        for name in "kv":
            lines += f"  %{name}_cache = attn.gather_pages %{name}_pages, %table : ({pool}, {table}) -> {cache}\n"
    else:
        arguments += [("k_cache", cache), ("v_cache", cache)]
        options += cache_options("k_cache") + cache_options("v_cache")
    arguments.append(("lengths", lengths))
    places = ["b, h, g, d", "b, h, j, d", "b, h, j, e", "b", "b, h, g, e"]
    maps = kernels.MAP_BREAK.join(f"affine_map<(b, h, g, j, d, e) -> ({place})>" for place in places)
    types = ", ".join([q] + [cache] * len(results))
    body = f"""{lines}  %c0 = arith.constant 0 : index
  %b = tensor.dim %q, %c0 : {q}
  %init = tensor.empty(%b) : {q}
  %out = attn.generic ins(%q, {", ".join(operands)} : {q}, {cache}, {cache}) mask_ins(%lengths : {lengths})
    outs(out %init : {q})
    maps [{maps}]
    scale({d**-0.5!r}) normalizer(#attn.softmax)
    mask {{
    ^bb0(%length: i32):
      %j = attn.index 3
      %last = arith.index_cast %length : i32 to index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }}
  return {", ".join(["%out", *results])} : {types}
"""
    return kernels.function(arguments, f"({types})", body), options


def packed(dtype, lengths):
    """(text, options): attn.packed over sequences of these lengths."""
    h, d = PACKED.values()
    q, sums = kernels.tensor(["?", h, d], dtype), "tensor<?xi32>"
    body = f"""  %out = attn.packed %q, %k, %v rows(%rows : {sums}) keys(%keys : {sums})
    : ({q}, {q}, {q}) -> {q}
  return %out : {q}
"""
    arguments = [("q", q), ("k", q), ("v", q), ("rows", sums), ("keys", sums)]
    options = [f"--shape={name}={sum(lengths)}x{h}x{d}" for name in "qkv"]
    for name in ("rows", "keys"):
        options.append(f"--shape={name}={len(lengths) + 1}")
        options += [f"--fill={name}={sum(lengths[:place])}@{place}" for place in range(len(lengths) + 1)]
    return kernels.function(arguments, q, body), options


def dense(dtype):
    """(text, options): the same work as packed sequences of equal lengths, as a batch."""
    h, d = PACKED.values()
    q = kernels.tensor(["?", h, "?", d], dtype)
    body = f"  %out = attn.sdpa %q, %k, %v : ({q}, {q}, {q}) -> {q}\n  return %out : {q}\n"
    options = [f"--shape={name}={len(EQUAL)}x{h}x{EQUAL[0]}x{d}" for name in "qkv"]
    return kernels.function([("q", q), ("k", q), ("v", q)], q, body), options


def list_kernels(dtype):
    """name: (text, options, name of the row beside which it stands, work as a share of that row's)."""
    b, h, g, m, d = DECODE.values()
    one = f"decode, {g * h} heads on {h}, M = {m}, D = {d}"
    batch = f"{len(EQUAL)} sequences of {EQUAL[0]}"
    work = sum(length**2 for length in UNEQUAL) / sum(length**2 for length in EQUAL)
    return {
        one: (*decode(dtype, "plain"), one, 1.0),
        "decode, append": (*decode(dtype, "append"), one, 1.0),
        f"decode, pages of {PAGE}": (*decode(dtype, "pages"), one, 1.0),
        batch: (*dense(dtype), batch, 1.0),
        "the same, packed": (*packed(dtype, EQUAL), batch, 1.0),
        f"packed, of {', '.join(map(str, UNEQUAL))}": (*packed(dtype, UNEQUAL), batch, work),
    }
