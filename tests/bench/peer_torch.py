"""The particles of tests/bench: N heads drawn from the initial density that follow the gradient of the risk on all
events, in PyTorch, as a careful user would write it: double precision, batched over heads and events, gradients
by autograd, the classical Runge-Kutta method with the largest step whose error does not count. One affine
attention coordinate, any number of value coordinates, no ridge.

usage: peer_torch.py MODEL.json RISK SEEDS N...

MODEL.json is what `bench describe CASE` writes, RISK the exact risk at the end. Prints one JSON object: for each N the
root mean square error of the risk over the seeds and the seconds of a run, without imports and input."""

import json
import sys
import time

import numpy as np
import torch

CHUNK = 1 << 22  # numbers in an array of (heads, events, tokens)
TIME_ERROR = 2e-7  # of the risk: what the step may cost


class Heads:
    def __init__(self, model):
        if model["form"] != "affine" or model["attention_coordinates"] != 1 or model["ridge"] != 0:
            raise SystemExit("peer_torch: one affine attention coordinate and no ridge, please")
        d, events = model["width"], model["events"]
        longest = max(len(event["tokens"]) // d for event in events)
        base, basis = (np.reshape(model["attention_" + k], (d, d)) for k in ("base", "basis"))
        tokens = np.zeros((len(events), longest, d))
        scores = np.full((2, len(events), longest), -np.inf)
        scores[1] = 0
        for e, event in enumerate(events):
            x = np.reshape(event["tokens"], (-1, d))
            tokens[e, : len(x)] = x
            scores[0, e, : len(x)] = x[-1] @ base @ x.T
            scores[1, e, : len(x)] = x[-1] @ basis @ x.T
        self.tokens, self.scores = torch.from_numpy(tokens), torch.from_numpy(scores)
        self.values = torch.tensor(model["value_base"] + model["value_basis"], dtype=torch.float64)
        self.values = self.values.reshape(-1, model["classes"], d)
        self.weights = torch.tensor([event["weight"] for event in events], dtype=torch.float64)
        self.labels = torch.tensor([event["label"] for event in events], dtype=torch.float64)
        self.axes = model["axes"]
        self.chunk = max(1, CHUNK // scores[0].size)

    def draw(self, count, seed):
        """Heads from the bumps (1 - s^2)^4 of the initial density: s = 2 Beta(5, 5) - 1."""
        s = 2 * np.random.default_rng(seed).beta(5, 5, (count, len(self.axes))) - 1
        return torch.from_numpy(np.array([a["center"] for a in self.axes]) + s * [a["radius"] for a in self.axes])

    def logits(self, theta):
        """Sum over the heads of h_e(theta), shape (E, classes)."""
        attention = torch.softmax(self.scores[0] + theta[:, :1, None] * self.scores[1], -1)
        context = torch.einsum("net,etd->ned", attention, self.tokens)
        outer = torch.cat([torch.ones_like(theta[:, :1]), theta[:, 1:]], 1)
        return torch.einsum("nj,ned,jcd->ec", outer, context, self.values)

    def risk(self, logits):
        return self.weights @ (torch.logsumexp(logits, 1) - (self.labels * logits).sum(1))

    def velocity(self, theta):
        """-N dR/dtheta. With many heads in two passes over chunks: logits, then their gradient."""
        parts = theta.split(self.chunk)
        if len(parts) == 1:
            leaf = theta.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.risk(self.logits(leaf) / len(theta)), leaf)
            return -len(theta) * gradient
        with torch.no_grad():
            z = sum(self.logits(part) for part in parts) / len(theta)
            residual = self.weights[:, None] * (torch.softmax(z, 1) - self.labels)
        out = []
        for part in parts:
            leaf = part.detach().requires_grad_()
            out.append(-torch.autograd.grad((self.logits(leaf) * residual).sum(), leaf)[0])
        return torch.cat(out)

    def flow(self, theta, end, steps):
        """Risk at the end, and seconds."""
        start = time.perf_counter()
        h = end / steps
        for _ in range(steps):
            a = self.velocity(theta)
            b = self.velocity(theta + h / 2 * a)
            c = self.velocity(theta + h / 2 * b)
            d = self.velocity(theta + h * c)
            theta = theta + h / 6 * (a + 2 * (b + c) + d)
        with torch.no_grad():
            z = sum(self.logits(part) for part in theta.split(self.chunk)) / len(theta)
            risk = float(self.risk(z))
        return risk, time.perf_counter() - start


def steps_needed(heads, end):
    """The fewest steps, doubling, that change the risk of 16 heads by less than TIME_ERROR when doubled again."""
    theta, steps = heads.draw(16, 2385), 4
    coarse = heads.flow(theta, end, steps)[0]
    while True:
        fine = heads.flow(theta, end, 2 * steps)[0]
        if abs(fine - coarse) < TIME_ERROR:
            return steps
        steps, coarse = 2 * steps, fine


def main(model, exact, seeds, *counts):
    torch.set_num_threads(1)
    with open(model, encoding="utf-8") as file:
        model = json.load(file)
    heads, end, exact = Heads(model), model["end"], float(exact)
    steps = steps_needed(heads, end)
    rows = []
    for count in map(int, counts):
        runs = [heads.flow(heads.draw(count, seed), end, steps) for seed in range(int(seeds))]
        error = float(np.sqrt(np.mean([(risk - exact) ** 2 for risk, _ in runs])))
        rows.append({"heads": count, "error": error, "seconds": min(seconds for _, seconds in runs)})
    print(json.dumps({"steps": steps, "seeds": int(seeds), "rows": rows}))


if __name__ == "__main__":
    if len(sys.argv) < 5:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
