# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A Look as a heat map: in the terminal, as PNG and as SVG."""

import io
import os
import shutil
import warnings

from errors import REMEDY, DemoError
from files import write_bytes

SHADES = " ░▒▓█"
PLAIN_SHADES = " .:*#"  # for terminals without those
STEPS = (0.03, 0.1, 0.25, 0.5)  # weights from which the next shade is used


def print_look(look, stream):
    """Prints a Look, in greys where the stream is a terminal (https://no-color.org says when not)."""
    try:
        SHADES.encode(stream.encoding)
        shades = SHADES
    except UnicodeEncodeError:
        shades = PLAIN_SHADES
    colour = stream.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size((100, 24)).columns
    print("\n".join(terminal_lines(look, colour, shades, width)), file=stream)


def shade_of(weight, colour, shades):
    """A weight as two letters of a terminal."""
    # Colours 232 to 255 are a ramp of greys. By the root, as most weights are small.
    if colour:
        return f"\x1b[48;5;{232 + round(23 * min(float(weight), 1) ** 0.5)}m  \x1b[0m"
    return shades[sum(weight >= step for step in STEPS)] * 2


def terminal_lines(look, colour, shades, width):
    """Tokens downwards, heads across; layers beside each other as far as the terminal is wide."""

    layers, heads, _ = look.weights.shape
    label = max(map(len, look.tokens))
    together = max(1, (width - label) // (2 * heads + 3))
    lines = []
    for first in range(0, layers, together):
        group = range(first, min(first + together, layers))
        titles = "".join(f"   {f'layer {layer}, heads 0-{heads - 1}':<{2 * heads}}" for layer in group)
        lines.append((" " * label + titles).rstrip())
        for i, token in enumerate(look.tokens):
            cells = [
                "".join(shade_of(look.weights[layer, head, i], colour, shades) for head in range(heads))
                for layer in group
            ]
            lines.append(f"{token:>{label}}  |" + "  |".join(cells) + "|")
    if colour:
        return [*lines, "from 0 (black) to 100% (white), a medium grey is 25%"]
    return [*lines, ", ".join(f"{mark} from {step:.0%}" for mark, step in zip(shades[1:], STEPS, strict=True))]


def write_pictures(look, folder):
    """Writes weights.png and weights.svg and returns their paths."""
    try:
        import matplotlib
    except ImportError as error:
        raise DemoError(f"{error}: {REMEDY}") from None
    paths = [folder / "weights.png", folder / "weights.svg"]
    # Text stays text, and the same weights give the same file.
    style = matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "attn"})
    with style, warnings.catch_warnings(record=True) as warned:
        figure = _draw(look)
        for path, options in zip(paths, ({"dpi": 120}, {"metadata": {"Date": None}}), strict=True):
            figure.savefig(data := io.BytesIO(), format=path.suffix[1:], **options)
            write_bytes(path, data.getvalue())
    if any("missing from font" in str(entry.message) for entry in warned):
        print(f"{paths[0].name} lacks letters that its font does not have; {paths[1].name} has them")
    return paths


def _draw(look):
    from matplotlib.figure import Figure

    layers, heads, tokens = look.weights.shape
    # Upright cells of a third of an inch; what is around them does not grow with them.
    figure = Figure(figsize=(1.6 + 0.36 * tokens, 0.6 + layers * (0.2 * heads + 1.1)), layout="constrained")
    figure.suptitle(f"What '{look.word}' looks at (weights returned by the kernels)", fontsize=11)
    column = figure.subplots(layers, 1, squeeze=False)[:, 0]
    for layer, axes in enumerate(column):
        # Not smoothed: a cell of the picture is a pixel of the image in the SVG.
        image = axes.imshow(look.weights[layer], vmin=0, vmax=1, cmap="Blues", aspect="auto", interpolation="none")
        axes.set_xticks(range(tokens), look.tokens, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(heads))
        axes.set_ylabel(f"layer {layer}, head")
    figure.colorbar(image, ax=list(column), aspect=40, label="weight")
    return figure
