# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Does what a document says. Usage: documents.py SOURCE BUILD SCRATCH DOCUMENT [--without=PREFIX]

Fenced blocks are taken by their language and words behind it:

    sh              commands, run in order by one bash in SCRATCH, which looks like a checkout with build/dev
    mlir, c, ...    whose first line is a comment `// NAME.EXT`: a file that the commands find; .mlir is verified
    ... excerpt=F   must stand in the file F that the commands made: pieces between `...` in order; names of values
                    and maps may differ, but a name means the same everywhere in its block, and so may white space

Commands that build the checkout itself (./dev, ninja, cmake --preset and --build) are only checked: the command,
option, target or preset exists. So are commands and options in `code` inside of sentences, and links to files. Prints
what is wrong, status 1 if anything is. With --without, commands that begin with PREFIX are left out.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

TOOLS = ("attn-compile", "attn-lsp-server", "attn-opt", "attn-reduce", "attn-run")
NAME = re.compile(r"%[A-Za-z0-9_$.-]+|#(?!attn\b)[a-z]\w*")


def output_of(*command):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout


def split_document(text):
    """Returns the fenced blocks as (line, language, words, body), and the text around them."""
    blocks, rest, fence, body = [], [], None, []
    for number, line in enumerate(text.splitlines(), start=1):
        if fence is None and (match := re.fullmatch(r"\s*```(\w+)\s*(.*)", line)):
            fence, body = (number, match[1], match[2].split()), []
        elif fence is not None and line.strip() == "```":
            blocks.append((*fence, "\n".join(body) + "\n"))
            fence = None
        else:
            (rest if fence is None else body).append(line)
    assert fence is None, "a block is not closed"
    return blocks, "\n".join(rest)


def split_commands(body):
    """One string for each command: lines that end with a backslash go on, comments are left out."""
    joined = re.sub(r"\\\n\s*", " ", body)
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]


class Checkout:
    """What commands that are not run are checked against."""

    def __init__(self, source, build):
        self.source, self.build = source, build
        self.dev_help = output_of(source / "dev", "--help")
        self.dev_commands = re.findall(r"^  ([a-z-]+) ", self.dev_help, re.M)
        scripts = ("dev", "benchmarks/bench.py", "examples/demo/options.py", "utils/gpu_gate.py", "utils/gpu_check.py")
        self.dev_options = "".join((source / name).read_text() for name in scripts)
        presets = json.loads((source / "CMakePresets.json").read_text())["configurePresets"]
        self.presets = [preset["name"] for preset in presets if not preset.get("hidden")]

    def builds_checkout(self, command):
        words = shlex.split(command, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        builds = words[:1] == ["./dev"] or words[:2] == ["cmake", "--preset"]
        ninja = words[:2] == ["ninja", "-C"] and words[2].startswith("build/")
        cmake = words[:2] == ["cmake", "--build"] and words[2].startswith("build/")
        return words if builds or ninja or cmake else None

    def complain(self, words):
        """What is wrong with a command that builds the checkout; None if nothing is."""
        if words[0] == "./dev":
            known = len(words) == 1 or words[1] in self.dev_commands or words[1] == "--help"
            if not known:
                return f"./dev --help knows no command '{words[1]}'"
            unknown = [word for word in words[2:] if word.startswith("--") and word not in self.dev_options]
            return f"no script behind ./dev knows {unknown[0]}" if unknown else None
        if words[0] == "ninja":
            targets = output_of("ninja", "-C", str(self.build), "-t", "targets", "all")
            unknown = [word for word in words[3:] if not word.startswith("-") and f"\n{word}: " not in targets]
            return f"no target {unknown[0]}" if unknown else None
        preset = pathlib.PurePath(words[2]).name
        return None if preset in self.presets else f"no preset {preset}"


def check_sentence_code(code, checkout):
    words = code.split()
    if words[0] == "./dev" or (words[0] == "ninja" and len(words) > 3):
        return checkout.complain(words)
    if words[0] in TOOLS and len(words) > 1:
        known = output_of(checkout.build / "bin" / words[0], "--help")
        for option in re.findall(r"--[a-z][a-z-]*", code):
            if not re.search(rf"{option}\b", known):
                return f"{words[0]} --help knows no {option}"
    return None


def find_excerpt(excerpt, text):
    """None if the pieces of `excerpt` stand in `text` in order, else the first that does not."""
    text, names, position = " ".join(text.split()), {}, 0
    for piece in excerpt.split("..."):
        piece = " ".join(piece.split())
        if not piece:
            continue
        pattern, new, last = "", [], 0
        for match in NAME.finditer(piece):
            pattern += re.escape(piece[last : match.start()])
            name, last = match[0], match.end()
            if name in names:
                pattern += re.escape(names[name])
            elif name in new:
                pattern += rf"(?:\{new.index(name) + 1})"
            else:
                new.append(name)
                pattern += f"({NAME.pattern})"
        pattern += re.escape(piece[last:])
        found = re.compile(pattern).search(text, position)
        if not found:
            return piece
        names.update(zip(new, found.groups(), strict=True))
        position = found.end()
    return None


def main():
    source, build, scratch = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
    document = source / sys.argv[4]
    without = "".join(sys.argv[5:]).removeprefix("--without=")
    blocks, prose = split_document(document.read_text())
    checkout, wrong, script, excerpts = Checkout(source, build), [], [], []
    for line, language, words, body in blocks:
        where = f"{sys.argv[4]}:{line}"
        wanted = next((word.removeprefix("excerpt=") for word in words if word.startswith("excerpt=")), None)
        named = re.match(r"(?://|/\*|#|<!--)\s*([\w.-]+\.\w+)", body)
        if wanted:
            excerpts.append((where, scratch / wanted, body))
        elif language == "sh":
            for command in split_commands(body):
                if building := checkout.builds_checkout(command):
                    if complaint := checkout.complain(building):
                        wrong.append(f"{where}: {command}: {complaint}")
                elif not (without and command.startswith(without)):
                    script.append(command)
        elif named:
            (scratch / named[1]).write_text(body)
            if named[1].endswith(".mlir"):
                script.append(f"attn-opt {named[1]} -o /dev/null")
        elif language in ("mlir", "c", "python"):
            wrong.append(f"{where}: a block of {language} is a file (its first line names it) or an excerpt")
    for line in re.findall(r"^ {4,}(?:\./dev|ninja|cmake|attn-\w+|build/dev).*", prose, re.M):
        wrong.append(f"{sys.argv[4]}: not in a block of sh: {line.strip()}")
    for link in re.findall(r"\]\((?!https?:)([^)#]+)[)#]", prose):
        if not (document.parent / link).exists():
            wrong.append(f"{sys.argv[4]}: link to {link} leads nowhere")
    for code in re.findall(r"`([^`\n]+)`", prose):
        if complaint := check_sentence_code(code, checkout):
            wrong.append(f"{sys.argv[4]}: `{code}`: {complaint}")

    for path in source.iterdir():
        if path.name not in ("build", ".git"):
            (scratch / path.name).symlink_to(path)
    (scratch / "build").mkdir()
    (scratch / "build/dev").symlink_to(build)
    bash = ["bash", "-euxo", "pipefail", "-c", "\n".join(script)]
    search = os.pathsep.join([str(build / "bin"), os.environ["PATH"]])
    run = subprocess.run(bash, cwd=scratch, env={**os.environ, "PATH": search}, stdin=subprocess.DEVNULL)
    if run.returncode:
        wrong.append(f"{sys.argv[4]}: the last command above returned {run.returncode}")
    for where, path, body in excerpts:
        if not path.exists():
            wrong.append(f"{where}: no command made {path.name}")
        elif piece := find_excerpt(body, path.read_text()):
            wrong.append(f"{where}: {path.name} does not say: {piece}")
    print(f"{len(blocks)} blocks, {len(script)} commands, {len(excerpts)} excerpts")
    print("\n".join(wrong))
    sys.exit(bool(wrong))


main()
