# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A decoder looks at a sentence, word by word, through compiled additive attention; draws where it looks.

Two sentences of different length go through one batch of steps, as in Bahdanau, Cho and Bengio 2014, fig. 3. There is
no translator behind it: the annotation of a source word is a code for the word and one for its place, and the state of
the decoder before a target word has a blurred memory of both. What is learned is the attention itself, Wa, Ua and w, by
gradient descent on random sentences, so that a state finds its word.
"""

import argparse
import pathlib
import sys

import attn_mlir
import numpy as np

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parents[1] / "demo"))
from draw import SHADES, STEPS, shade_of  # noqa: E402 (the demo's heat map)

#: Source, target, and for each word of the target which word of the source it says.
SENTENCES = [
    (
        "The agreement on the European Economic Area was signed in August 1992 . <end>",
        "L' accord sur la zone économique européenne a été signé en août 1992 . <end>",
        [0, 1, 2, 3, 6, 5, 4, 7, 7, 8, 9, 10, 11, 12, 13],
    ),
    ("It should be noted that .. <end>", "Il convient de noter que .. <end>", [0, 1, 2, 3, 4, 5, 6]),
]
WORD, PLACE, UNITS = 36, 12, 64  # numbers of a word's code, of a place's, and hidden units
ANNOTATION = WORD + PLACE


def place_codes(count):
    """[count, PLACE]: waves of several lengths over the places of a sentence."""
    angles = np.arange(count)[:, None] / 2.0 ** np.arange(PLACE // 2)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def annotate(words):
    return np.concatenate([words, place_codes(len(words))], axis=1)


def states(annotations, sources, random):
    return annotations[sources] + 0.2 * random.standard_normal((len(sources), ANNOTATION))


def learn(random, steps=250):
    """Wa [ANNOTATION, UNITS], Ua [ANNOTATION, UNITS] and w [UNITS], by Adam on the alignment's log-likelihood."""
    parameters = [0.3 * random.standard_normal(shape) for shape in [(ANNOTATION, UNITS), (ANNOTATION, UNITS), UNITS]]
    means, squares = ([np.zeros_like(p) for p in parameters] for _ in range(2))
    for step in range(1, steps + 1):
        rows = random.integers(5, 20)
        a = annotate(random.standard_normal((rows, WORD)))
        sources = random.permutation(rows)
        s = states(a, sources, random)
        wa, ua, w = parameters
        bent = np.tanh((s @ wa)[:, None] + (a @ ua)[None])  # [target, source, UNITS]
        scores = bent @ w
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        weights[np.arange(rows), sources] -= 1  # the gradient of -log softmax, by scores
        sums = weights[:, :, None] * w * (1 - bent**2)
        gradients = [s.T @ sums.sum(axis=1), a.T @ sums.sum(axis=0), np.einsum("ij,iju->u", weights, bent)]
        for p, g, mean, square in zip(parameters, gradients, means, squares, strict=True):
            mean += 0.1 * (g - mean)
            square += 0.001 * (g**2 - square)
            p -= 0.02 * mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return parameters


def decode(parameters, batch, random):
    """The alignment of each step, [B, steps, M], from compiled kernels, and its largest difference from float64."""
    wa, ua, w = parameters
    length = max(len(annotations) for annotations, _ in batch)
    steps = max(len(sources) for _, sources in batch)
    h = np.full((len(batch), length, ANNOTATION), np.nan)  # padding holds anything
    s = np.zeros((len(batch), steps, ANNOTATION))
    keep = np.zeros((len(batch), 1, length), bool)
    for b, (annotations, sources) in enumerate(batch):
        h[b, : len(annotations)] = annotations
        s[b, : len(sources)] = states(annotations, sources, random)
        keep[b, 0, : len(annotations)] = True

    step = attn_mlir.compile(attn_mlir.parse(HERE / "step.mlir")).kernel
    k = (h @ ua).astype(np.float32)  # once for all steps
    v, narrow_w = h.astype(np.float32), w.astype(np.float32)
    alignment = np.empty((len(batch), steps, length), np.float32)
    for i in range(steps):
        q = (s[:, i : i + 1] @ wa).astype(np.float32)
        step(q, k, v, narrow_w, keep, alignment=alignment[:, i : i + 1])

    scores = np.where(keep, np.tanh((s @ wa)[:, :, None] + (h @ ua)[:, None]) @ w, -np.inf)
    exact = np.exp(scores - scores.max(axis=2, keepdims=True))
    exact /= exact.sum(axis=2, keepdims=True)
    return alignment, np.abs(alignment - exact).max()


def svg(source, target, weights):
    """A cell for each pair of words, from white for 0 to black for 1: source words across, target words down."""
    cell, left, top = 22, 110, 110
    width, height = left + cell * len(source) + 10, top + cell * len(target) + 10

    def escape(word):
        return word.replace("&", "&amp;").replace("<", "&lt;")

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        'font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for j, word in enumerate(source):
        x = left + cell * j + cell // 2 + 4
        lines.append(f'<text transform="translate({x} {top - 6}) rotate(-60)">{escape(word)}</text>')
    for i, word in enumerate(target):
        y = top + cell * i
        lines.append(f'<text x="{left - 6}" y="{y + 16}" text-anchor="end">{escape(word)}</text>')
        for j, weight in enumerate(weights[i]):
            grey = round(255 * (1 - float(weight)))
            lines.append(
                f'<rect x="{left + cell * j}" y="{y}" width="{cell}" height="{cell}" fill="rgb({grey},{grey},{grey})" '
                f'stroke="#ccc"><title>{escape(word)}, {escape(source[j])}: {float(weight):.2f}</title></rect>'
            )
    return "\n".join([*lines, "</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--svg", type=pathlib.Path, metavar="FILE", help="draw the first sentence's alignment")
    options = parser.parse_args()
    random = np.random.default_rng(3)
    parameters = learn(random)
    batch = []
    for source, _, sources in SENTENCES:
        codes = {word: random.standard_normal(WORD) for word in sorted(set(source.lower().split()))}
        batch.append((annotate(np.array([codes[word] for word in source.lower().split()])), sources))
    alignment, error = decode(parameters, batch, random)
    for (source, target, sources), weights in zip(SENTENCES, alignment, strict=True):
        source, target = source.split(), target.split()
        label = max(map(len, target))
        print(" ".join(source))
        for word, row in zip(target, weights[:, : len(source)], strict=False):
            print(f"{word:>{label}}  |" + "".join(shade_of(weight, False, SHADES) for weight in row) + "|")
        found = sum(row.argmax() == wanted for row, wanted in zip(weights, sources, strict=False))
        print(
            f"{found} of {len(sources)} words look at what they say; padding gets {weights[:, len(source) :].sum()}\n"
        )
    print(", ".join(f"{mark} from {step:.0%}" for mark, step in zip(SHADES[1:], STEPS, strict=True)))
    print(f"largest difference from float64: {error:.1e}")
    if options.svg:
        source, target, _ = SENTENCES[0]
        options.svg.write_text(svg(source.split(), target.split(), alignment[0]), encoding="utf-8")
    return int(error > 1e-5)


if __name__ == "__main__":
    sys.exit(main())
