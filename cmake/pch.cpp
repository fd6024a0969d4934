// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Empty: owns the precompiled header of pch.h.
