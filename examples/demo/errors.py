# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
REMEDY = "./dev demo installs python/requirements-demo.txt, for which it needs the network once"


class DemoError(Exception):
    """What a user can read and act on; the demo prints it and exits with status 1."""
