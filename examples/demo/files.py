# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Files that the demo makes."""

from errors import DemoError


def write_text(path, text):
    write_bytes(path, text.encode())


def write_bytes(path, data):
    """Writes a file and the folders above it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        # The path is missing from errors of writing: a full disk, a quota.
        where = error.filename or path
        raise DemoError(f"cannot write '{where}': {error.strerror}; --output names another folder") from None
