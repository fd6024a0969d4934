/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Asks two kernels for which processor they run, and calls them without views: what can run says that they are null. */
#include "attend.h"
#include "elsewhere.h"

#include <stdio.h>

static void show(const char *name, const char *description, int32_t version, size_t bytes, int32_t status) {
  printf("%s: %s\n", name, description ? description : "none");
  printf("%s: ABI %d, workspace %s, status %d\n", name, (int)version, bytes ? "yes" : "no", (int)status);
}

int main(void) {
  attn_call call = {ATTN_ABI_VERSION, 1, NULL, 0, NULL, NULL};
  for (int again = 0; again < 2; ++again) { /* the second time the choice is known */
    show("attend", attend_description(), attend_abi_version(), attend_workspace_size(1),
         attend(&call, NULL, NULL, NULL, NULL));
    show("elsewhere", elsewhere_description(), elsewhere_abi_version(), elsewhere_workspace_size(1),
         elsewhere(&call, NULL, NULL, NULL, NULL));
  }
  return 0;
}
