# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""IREE on CPU: its attention op, or for additive similarity linalg ops, compiled for this processor and run by its
runtime with as many workers as asked."""

import iree.compiler
import iree.runtime
import numpy as np
from iree.compiler import version as compiler_version

from harness import Unsupported, numerics
from harness.contenders import LAYOUTS, to_layout

FLAGS = ["--iree-llvmcpu-target-cpu=host"]


def version():
    return compiler_version.VERSION


def variants(w, arrays, context):
    if w.sink:
        raise Unsupported("no entry point for a sink")
    if w.similarity == "additive":
        if w.H > 1 or not w.is_dense:
            raise Unsupported("additive similarity is written for one head without a mask here")
        return [("separate ops", lambda: additive(w, arrays, context))]
    if w.padding:
        raise Unsupported("its mask is the same for all batches")
    return [(f"attention, {layout}", lambda layout=layout: attention(w, arrays, context, layout)) for layout in LAYOUTS]


def start(source, operands, context, shape):
    binary = iree.compiler.compile_str(source, target_backends=["llvm-cpu"], extra_args=FLAGS)
    if context["threads"] == 1:
        config = iree.runtime.Config("local-sync")
    else:
        iree.runtime.flags.parse_flags(f"--task_topology_group_count={context['threads']}")
        config = iree.runtime.Config("local-task")
    system = iree.runtime.SystemContext(config=config)
    system.add_vm_module(iree.runtime.VmModule.copy_buffer(system.instance, binary))
    function = system.modules.module["attend"]
    held = [iree.runtime.asdevicearray(config.device, np.ascontiguousarray(array)) for array in operands]
    result = []

    def run():
        result[:] = [function(*held)]

    run.keep = (system, held)
    return run, lambda: shape(np.asarray(result[0].to_host()))


def tensor(loops, sizes, element):
    return "tensor<" + "".join(f"{sizes[x]}x" for x in loops) + element + ">"


def attention(w, arrays, context, layout):
    """Heads are [Hkv, group], so that no key is repeated."""
    sizes = {"b": w.B, "h": w.Hkv, "g": w.H // w.Hkv, "n": w.N, "m": w.M, "d": w.D, "e": w.Dv}
    orders = {"bhnd": ("bhgnd", "bhmd", "bhme", "bhgne"), "bnhd": ("bnhgd", "bmhd", "bmhe", "bnhge")}[layout]
    kind = w.dtype
    operands = [to_layout(arrays[name], layout) for name in "qkv"]
    operands[0] = operands[0].reshape([sizes[x] for x in orders[0]])
    names, types = ["%q", "%k", "%v", "%scale"], [tensor(order, sizes, kind) for order in orders[:3]] + [kind]
    maps = [*orders[:3], ""]
    bias = numerics.dense_bias(w, arrays, finite=True)
    if bias is not None:
        loops = "hgnm" if bias.shape[1] > 1 else "nm"
        operands.append(bias[0].reshape([sizes[x] for x in loops]))
        names.append("%bias")
        types.append(tensor(loops, sizes, kind))
        maps.append(loops)
    maps.append(orders[3])
    texts = [f"affine_map<(b, h, g, n, e, d, m) -> ({', '.join(order)})>" for order in maps]
    arguments = ", ".join(f"{n}: {t}" for n, t in zip(names, types, strict=True) if n != "%scale")
    out = tensor(orders[3], sizes, kind)
    region = "iree_linalg_ext.yield %x : f32"
    if w.softcap:
        region = f"""%c = arith.constant {w.softcap:e} : f32
      %y = arith.divf %x, %c : f32
      %t = math.tanh %y : f32
      %z = arith.mulf %t, %c : f32
      iree_linalg_ext.yield %z : f32"""
    source = f"""
func.func @attend({arguments}) -> {out} {{
  %scale = arith.constant {w.scale_factor:e} : {kind}
  %empty = tensor.empty() : {out}
  %out = iree_linalg_ext.attention <{{ indexing_maps = [{", ".join(texts)}] }}>
    ins({", ".join(names)} : {", ".join(types)}) outs(%empty : {out}) {{
    ^bb0(%x: f32):
      {region}
  }} -> {out}
  return %out : {out}
}}"""

    def shape(array):
        if layout == "bnhd":
            return array.reshape(w.B, w.N, w.H, w.Dv).transpose(0, 2, 1, 3)
        return array.reshape(w.B, w.H, w.N, w.Dv)

    return start(source, operands, context, shape)


def additive(w, arrays, context):
    """Scores by one linalg.generic, whose N x M x D terms it fuses."""
    sizes = {"b": w.B, "n": w.N, "m": w.M, "d": w.D, "e": w.Dv}
    kind = w.dtype
    q, k, v, weights, scores, out = (tensor(x, sizes, kind) for x in ("bnd", "bmd", "bme", "d", "bnm", "bne"))
    maps = ", ".join(f"affine_map<(b, n, m, d) -> ({x})>" for x in ("b, n, d", "b, m, d", "d", "b, n, m"))
    source = f"""
func.func @attend(%q: {q}, %k: {k}, %v: {v}, %w: {weights}) -> {out} {{
  %zero = arith.constant 0.0 : {kind}
  %scale = arith.constant {w.scale_factor:e} : {kind}
  %s0 = tensor.empty() : {scores}
  %s1 = linalg.fill ins(%zero : {kind}) outs(%s0 : {scores}) -> {scores}
  %s = linalg.generic {{indexing_maps = [{maps}],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}}
      ins(%q, %k, %w : {q}, {k}, {weights}) outs(%s1 : {scores}) {{
    ^bb0(%a: {kind}, %c: {kind}, %x: {kind}, %sum: {kind}):
      %1 = arith.addf %a, %c : {kind}
      %2 = math.tanh %1 : {kind}
      %3 = arith.mulf %2, %x : {kind}
      %4 = arith.mulf %3, %scale : {kind}
      %5 = arith.addf %4, %sum : {kind}
      linalg.yield %5 : {kind}
  }} -> {scores}
  %p0 = tensor.empty() : {scores}
  %p = linalg.softmax dimension(2) ins(%s : {scores}) outs(%p0 : {scores}) -> {scores}
  %o0 = tensor.empty() : {out}
  %o1 = linalg.fill ins(%zero : {kind}) outs(%o0 : {out}) -> {out}
  %o = linalg.batch_matmul ins(%p, %v : {scores}, {v}) outs(%o1 : {out}) -> {out}
  return %o : {out}
}}"""
    operands = [arrays[name][:, 0] for name in "qkv"] + [arrays["weights"].astype(arrays["q"].dtype)]
    return start(source, operands, context, lambda array: array[:, None])
