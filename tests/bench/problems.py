"""The problems that tests/bench measures: case files written into a folder, from fixed seeds.

`random`: strong random scores, the hardest context table; `symmetric`: the retrieval data with 8 sizes of value,
whose table has rank 2. 256 events each, on a box of one attention coordinate and one or two value coordinates, or
of two and two."""

import numpy as np

EVENTS = 256
TOKENS = 8
HEADS = {
    # the matrices B_k; random scores reach about 20
    "random": [[[1.1, -0.7], [0.4, 1.3]], [[-0.6, 0.9], [1.2, 0.5]]],
    "symmetric": [[[1, 0], [0, 0]], [[0, 0], [0, 1]]],
}


def random_events(count, rng):
    """Contexts of TOKENS normal tokens of two components; the label follows a head at a = 1, v = 6."""
    tokens = rng.standard_normal((count, TOKENS, 2))
    scores = np.einsum("ei,ij,etj->et", tokens[:, -1], np.array(HEADS["random"][0]), tokens)
    attention = np.exp(scores - scores.max(1, keepdims=True))
    context = np.einsum("et,etj->ej", attention, tokens) / attention.sum(1, keepdims=True)
    first = 1 / (1 + np.exp(-6 * context[:, 1]))
    return [(tokens[e], (first[e], 1 - first[e])) for e in range(count)]


def symmetric_events():
    """Tokens (k, v), (-k, v'), query (k', 0), and the label follows the value under the query's key."""
    sizes = (-1, -0.75, -0.5, -0.25, 0.25, 0.5, 0.75, 1)
    events = []
    for key in (1, -1):
        for query in (1, -1):
            for v in sizes:
                for other in sizes:
                    match = v if key == query else other
                    p = 0.9 if match > 0 else 0.1
                    events.append((np.array([(key, v), (-key, other), (query, 0)]), (p, 1 - p)))
    return events


def write_csv(path, events):
    """The events as docs/formats.md, section 2, has them, with all digits."""
    with open(path, "w", encoding="utf-8") as out:
        out.write("tokens,label\n")
        for tokens, label in events:
            context = ";".join(" ".join(repr(float(x)) for x in token) for token in tokens)
            out.write(f"{context},{' '.join(repr(float(p)) for p in label)}\n")


VALUES = [[[0, 0.5], [0, -0.5]], [[0.5, 0], [-0.5, 0]]]


def write_case(folder, data, attention, values, cells, flux="upwind", end=2, name=None):
    """A case file on a grid of `cells`, with its events beside it. Returns its path."""
    table = folder / f"{data}.csv"
    if not table.exists():
        rng = np.random.default_rng(2385)
        write_csv(table, random_events(EVENTS, rng) if data == "random" else symmetric_events())
    names = ["a", "b"][:attention] + ["v", "w"][:values]
    name = name or f"{data}-{'x'.join(map(str, cells))}"
    initial = "\n".join(f"  {x}: {{bump: {{center: 0.25, radius: 1.5}}}}" for x in names)
    path = folder / f"{name}.yaml"
    path.write_text(
        f"""name: {name}
title: A problem of tests/bench
data: {{file: {table}}}
heads:
  attention: {{form: affine, coordinates: {names[:attention]}, base: [[0, 0], [0, 0]], basis: {HEADS[data][:attention]}}}
  value: {{coordinates: {names[attention:]}, base: [[0, 0], [0, 0]], basis: {VALUES[:values]}}}
initial:
{initial}
grid: {{lower: {[-3] * len(names)}, upper: {[4] * len(names)}, cells: {list(cells)}}}
scheme: {{flux: {flux}}}
time: {{end: {end}, rtol: 1e-6, atol: 1e-9, outputs: 2}}
""".replace("'", ""),
        encoding="utf-8",
    )
    return path


def write_many_events(folder, count):
    """A case like `words` with `count` different contexts of 8 tokens (u, p, 1) and three classes."""
    rng = np.random.default_rng(2386)
    letters = rng.uniform(-1, 1, (count, TOKENS))
    labels = rng.integers(0, 3, count)
    table = folder / "many.csv"
    with open(table, "w", encoding="utf-8") as out:
        out.write("tokens,label\n")
        for row, label in zip(letters, labels):
            context = ";".join(f"{u!r} {p / TOKENS} 1" for p, u in enumerate(row.tolist()))
            out.write(f"{context},{label}\n")
    path = folder / "many.yaml"
    path.write_text(
        f"""name: many
title: As words, with {count} contexts
data: {{file: {table}}}
heads:
  attention: {{form: affine, coordinates: [a], base: [[0, 0, 0], [0, 0, 0], [0, 0, 0]], basis: [[[0, 0, 0], [0, 0, 0], [0, 4, 0]]]}}
  value: {{coordinates: [v], base: [[0, 0, -1.1], [0, 0, -0.6], [0, 0, -2.1]], basis: [[[1, 0, 0], [-1, 0, 0], [0, 0, 0]]]}}
initial:
  a: {{bump: {{center: 0.5, radius: 1.5}}}}
  v: {{bump: {{center: 0, radius: 1.5}}}}
grid: {{lower: [-3, -5], upper: [6, 3], cells: [128, 128]}}
time: {{end: 10, rtol: 1e-6, atol: 1e-9, outputs: 2}}
""",
        encoding="utf-8",
    )
    return path
