// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-expand-math))' -split-input-file -verify-diagnostics | FileCheck %s
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-expand-math{vector-bits=512}))' -split-input-file -verify-diagnostics | FileCheck %s --check-prefix=SCALEF
// RUN: attn-opt %S/Inputs/f16.mlir -pass-pipeline='builtin.module(func.func(attn-expand-math{f16c=false}))' -verify-diagnostics
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-expand-math{fma=false}))' -split-input-file -verify-diagnostics | FileCheck %s --check-prefix=NOFMA

// Five multiply-adds and no library; an argument that is never positive needs no upper bound and no doubling.

// CHECK-LABEL: func.func @never_positive
//   CHECK-NOT:   math.exp2
//   CHECK-NOT:   arith.cmpf olt
// CHECK-COUNT-5: math.fma
//   CHECK-NOT:   math.fma
//       CHECK:   arith.shli
//       CHECK:   %[[POWER:.+]] = arith.mulf
//       CHECK:   return %[[POWER]]
// NOFMA-LABEL: func.func @never_positive
//   NOFMA-NOT:   math.fma
//       NOFMA:   return
func.func @never_positive(%x: vector<8xf32>) -> vector<8xf32> {
  %y = math.exp2 %x {attn.non_positive} : vector<8xf32>
  return %y : vector<8xf32>
}

// CHECK-LABEL: func.func @any_argument
//       CHECK:   arith.cmpf ogt
//       CHECK:   arith.cmpf olt
func.func @any_argument(%x: f32) -> f32 {
  %y = math.exp2 %x : f32
  return %y : f32
}

// Infinities need no bounds there: the instruction defines what it makes of them.

// SCALEF-LABEL: func.func @scales_by_instruction
//   SCALEF-NOT:   arith.cmpf
//       SCALEF:   math.roundeven
//       SCALEF:   llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"
// CHECK-LABEL: func.func @scales_by_instruction
//   CHECK-NOT:   llvm.call_intrinsic
func.func @scales_by_instruction(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp2 %x {attn.non_positive} : vector<16xf32>
  return %y : vector<16xf32>
}

// -----

func.func @needs_a_library(%x: f32, %y: f32) -> f32 {
  // expected-error @below {{'math.powf' would need a maths library at run time, which compiled kernels do not link}}
  %z = math.powf %x, %y : f32
  return %z : f32
}

// -----

// Integer instructions, which every machine has and which keep subnormals.

// CHECK-LABEL: func.func @rounds_bf16
//   CHECK-NOT:   arith.truncf
//       CHECK:   arith.shrui
//   CHECK-NOT:   arith.truncf
//       CHECK:   return
func.func @rounds_bf16(%x: vector<8xf32>) -> vector<8xbf16> {
  %y = arith.truncf %x : vector<8xf32> to vector<8xbf16>
  return %y : vector<8xbf16>
}

// -----

func.func @double_precision(%x: f64) -> f64 {
  // expected-error @below {{'math.exp2' of f64 has no polynomial form here: compiling asks for f32, f16 or bf16}}
  %y = math.exp2 %x : f64
  return %y : f64
}

// -----

// An estimate and a step of Newton, where the division says that an approximation will do.

// SCALEF-LABEL: func.func @reciprocal
//   SCALEF-NOT:   arith.divf
//       SCALEF:   %[[Y:.+]] = llvm.call_intrinsic "llvm.x86.avx512.rcp14.ps.512"(%[[X:[^,]+]],
//       SCALEF:   %[[MINUS:.+]] = arith.negf %[[X]]
//       SCALEF:   %[[ERROR:.+]] = math.fma %[[MINUS]], %[[Y]],
//       SCALEF:   math.fma %[[Y]], %[[ERROR]], %[[Y]]
//  CHECK-LABEL: func.func @reciprocal
//        CHECK:   arith.divf
func.func @reciprocal(%x: vector<16xf32>) -> vector<16xf32> {
  %one = arith.constant dense<1.0> : vector<16xf32>
  %y = arith.divf %one, %x fastmath<arcp> : vector<16xf32>
  return %y : vector<16xf32>
}

// SCALEF-LABEL: func.func @exact_reciprocal
//       SCALEF:   arith.divf
func.func @exact_reciprocal(%x: vector<16xf32>) -> vector<16xf32> {
  %one = arith.constant dense<1.0> : vector<16xf32>
  %y = arith.divf %one, %x : vector<16xf32>
  return %y : vector<16xf32>
}
