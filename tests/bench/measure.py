"""What tests/bench/run calls once headflow is built: takes the measurements, prints tables and the goals, and writes
all numbers to a JSON file, from which tests/bench/report fills docs/performance.md. Everything that is compared is
measured in one call, in turns; answers are checked before times are printed."""

import argparse
import json
import math
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

import numpy as np

import peer_numpy
import problems

HERE = pathlib.Path(__file__).resolve().parent
MEBI, GIBI = 2**20, 2**30


class Failure(Exception):
    """A measurement that cannot be made; its message says why."""


class Bench:
    """The programs, a folder for cases and densities, and what was measured so far."""

    def __init__(self, options, folder):
        self.driver = options.build / "tests" / "bench"
        self.program = options.build / "src" / "cli" / "headflow"
        self.cases = HERE.parent.parent / "cases"
        self.quick = options.quick
        self.folder = folder
        self.results = {"machine": machine(options.build), "quick": options.quick}
        self.goals = []

    def environment(self, threads):
        # Threads that wait actively: fork and join of a region in microseconds. Alone they must not.
        return dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="active", OPENBLAS_NUM_THREADS="1",
                    OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", HEADFLOW_CASES=str(self.cases))

    def call(self, command, threads=1, timeout=3600):
        """Run a command that prints one JSON object on its last line."""
        try:
            done = subprocess.run([str(word) for word in command], env=self.environment(threads), cwd=self.folder,
                                  capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise Failure(f"no end after {timeout} s") from None
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip(" -")]
            raise Failure(f"exit code {done.returncode}: {lines[0] if lines else 'no message'}")
        try:
            return json.loads(done.stdout[done.stdout.index("{") :])
        except ValueError: # none, or one from each rank
            raise Failure("did not print one JSON object") from None

    def headflow(self, verb, case, *keys, threads=1, **options):
        flags = [word for name, value in options.items() for word in (f"--{name}", value)]
        return self.call([self.driver, verb, case, *flags, *keys], threads)

    def describe(self, case, *keys):
        """Model and initial density of a case for the peers: paths of JSON and of doubles."""
        stem = self.folder / f"peer-{pathlib.Path(case).stem}"
        model = self.headflow("describe", case, *keys, dump=f"{stem}.rho")
        pathlib.Path(f"{stem}.json").write_text(json.dumps(model), encoding="utf-8")
        return f"{stem}.json", f"{stem}.rho"

    def peer(self, described, flux, rtol, atol, final=None):
        words = [sys.executable, HERE / "peer_numpy.py", *described, flux, rtol, atol]
        return self.call(words + ([final] if final else []))

    def goal(self, what, measured, goal, unit="", most=False):
        """Note a goal: `measured` at least (at most) `goal`; a string says why it was not measured."""
        met = None if isinstance(measured, str) else bool(measured <= goal if most else measured >= goal)
        self.goals.append({"what": what, "measured": measured, "goal": goal, "unit": unit, "most": most, "met": met})

    def require(self, what, error, tolerance):
        """An answer that must be right before its time counts."""
        if not error <= tolerance:
            raise SystemExit(f"bench: WRONG ANSWER: {what}: error {error:.3g}, allowed {tolerance:.3g}")


def machine(build):
    """What the numbers were measured on."""
    def first_line(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
        except (OSError, subprocess.CalledProcessError, IndexError):
            return "unknown"

    fields = dict(re.findall(r"^(\S.*?):\s+(.*)$", subprocess.run(["lscpu"], capture_output=True, text=True,
                  env=dict(os.environ, LC_ALL="C"), check=False).stdout, re.M))
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(encoding="utf-8"))
    compilers = json.loads((build / "meson-info" / "intro-compilers.json").read_text(encoding="utf-8"))["host"]["c"] \
        if (build / "meson-info" / "intro-compilers.json").exists() else {"exelist": ["cc"]}
    vectors = [name for name in ("avx512f", "avx2") if name in fields.get("Flags", "").split()]
    return {
        "processor": fields.get("Model name", platform.machine()),
        "family": f"family {fields.get('CPU family', '?')}, model {fields.get('Model', '?')}",
        "vectors": vectors[0] if vectors else "baseline",
        "cores": os.cpu_count(),
        "caches": {name: fields[f"{name} cache"] for name in ("L1d", "L2", "L3") if f"{name} cache" in fields},
        "memory": f"{int(memory[1]) / MEBI:.0f} GiB",
        "compiler": first_line(*compilers["exelist"], "--version"),
        "system": first_line("lsb_release", "-ds"),
        "headflow": first_line("git", "-C", str(HERE), "describe", "--always", "--dirty"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "date": time.strftime("%Y-%m-%d"),
        "load": os.getloadavg()[0],
    }


def quartiles(values):
    return [float(x) for x in np.quantile(values, (0.25, 0.5, 0.75))]


def table(head, rows):
    """Print rows under their heads, numbers right-aligned."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[k]) for row in [head] + rows) for k in range(len(head))]
    for row in [head] + rows:
        print("  " + "  ".join(cell.ljust(w) if k == 0 else cell.rjust(w) for k, (cell, w) in enumerate(zip(row, widths))))
    print(flush=True)


def size_name(cells):
    return f"{cells[0]}^{len(cells)}"


# ---- rate ----------------------------------------------------------------------------------------------------

# attention and value coordinates, cells, goals in per cent of the copy floor with two threads
RATES = [
    (1, 1, (256, 256), {"upwind": 18, "muscl": 10}),
    (1, 2, (64, 64, 64), {"upwind": 22, "muscl": 14}),
    (1, 2, (128, 128, 128), {"upwind": 25, "muscl": 15}),
    (1, 2, (256, 256, 256), {"upwind": 45, "muscl": 28}),
    (2, 2, (64, 64, 64, 64), {"upwind": 27}),
]


def twin_error(bench, case, flux, keys, dump):
    """Largest difference of the rate to the NumPy peer's, in units of the largest rate."""
    described = bench.describe(case, *keys)
    with open(described[0], encoding="utf-8") as file:
        twin = peer_numpy.Flow(json.load(file), flux)
    rho, rate = np.fromfile(dump).reshape(2, -1)
    return float(np.abs(twin.rate(0, rho) - rate).max() / np.abs(rate).max())


def measure_rate(bench, data, attention, values, cells, flux):
    case = problems.write_case(bench.folder, data, attention, values, cells)
    key = f"scheme.flux={flux}"
    dump = bench.folder / "rate.bin"
    twin = attention == 1 and math.prod(cells) <= 2**18 and flux in ("upwind", "muscl")
    row = bench.headflow("rate", case, key, threads=2, seconds=0.3 if bench.quick else 3, **({"dump": dump} if twin else {}))
    what = f"rate of {flux} on {size_name(cells)}, {data}"
    # The laws: sums of a few million numbers, and a difference quotient with a step of 1e-4.
    bench.require(f"{what}: mass", row["mass_error"], 1e-13)
    bench.require(f"{what}: dissipation", row["dissipation_error"], 1e-8)
    if twin: # the table's tolerance of 1e-12, amplified by differences of the potential
        row["twin_error"] = twin_error(bench, case, flux, (key,), dump)
        bench.require(f"{what}: against the NumPy peer", row["twin_error"], 1e-9)
    row.update(data=data, grid=size_name(cells), axes=f"{attention}+{values}", flux=flux)
    for team in row["threads"].values():
        team["share"] = team["copy"]["best"] / team["rate"]["best"]
        team["median_share"] = team["copy"]["quartiles"][1] / team["rate"]["quartiles"][1]
    return row


def rate(bench):
    """A right-hand side against a copy of 16 bytes a cell."""
    print("rate: a right-hand side; ns a cell: best, median and quartiles; share: of a copy of 16 bytes a cell in the same turn")
    rows = []
    for attention, values, cells, _ in RATES[:2] if bench.quick else RATES:
        for data in ("random", "symmetric"):
            for flux in ("upwind", "muscl", "duality7") if len(cells) < 4 else ("upwind",):
                rows.append(measure_rate(bench, data, attention, values, cells, flux))
    lines = []
    for row in rows:
        for threads, team in row["threads"].items():
            a_cell = [f"{1e9 * t / row['cells']:.3f}" for t in (team["rate"]["best"], *team["rate"]["quartiles"])]
            lines.append([f"{row['data']} {row['axes']}", row["grid"], row["flux"], threads, a_cell[0], a_cell[2], f"{a_cell[1]}..{a_cell[3]}",
                          f"{100 * team['share']:.1f} %", f"{100 * team['median_share']:.1f} %"])
    table(["events, axes", "cells", "flux", "threads", "best", "median", "quartiles", "share", "of medians"], lines)
    bench.results["rate"] = rows
    rate_goals(bench, rows)


def rate_goals(bench, rows):
    found = {(row["data"], row["grid"], row["flux"]): row for row in rows}
    best = lambda row, threads: row["threads"][threads]["rate"]["best"] / row["cells"]
    if any("2" not in row["threads"] for row in rows):
        bench.goal("right-hand sides with two threads", "skipped: one core alone", 0)
        return
    if any(row["threads"]["2"]["copy"]["best"] > 1.1 * row["threads"]["1"]["copy"]["best"] for row in rows if row["cells"] >= 2**18):
        bench.goal("right-hand sides with two threads", "skipped: the machine is busy, even a copy is slower with two threads", 0)
        return
    for data in ("random", "symmetric"):
        for _, _, cells, goals in RATES:
            grid = size_name(cells)
            if (data, grid, "upwind") not in found:
                continue
            for flux, goal in goals.items():
                bench.goal(f"share of the copy floor, {flux} on {grid}, {data} events", 100 * found[data, grid, flux]["threads"]["2"]["share"], goal, "%")
            if (data, grid, "duality7") in found:
                ratio = best(found[data, grid, "muscl"], "2") / best(found[data, grid, "duality7"], "2")
                bench.goal(f"rate of duality7 in that of muscl, {grid}, {data} events", 100 * ratio, 70, "%")
            if len(cells) > 2:
                row = found[data, grid, "upwind"]
                bench.goal(f"right-hand side, two threads against one, upwind on {grid}, {data} events", best(row, "1") / best(row, "2"), 1.7, "x")
        for flux in ("upwind", "muscl"):
            costs = [best(found[data, f"{n}^3", flux], "2") for n in (64, 128, 256) if (data, f"{n}^3", flux) in found]
            if len(costs) == 3:
                bench.goal(f"cost a cell from 64^3 to 256^3, {flux}, {data} events", max(costs) / min(costs), 1.5, "x", most=True)


# ---- runs ----------------------------------------------------------------------------------------------------

METHODS = ("cvode", "erk", "dopri5")
RUNS = [((256, 256), 1, {"cvode": 4, "fastest": 8, "dopri5": 10}), ((64, 64, 64), 2, {"cvode": 5, "fastest": 10, "dopri5": 15})]


def offered(bench, case):
    """The time methods of this headflow, with the keys that ask for them; and why others are missing."""
    keys, missing = {}, {}
    for method in METHODS:
        try:
            bench.headflow("describe", case, f"time.method={method}")
            keys[method] = (f"time.method={method}",)
        except Failure as reason:
            missing[method] = str(reason).replace(str(bench.folder), "")
    if "cvode" not in keys: # a headflow without the choice has CVODE alone
        keys["cvode"] = ()
        missing.pop("cvode")
    return keys, missing


def tolerances(rtol):
    return f"time.rtol={rtol:.4g}", f"time.atol={rtol / 1000:.4g}"


def density_error(path, reference):
    """Relative L1 distance of a density to the reference."""
    return float(np.abs(np.fromfile(path) - reference).sum() / reference.sum())


def equal_accuracy(bench, case, keys, reference, allowed):
    """The loosest tolerance (quarters of decades) whose density is as good as the peer's: (rtol, error)."""
    final = bench.folder / "final.rho"

    def error(quarter):
        try:
            bench.headflow("run", case, *keys, *tolerances(10 ** (quarter / 4)), dump=final)
        except Failure: # refused, or a promise broken: too loose
            return math.inf
        return density_error(final, reference)

    quarter, at = -24, error(-24)
    if at <= allowed:
        while quarter < -8 and (looser := error(quarter + 1)) <= allowed:
            quarter, at = quarter + 1, looser
    else:
        while at > allowed and quarter > -44:
            quarter, at = quarter - 1, error(quarter - 1)
    if at > allowed:
        raise Failure("does not reach the peer's accuracy")
    return 10 ** (quarter / 4), at


def measure_runs(bench, cells, values):
    case = problems.write_case(bench.folder, "random", 1, values, cells)
    described, final = bench.describe(case), bench.folder / "final.rho"
    exact = bench.headflow("run", case, *tolerances(1e-10), dump=final)
    reference = np.fromfile(final)
    check = bench.headflow("run", case, *tolerances(1e-9), dump=final)
    reference_error = density_error(final, reference)
    peer = bench.peer(described, "upwind", 1e-6, 1e-9, final)
    peer_error = density_error(final, reference)
    bench.require(f"run of the NumPy peer on {size_name(cells)}", peer_error, 1e-3)
    bench.require("the reference", reference_error, peer_error / 3)
    keys, missing = offered(bench, case)
    contenders = {"NumPy": {"rtol": 1e-6, "error": peer_error, "run": lambda: bench.peer(described, "upwind", 1e-6, 1e-9)}}
    for method in keys:
        try:
            rtol, error = equal_accuracy(bench, case, keys[method], reference, peer_error)
        except Failure as reason:
            missing[method] = str(reason)
            continue
        words = (*keys[method], *tolerances(rtol))
        contenders[method] = {"rtol": rtol, "error": error, "run": lambda words=words: bench.headflow("run", case, *words)}
    for _ in range(3 if bench.quick else 9): # in turns, so that what else the machine does hits all alike
        for one in contenders.values():
            done = one["run"]()
            one.setdefault("seconds", []).append(done["seconds"])
            one.update(evaluations=done["evaluations"], risk_error=abs(done["risk"] - exact["risk"]))
    for one in contenders.values():
        del one["run"]
        one["quartiles"] = quartiles(one["seconds"])
        one["ratio"] = contenders["NumPy"]["quartiles"][1] / one["quartiles"][1]
        one["ratio_of_bests"] = min(contenders["NumPy"]["seconds"]) / min(one["seconds"])
    return {"grid": size_name(cells), "methods": contenders, "missing": missing, "reference_error": reference_error,
            "risk_change": abs(check["risk"] - exact["risk"]), "rank": peer["rank"]}


def runs(bench):
    """Whole runs against NumPy and SciPy."""
    print("runs: T = 2, upwind, random events, one thread; NumPy: RK45 at rtol 1e-6, atol 1e-9; each method at the loosest rtol whose\n"
          "density is as good; seconds of the integration alone (no start, imports, input or table on either side)")
    results = []
    for cells, values, goals in RUNS:
        result = measure_runs(bench, cells, values)
        results.append(result)
        methods = result["methods"]
        table([result["grid"], "rtol", "density error", "risk error", "evaluations", "median [s]", "quartiles [s]", "faster", "of bests"],
              [[name, f"{m['rtol']:.2g}", f"{m['error']:.2g}", f"{m['risk_error']:.2g}", m["evaluations"], f"{m['quartiles'][1]:.4f}",
                f"{m['quartiles'][0]:.4f}..{m['quartiles'][2]:.4f}", f"{m['ratio']:.2f} x", f"{m['ratio_of_bests']:.2f} x"] for name, m in methods.items()])
        ratios = {name: m["ratio"] for name, m in methods.items() if name != "NumPy"}
        for name, reason in result["missing"].items():
            print(f"  {name}: skipped: {reason}\n")
        for name, goal in goals.items():
            value = max(ratios.values()) if name == "fastest" else ratios.get(name, f"skipped: {result['missing'].get(name, 'not measured')}")
            bench.goal(f"whole run against NumPy, {'fastest method' if name == 'fastest' else name}, {result['grid']}", value, goal, "x")
    bench.results["runs"] = results


# ---- accuracy ------------------------------------------------------------------------------------------------

WANTED = 1e-6  # of the risk


def reference_risk(bench, case, nodes):
    """The flow map's risk with two numbers of nodes; their difference is its error estimate."""
    coarse, fine = (bench.headflow("flowmap", case, nodes=n, rtol=1e-10)["risk"] for n in nodes)
    bench.require(f"reference of {case.stem}", abs(fine - coarse), WANTED / 30)
    return fine, abs(fine - coarse)


def sweep(run, cells, exact, limit):
    """Errors and seconds, the best of three of short runs, on growing grids until a run takes longer than the limit."""
    rows = []
    for n in cells:
        done = run(n)
        again = [run(n) for _ in range(2)] if done["seconds"] < 2 else []
        seconds = min(d["seconds"] for d in [done, *again])
        rows.append({"cells": n, "error": abs(done["risk"] - exact), "seconds": seconds})
        if seconds > limit:
            break
    return rows


def extrapolate(rows):
    """Seconds to WANTED: measured where two grids in a row are there, else by the orders between the last two."""
    for row, finer in zip(rows, rows[1:] + rows[-1:]):
        if row["error"] <= WANTED and finer["error"] <= WANTED:
            return {"seconds": row["seconds"], "cells": row["cells"], "extrapolated": False}
    a, b = rows[-2:]
    step = math.log(b["cells"] / a["cells"])
    order = math.log(a["error"] / b["error"]) / step
    growth = math.log(b["seconds"] / a["seconds"]) / step
    if order <= 0:
        raise Failure("the error does not fall")
    cells = b["cells"] * (b["error"] / WANTED) ** (1 / order)
    return {"seconds": b["seconds"] * (cells / b["cells"]) ** growth, "cells": cells, "order": order, "growth": growth, "extrapolated": True}


def best_duality(bench, case, keys, exact, name):
    """The fastest of methods, tolerances and grids that reach WANTED, each the best of a few runs."""
    best, rows = None, []
    for method, words in keys.items():
        for rtol in (1e-6, 1e-7, 1e-8):
            swept = []
            for n in (16, 20, 24, 28, 32, 40, 48, 64, 80, 96):
                try:
                    done = [bench.headflow("run", case, *words, *tolerances(rtol), "scheme.flux=duality7", f"grid.cells=[{n},{n}]", "time.outputs=2")
                            for _ in range(3)]
                except Failure:
                    continue
                swept.append({"method": method, "rtol": rtol, "cells": n, "error": abs(done[0]["risk"] - exact), "seconds": min(d["seconds"] for d in done)})
                if len(swept) > 1 and max(row["error"] for row in swept[-2:]) <= WANTED:
                    if best is None or swept[-2]["seconds"] < best["seconds"]:
                        best = swept[-2]
                    break
            rows += swept
    if best is None:
        raise Failure(f"duality7 does not reach {WANTED} on {name}")
    return best, rows


def particles(bench, described, exact, counts, seeds):
    import importlib.util

    if importlib.util.find_spec("torch") is None:
        raise Failure("python3-torch is not installed")
    done = bench.call([sys.executable, HERE / "peer_torch.py", described[0], repr(exact), seeds, *counts])
    rows = done["rows"]
    slope = np.polyfit(*np.log([[row["heads"], row["error"]] for row in rows]).T, 1)[0]
    constant = math.exp(statistics.mean(math.log(row["error"] * math.sqrt(row["heads"])) for row in rows))
    a_head = min(row["seconds"] / row["heads"] for row in rows)
    heads = (constant / WANTED) ** 2
    return {"rows": rows, "steps": done["steps"], "seeds": seeds, "slope": float(slope), "heads": heads, "seconds": heads * a_head, "extrapolated": True}


def measure_accuracy(bench, name):
    case = bench.cases / f"{name}.yaml"
    exact, estimate = reference_risk(bench, case, (20, 28) if name == "retrieval" else (12, 16))
    keys, _ = offered(bench, case)
    limit = 2 if bench.quick else 30
    best, rows = best_duality(bench, case, keys, exact, name)
    result = {"case": name, "risk": exact, "risk_error": estimate, "duality7": dict(best, rows=rows, extrapolated=False)}
    fastest = keys[best["method"]]
    for flux in ("upwind", "muscl"):
        grids = (32, 64, 128, 256, 512)
        ours = lambda n: bench.headflow("run", case, *fastest, *tolerances(1e-7), f"scheme.flux={flux}", f"grid.cells=[{n},{n}]", "time.outputs=2")
        peers = lambda n: bench.peer(bench.describe(case, f"grid.cells=[{n},{n}]"), flux, 1e-7, 1e-10)
        for who, run in ((flux, ours), (f"NumPy {flux}", peers)):
            swept = sweep(run, grids, exact, limit)
            result[who] = dict(extrapolate(swept), rows=swept)
    described = bench.describe(case)
    counts = (64, 256, 1024, 4096) if name == "retrieval" else (16, 64, 256)
    result["particles"] = particles(bench, described, exact, counts[: 2 if bench.quick else 4], 8 if bench.quick else 24)
    return result


def accuracy(bench):
    """Seconds to an error of the risk of 1e-6."""
    print("accuracy: seconds to an error of 1e-6 in the risk at the end, one thread; (x): extrapolated by the measured orders of error and\n"
          "seconds, particles by error ~ N^(-1/2) and seconds ~ N")
    results = []
    for name in ("retrieval", "words"):
        result = measure_accuracy(bench, name)
        results.append(result)
        lines = []
        for who in ("duality7", "muscl", "upwind", "NumPy muscl", "NumPy upwind", "particles"):
            one = result[who]
            size = f"{one['heads']:.2g} heads" if "heads" in one else f"{one['cells']:.5g}^2"
            lines.append([who, size, f"{one['seconds']:.3g}" + (" (x)" if one["extrapolated"] else ""),
                          f"{one['seconds'] / result['duality7']['seconds']:.3g}",
                          f"{min(row['error'] for row in one['rows']):.2g}", f"{one.get('order', -one['slope'] if 'slope' in one else math.nan):.2f}".replace("nan", "-")])
        table([name, "unknowns", "seconds", "of duality7", "least error measured", "order"], lines)
        seconds = lambda who: result[who]["seconds"] / result["duality7"]["seconds"]
        bench.goal(f"{name} to 1e-6 in R: time of NumPy (the better of upwind and muscl) over duality7's", min(seconds("NumPy muscl"), seconds("NumPy upwind")), 200, "x")
        bench.goal(f"{name} to 1e-6 in R: time of particles over duality7's", seconds("particles"), 200, "x")
    bench.results["accuracy"] = results


# ---- scaling -------------------------------------------------------------------------------------------------


def launcher(bench, case, ranks):
    if shutil.which("mpirun") is None:
        raise Failure("mpirun is not installed")
    if ranks > os.cpu_count():
        raise Failure(f"{ranks} ranks need {ranks} cores")
    return ["mpirun", "-n", ranks, "--bind-to", "core", bench.program, "run", case, "--json", "--quiet", "-o", bench.folder / "ranks"]


def rank_seconds(bench, case, ranks, method, end):
    """Seconds a right-hand side, by the program's own clock: of the later part of a run, since the diagnostics at 0
    and at the end are in every run."""
    def run(until):
        done = bench.call(launcher(bench, case, ranks) + [w for key in (*method, f"time.end={until}") for w in ("--set", key)])
        return done["seconds"], done["right_hand_sides"]

    (short, few), (long, many) = run(end / 8), run(end)
    return (long - short) / (many - few)


def thread_seconds(bench, case, threads, method, end):
    done = bench.headflow("run", case, *method, f"time.end={end}", threads=threads)
    return done["seconds"] / done["evaluations"]


def scaling_turns(bench, measure, cases, method, end):
    """Seconds a right-hand side with one and two workers on their cases, in turns; quartiles of each."""
    taken = {1: [], 2: []}
    for _ in range(3 if bench.quick else 5):
        for workers in taken:
            taken[workers].append(measure(bench, cases[workers], workers, method, end))
    return {str(workers): quartiles(values) for workers, values in taken.items()}


def refuse_ranks(bench, case):
    """Why two ranks cannot be measured, if so."""
    try:
        bench.call(launcher(bench, case, 2) + ["--set", "time.end=0.01"])
    except Failure as reason:
        raise Failure(f"headflow does not run on two ranks ({str(reason).replace(str(bench.folder), '')})") from None


def scaling(bench):
    """Whole runs on one and two threads and ranks; strong: the same cells, weak: the same cells a worker."""
    print("scaling: whole runs, upwind, random events; strong: the same cells, weak: twice the cells for two\n"
          "(along the attention axis); ms a right-hand side with all that its share of a step costs: median and quartiles")
    rows, reasons = [], {}
    grids = ((64, 64, 64),) if bench.quick else ((64, 64, 64), (128, 128, 128))
    for cells in grids:
        wide = (2 * cells[0],) + cells[1:]
        same, twice = (problems.write_case(bench.folder, "random", 1, 2, c) for c in (cells, wide))
        keys, _ = offered(bench, same)
        method = next(keys[m] for m in ("dopri5", "erk", "cvode") if m in keys)
        end = 1 if cells[0] < 128 else 0.5
        for kind, cases in (("strong", {1: same, 2: same}), ("weak", {1: same, 2: twice})):
            for what, measure in (("threads", thread_seconds), ("ranks", rank_seconds)):
                try:
                    if os.cpu_count() < 2:
                        raise Failure("one core alone")
                    if what == "ranks":
                        refuse_ranks(bench, same)
                    seconds = scaling_turns(bench, measure, cases, method, end)
                except Failure as reason:
                    reasons[what] = str(reason)
                    continue
                ratio = seconds["1"][1] / seconds["2"][1] * (2 if kind == "weak" else 1)
                rows.append({"grid": size_name(cells), "kind": kind, "what": what, "seconds": seconds, "speedup": ratio})
    table(["cells", "kind", "workers", "one [ms]", "quartiles", "two [ms]", "quartiles", "speed-up"],
          [[r["grid"], r["kind"], r["what"], *[t for w in "12" for t in (f"{1e3 * r['seconds'][w][1]:.3f}", f"{1e3 * r['seconds'][w][0]:.3f}..{1e3 * r['seconds'][w][2]:.3f}")],
            f"{r['speedup']:.2f}"] for r in rows])
    for what, reason in reasons.items():
        print(f"  {what}: skipped: {reason}\n")
    for r in rows:
        if r["kind"] == "strong" and r["what"] == "threads":
            bench.goal(f"whole run, two threads against one, {r['grid']}", r["speedup"], 1.7, "x")
        if r["kind"] == "strong" and r["what"] == "ranks" and r["grid"] == "128^3":
            bench.goal("whole run, two ranks against one, 128^3", r["speedup"], 1.8, "x")
    if "ranks" in reasons:
        bench.goal("whole run, two ranks against one, 128^3", f"skipped: {reasons['ranks']}", 1.8, "x")
    bench.results["scaling"] = {"rows": rows, "skipped": reasons}


# ---- memory and events ---------------------------------------------------------------------------------------


def memory(bench):
    """64^4 cells to T = 2."""
    print("memory: 64^4 cells to T = 2, upwind, random events, two threads")
    cells = (64,) * 4
    case = problems.write_case(bench.folder, "random", 2, 2, cells)
    keys, _ = offered(bench, case)
    rows = []
    for method, words in keys.items():
        done = bench.headflow("run", case, *words, threads=2)
        rows.append({"method": method, "resident": done["resident"], "bytes_a_cell": done["resident"] / done["cells"], "seconds": done["seconds"],
                     "evaluations": done["evaluations"], "steps": done["steps"]})
    table(["method", "peak [GiB]", "bytes a cell", "seconds", "evaluations"],
          [[r["method"], f"{r['resident'] / GIBI:.2f}", f"{r['bytes_a_cell']:.0f}", f"{r['seconds']:.1f}", r["evaluations"]] for r in rows])
    for r in rows:
        bench.goal(f"64^4 to T = 2, peak resident size, {r['method']}", r["resident"] / GIBI, 16, "GiB", most=True)
    bench.results["memory"] = rows


def events(bench):
    """10^5 events from a CSV file, against the run that they serve."""
    count = 10000 if bench.quick else 100000
    print(f"events: {count} contexts of 8 tokens from a CSV file, then a run like `words` (128^2 cells, T = 10), two threads")
    case = problems.write_many_events(bench.folder, count)
    keys, _ = offered(bench, case)
    rows = []
    for method, words in keys.items():
        done = [bench.headflow("run", case, *words, threads=2) for _ in range(1 if bench.quick else 3)]
        rows.append({"method": method, **{k: statistics.median(d[k] for d in done) for k in ("reading", "building", "seconds", "evaluations")}})
        bench.require("events", abs(done[0]["events"] - count), 0)
    table(["method", "reading [s]", "table [s]", "run [s]", "reading + table over run"],
          [[r["method"], *(f"{r[k]:.3f}" for k in ("reading", "building", "seconds")), f"{(r['reading'] + r['building']) / r['seconds']:.3f}"] for r in rows])
    for r in rows:
        bench.goal(f"reading {count} events and building their table, over the run, {r['method']}", (r["reading"] + r["building"]) / r["seconds"], 1, "x", most=True)
    bench.results["events"] = {"count": count, "rows": rows}


# ---- all of it -----------------------------------------------------------------------------------------------

PARTS = {"rate": rate, "runs": runs, "accuracy": accuracy, "scaling": scaling, "memory": memory, "events": events}


def print_goals(goals):
    def number(g):
        return "-" if isinstance(g["measured"], str) else f"{g['measured']:.4g} {g['unit']}"

    print("goals: what must show (numbers of --quick are not for judging)")
    table(["what", "measured", "goal", "met"],
          [[g["what"], number(g), f"{'<=' if g['most'] else '>='} {g['goal']} {g['unit']}", {True: "yes", False: "no", None: "skipped"}[g["met"]]] for g in goals])
    for reason in dict.fromkeys(g["measured"] for g in goals if g["met"] is None):
        print(f"  {reason}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("parts", nargs="+", choices=PARTS)
    options = parser.parse_args()
    bench = Bench(options, options.work)
    broken = 0
    for name in dict.fromkeys(options.parts):
        try:
            PARTS[name](bench)
        except Failure as reason:
            print(f"  {name}: cannot be measured: {reason}\n")
            broken += 1
    print_goals(bench.goals)
    earlier = json.loads(options.output.read_text(encoding="utf-8")) if options.output.exists() else {}
    if earlier.get("quick") == options.quick: # parts measured before are kept
        bench.results = {**earlier, **bench.results}
        fresh = {g["what"] for g in bench.goals}
        bench.goals = [g for g in earlier.get("goals", []) if g["what"] not in fresh] + bench.goals
    bench.results["goals"] = bench.goals
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(bench.results, indent=1), encoding="utf-8")
    met = [g["met"] for g in bench.goals]
    print(f"{met.count(True)} goals met, {met.count(False)} not, {met.count(None)} skipped; numbers in {options.output}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
