// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
func.func @needs_f16c(%x: vector<8xf16>) -> vector<8xf32> {
  // expected-error @below {{converting f16 takes instructions that the processor to compile for lacks (F16C): choose --cpu=x86-64-v3 or later, or store f32 or bf16}}
  %y = arith.extf %x : vector<8xf16> to vector<8xf32>
  return %y : vector<8xf32>
}
