# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""An editor in 40 lines. Usage: lsp.py SERVER FILE [LINE:COLUMN...]

Opens FILE, prints what the server finds wrong with it, then what it says about each position (both from 1).
"""

import json
import pathlib
import subprocess
import sys

server, file, *positions = sys.argv[1:]
uri = "file:///opened.mlir"
process = subprocess.Popen([server, "--log=error"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def send(method, params=None, number=None):
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None:
        message["id"] = number
    body = json.dumps(message).encode()
    process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    process.stdin.flush()


def receive(wanted):
    """Returns the first message that `wanted` is true for."""
    while True:
        headers = {}
        while line := process.stdout.readline().strip():
            name, value = line.decode().split(": ")
            headers[name] = value
        if not headers:
            sys.exit("the server closed its output")
        message = json.loads(process.stdout.read(int(headers["Content-Length"])))
        if wanted(message):
            return message


def call(method, params, number):
    send(method, params, number)
    reply = receive(lambda message: message.get("id") == number)
    if "error" in reply:
        sys.exit(f"{method}: {reply['error']}")
    return reply["result"]


print(
    "hovers:",
    call("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, 0)["capabilities"]["hoverProvider"],
)
send("initialized", {})
text = pathlib.Path(file).read_text()
send("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "mlir", "version": 1, "text": text}})
published = receive(lambda message: message.get("method") == "textDocument/publishDiagnostics")["params"]
print("diagnostics:", len(published["diagnostics"]))
for diagnostic in published["diagnostics"]:
    start = diagnostic["range"]["start"]
    print(f"{start['line'] + 1}:{start['character'] + 1}: {diagnostic['message']}")
for number, position in enumerate(positions, start=1):
    line, column = (int(part) - 1 for part in position.split(":"))
    where = {"textDocument": {"uri": uri}, "position": {"line": line, "character": column}}
    hover = call("textDocument/hover", where, number)
    print(f"hover {position}:", hover["contents"]["value"] if hover else "nothing")
call("shutdown", None, len(positions) + 1)
send("exit")
print("exit status:", process.wait())
