"""The peer of tests/bench: the same semi-discrete equation in NumPy, as a careful user would write it.

Affine in v (moments in, coefficients of the potential out), the context table compressed by a truncated singular
value decomposition, everything vectorised and in place; time by SciPy's RK45. (Blocks of rows that stay in cache were
tried and gained nothing.) One attention coordinate (affine), one or two value coordinates, walls, no temperature and no ridge; upwind
and muscl (van Leer). One thread: run it with OPENBLAS_NUM_THREADS=1.

usage: peer_numpy.py MODEL.json DENSITY FLUX RTOL ATOL [FINAL]

MODEL.json and DENSITY are what `bench describe CASE --dump DENSITY` writes; the final density goes to FINAL.
Prints one JSON object; `seconds` is solve_ivp alone, without imports, input and the building of the table."""

import json
import sys
import time

import numpy as np
from scipy.integrate import solve_ivp

TOLERANCE = 1e-12  # of the table


class Flow:
    """d rho/dt of a model on its grid. docs/numerics.md (13)."""

    def __init__(self, model, flux="upwind"):
        if model["form"] != "affine" or model["attention_coordinates"] != 1 or model["ridge"] != 0:
            raise SystemExit("peer_numpy: one affine attention coordinate and no ridge, please")
        axes = model["axes"]
        self.shape = tuple(axis["cells"] for axis in axes)
        self.spacing = [(axis["upper"] - axis["lower"]) / axis["cells"] for axis in axes]
        centers = [axis["lower"] + h * (np.arange(axis["cells"]) + 0.5) for axis, h in zip(axes, self.spacing)]
        self.rows, self.width = self.shape[0], int(np.prod(self.shape[1:]))
        values = np.meshgrid(*centers[1:], indexing="ij")
        self.basis = np.stack([np.ones(self.width)] + [v.ravel() for v in values])  # (1 + n_v, cells of v)
        self.weights = self.basis.T * np.prod(self.spacing)
        self.sweep = {"upwind": self.upwind, "muscl": self.muscl}[flux]
        self.sweep_values = {"upwind": self.upwind_values, "muscl": self.muscl_values}[flux]
        self.build_table(model, centers[0])
        self.work = [np.empty((self.rows, self.width)) for _ in range(4 if flux == "muscl" else 2)]

    def build_table(self, model, alpha):
        """Context vectors averaged over the cells of alpha (2), compressed: C = L (k modes of all events)."""
        d, classes = model["width"], model["classes"]
        base, basis = (np.reshape(model["attention_" + k], (d, d)) for k in ("base", "basis"))
        values = np.reshape(model["value_base"] + model["value_basis"], (-1, classes, d))
        nodes, masses = np.polynomial.legendre.leggauss(3)
        nodes, masses = (alpha[:, None] + 0.5 * self.spacing[0] * nodes).ravel(), masses / 2
        events = model["events"]
        table = np.empty((self.rows, len(events), d))
        for e, event in enumerate(events):
            tokens = np.reshape(event["tokens"], (-1, d))
            query = tokens[-1]
            scores = query @ base @ tokens.T + nodes[:, None] * (query @ basis @ tokens.T)
            attention = np.exp(scores - scores.max(1, keepdims=True))
            context = attention @ tokens / attention.sum(1, keepdims=True)
            table[:, e] = np.tensordot(masses, context.reshape(self.rows, 3, d), (0, 1))
        u, s, v = np.linalg.svd(table.reshape(self.rows, -1), full_matrices=False)
        rank = max(1, int(np.sum(s > TOLERANCE * s[0])))
        self.lift = np.ascontiguousarray(u[:, :rank] * s[:rank])  # (rows, k)
        modes = v[:rank].reshape(rank, len(events), d)
        differences = values[:, :-1] - values[:, -1:]  # logits relative to the last class
        self.heads = np.einsum("jci,kei->cekj", differences, modes)
        self.heads = self.heads.reshape((classes - 1) * len(events), -1)  # ((C - 1) E, k (1 + n_v))
        self.event_weights = np.array([event["weight"] for event in events])
        self.labels = np.array([event["label"] for event in events]).T[:-1]  # (C - 1, E)

    def logits(self, rho):
        moments = rho.reshape(self.rows, self.width) @ self.weights
        return (self.heads @ (self.lift.T @ moments).ravel()).reshape(self.labels.shape)

    def risk(self, rho):
        z = self.logits(rho)
        top = np.maximum(z.max(0), 0)
        lse = top + np.log(np.exp(z - top).sum(0) + np.exp(-top))
        return float(self.event_weights @ (lse - (self.labels * z).sum(0)))

    def coefficients(self, rho):
        """G with Psi = G_0 + sum_j v_j G_j, shape (rows, 1 + n_v)."""
        z = self.logits(rho)
        p = np.exp(z - np.maximum(z.max(0), 0))
        p /= p.sum(0) + np.exp(-np.maximum(z.max(0), 0))
        r = (p - self.labels) * self.event_weights
        modes = (r.ravel() @ self.heads).reshape(self.lift.shape[1], -1)
        return self.lift @ modes

    def rate(self, _, rho):
        g = self.coefficients(rho)
        rows = rho.reshape(self.rows, self.width)
        rate = np.zeros((self.rows, self.width))
        along_alpha = np.matmul((g[:-1] - g[1:]) / self.spacing[0] ** 2, self.basis, out=self.work[0][:-1])
        self.sweep(rows, rate, along_alpha)
        for axis in range(1, len(self.shape)):
            u = -g[:, axis] / self.spacing[axis]
            self.sweep_values(np.moveaxis(rows.reshape(self.shape), axis, 1),
                              np.moveaxis(rate.reshape(self.shape), axis, 1), u, axis)
        return rate.ravel()

    # ---- upwind: docs/numerics.md (8) -----------------------------------------------------------------------

    def upwind(self, rho, rate, u):
        """Faces along axis 0; u is u/h there, and is overwritten."""
        flux = np.maximum(u, 0, out=self.work[1][:-1])
        flux *= rho[:-1]
        np.minimum(u, 0, out=u)
        u *= rho[1:]
        flux += u
        rate[:-1] -= flux
        rate[1:] += flux

    def upwind_values(self, rho, rate, u, axis):
        """Faces along axis 1, a value axis: u/h is one number a row, and rows of one sign go together."""
        work = np.moveaxis(self.work[1].reshape(self.shape), axis, 1)
        ends = [0, *(np.flatnonzero(np.diff(u > 0)) + 1), len(u)]
        for first, end in zip(ends[:-1], ends[1:]):
            donor = rho[first:end, :-1] if u[first] > 0 else rho[first:end, 1:]
            speed = u[first:end].reshape((-1,) + (1,) * (rho.ndim - 1))
            flux = np.multiply(donor, speed, out=work[first:end, :-1])
            rate[first:end, :-1] -= flux
            rate[first:end, 1:] += flux

    # ---- muscl: docs/numerics.md (9) ------------------------------------------------------------------------

    @staticmethod
    def half_slopes(rho, out, work):
        """Half of van Leer's slope along axis 0, ab/(a + b) for ab > 0; none at the walls. Without a mask, which
        would keep NumPy from vectorising the division."""
        step = np.subtract(rho[1:], rho[:-1], out=work)
        product = np.multiply(step[:-1], step[1:], out=out[1:-1])
        np.maximum(product, 0, out=product)
        size = np.abs(step)
        sum_of_sizes = size[:-1] + size[1:]
        sum_of_sizes += 1e-300
        product /= sum_of_sizes
        np.copysign(product, step[1:], out=product)
        out[0] = out[-1] = 0
        return out

    def muscl(self, rho, rate, u):
        """Faces along axis 0; u is u/h there, and is overwritten."""
        work = [w.reshape(rho.shape) for w in self.work[1:]]
        slopes = self.half_slopes(rho, work[0], work[1][:-1])
        flux = np.add(rho[:-1], slopes[:-1], out=work[1][:-1])
        flux *= np.maximum(u, 0)
        other = np.subtract(rho[1:], slopes[1:], out=work[2][:-1])
        other *= np.minimum(u, 0)
        flux += other
        rate[:-1] -= flux
        rate[1:] += flux

    def muscl_values(self, rho, rate, u, axis):
        """Faces along axis 1: as along axis 0 of the axes turned round."""
        speed = u.reshape((-1,) + (1,) * (rho.ndim - 2))
        work = [np.moveaxis(np.moveaxis(w.reshape(self.shape), axis, 1), 1, 0) for w in self.work[1:]]
        rho, rate = np.moveaxis(rho, 1, 0), np.moveaxis(rate, 1, 0)
        slopes = self.half_slopes(rho, work[0], work[1][:-1])
        flux = np.add(rho[:-1], slopes[:-1], out=work[1][:-1])
        flux *= np.maximum(speed, 0)
        other = np.subtract(rho[1:], slopes[1:], out=work[2][:-1])
        other *= np.minimum(speed, 0)
        flux += other
        rate[:-1] -= flux
        rate[1:] += flux


def main(model, density, flux, rtol, atol, final=None):
    with open(model, encoding="utf-8") as file:
        model = json.load(file)
    start = time.perf_counter()
    flow = Flow(model, flux)
    building = time.perf_counter() - start
    rho = np.fromfile(density)
    flow.rate(0, rho)  # the first call pays for pages
    start = time.perf_counter()
    end = model["end"]
    solution = solve_ivp(flow.rate, (0, end), rho, method="RK45", rtol=float(rtol), atol=float(atol), t_eval=[end])
    seconds = time.perf_counter() - start
    if solution.status != 0:
        raise SystemExit(f"peer_numpy: {solution.message}")
    rho = np.ascontiguousarray(solution.y[:, -1])
    if final:
        rho.tofile(final)
    print(json.dumps({"cells": rho.size, "rank": flow.lift.shape[1], "risk": flow.risk(rho), "building": building,
                      "seconds": seconds, "evaluations": int(solution.nfev)}))


if __name__ == "__main__":
    if len(sys.argv) not in (6, 7):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
