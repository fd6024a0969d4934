// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -split-input-file -verify-diagnostics

// expected-error @+2 {{expects 'rows' to be at least 1, got 0}}
func.func private @plan_c1_rows() attributes {
  p = #attn.plan<online, rows_minor, rows = 0, keys = 96, lanes = 16, register_tile = [4, 4]>}

// -----

// expected-error @+2 {{expects 'lanes' to be at least 1, got -1}}
func.func private @plan_c1_lanes() attributes {
  p = #attn.plan<online, rows_minor, rows = 8, keys = 96, lanes = -1, register_tile = [4, 4]>}

// -----

// expected-error @+2 {{expects 'rows' to be a multiple of 'lanes', got 24 and 16}}
func.func private @plan_c2_lanes() attributes {
  p = #attn.plan<online, rows_minor, rows = 24, keys = 96, lanes = 16, register_tile = [4, 4]>}

// -----

// C4
// expected-error @+2 {{expects 'short' to be a multiple of 'lanes' less than 'rows', or 0, got 64}}
func.func private @plan_c4_short() attributes {
  p = #attn.plan<online, rows_minor, rows = 64 short 64, keys = 96, lanes = 16, register_tile = [4, 4]>}

// -----

// C5
// expected-error @+2 {{expects 'split' to be at least 'keys', or 0, got 95 and 96}}
func.func private @plan_c5_split() attributes {
  p = #attn.plan<online, rows_minor, rows = 64, keys = 96 split 95, lanes = 16, register_tile = [4, 4]>}

// -----

// expected-error @+2 {{expects 'register_tile' to be [rows, vectors], both at least 1, got [4]}}
func.func private @plan_c3_length() attributes {
  p = #attn.plan<online, rows_minor, rows = 64, keys = 96, lanes = 16, register_tile = [4]>}

// -----

// expected-error @+2 {{expects 'register_tile' to be [rows, vectors], both at least 1, got [4, 0]}}
func.func private @plan_c3_zero() attributes {
  p = #attn.plan<online, rows_minor, rows = 64, keys = 96, lanes = 16, register_tile = [4, 0]>}
