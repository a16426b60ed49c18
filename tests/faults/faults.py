"""Every allocation and every write of the program's verbs fails once: python3 faults.py HEADFLOW-FAULTY, prints TAP.

A call in which something failed must exit with the code of the table in headflow/base.h and one line on standard error, leave no block
of memory and no unfinished file behind, and leave the file that was there before as it was. The first 300 of each
are taken one by one with HEADFLOW_FAULTS=all, else 8 of all.
"""
import os, shutil, subprocess, sys, tempfile

from content import differences, read

program = os.path.abspath(sys.argv[1])
cases = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cases")
full = os.environ.get("HEADFLOW_FAULTS") == "all"
MOST, SOME = 300, 8
CLOSING = 86 # exit code of tests/faults/faulty.c
small = ["--set", "grid.cells=[10, 9]", "--set", "time.end=0.05", "--set", "time.outputs=3", "--set", "time.rtol=1e-4",
         "--set", "particles.heads=[3]", "--set", "particles.step=[0.025]", "--set", "particles.batch=[8]",
         "--set", "particles.seeds=2"]
# verb, its arguments, the file that it writes
verbs = [
    ("run", ["retrieval", *small], "solution.nc"),
    ("sgd", ["retrieval", *small], "particles.nc"),
    ("compare", ["kept/solution.nc", "kept/particles.nc"], "chaos.nc"),
    ("limit", ["kept/solution.nc"], "limit.nc"),
    ("optimum", ["retrieval", *small], "optimum.nc"),
    ("verify", ["retrieval", *small, "--set", "grid.cells=[16, 16]"], "verify.nc"),
]
environment = {**os.environ, "HEADFLOW_CASES": cases, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
               "OMP_WAIT_POLICY": "passive"}
number = 0


def check(label, wrong):
    """One line of TAP; `wrong`: what was wrong, lines."""
    global number
    number += 1
    print(f"{'not ok' if wrong else 'ok'} {number} - {label}", flush=True)
    for line in wrong[:8]:
        print(f"# {line}")


def call(verb, arguments, **faults):
    return subprocess.run([program, verb, *arguments, "--quiet", "-o", "out"], capture_output=True, text=True, timeout=120,
                          env={**environment, **faults})


def attempt(verb, arguments, written, kind, n, old, whole):
    """What is wrong with the call whose n-th allocation or write fails; None: it got by without. whole: what it writes."""
    shutil.rmtree("out", ignore_errors=True)
    os.mkdir("out")
    with open(f"out/{written}", "wb") as file:
        file.write(old)
    done = call(verb, arguments, **{f"HEADFLOW_FAIL_{kind.upper()}": str(n)})
    lines = [line for line in done.stderr.splitlines() if "warning" not in line]
    left = sorted(set(os.listdir("out")) - {written, f"{written}.journal", f"{written}.checkpoint"})  # to go on from
    with open(f"out/{written}", "rb") as file:
        found = file.read()
    # the last flush is of the folder, when the new file is there already, whole
    same = found == old or found.startswith(b"\x89HDF") and "out: cannot flush to disk" in done.stderr
    if done.returncode in (0, 3) and not same and not left and len(lines) <= (done.returncode != 0):
        wrong = differences(whole, read(f"out/{written}"))  # the fault was one that the program gets by without
        return [f"{verb}, {kind} {n}: exit {done.returncode}, but other {wrong}"] if wrong else None
    what = f"{verb}, {kind} {n}: exit {done.returncode}, {done.stderr.strip()!r}"
    if done.returncode == CLOSING and kind == "write" and found == old:
        return [] # a crash of NetCDF's own as it closes a file, docs/trust.md
    if done.returncode != 4 or len(lines) != 1:
        return [what]
    return [f"{what}: leaves {left}"] if left else [] if same else [f"{what}: the old file is changed"]


def with_quota(verb, arguments, written, n, whole):
    """A quota is an error like a full disk, by its own name."""
    environment["HEADFLOW_FAIL_QUOTA"] = "1"
    found = attempt(verb, arguments, written, "write", n, b"the old file", whole)
    said = call(verb, arguments, HEADFLOW_FAIL_WRITE=str(n)).stderr
    del environment["HEADFLOW_FAIL_QUOTA"]
    check(f"{verb}: a quota is said to be used up", found if found != [] or "quota" in said else [said])


def faults_of(verb, arguments, written):
    shutil.rmtree("out", ignore_errors=True)
    done = call(verb, arguments, HEADFLOW_FAIL_COUNT="count")
    check(f"{verb}: without a fault, no memory is left", [] if done.returncode in (0, 3) else [f"exit {done.returncode}", done.stderr])
    with open("count") as file:
        allocations, writes = map(int, file.read().split())
    whole = read(f"out/{written}")
    for kind, count in (("allocation", allocations), ("write", writes)):
        most = min(count, MOST)
        taken = range(1, most + 1) if full else sorted({1 + k * (count - 1) // (SOME - 1) for k in range(SOME)})
        wrong, survived = [], 0
        for n in taken:
            found = attempt(verb, arguments, written, kind, n, b"the old file", whole)
            survived += found is None
            wrong += found or []
        if kind == "write":
            with_quota(verb, arguments, written, count // 2, whole)
        check(f"{verb}: {len(taken)} of {count} {kind}s fail, each alone; {survived} of them without harm", wrong)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for verb, arguments, written in verbs[:2]:
            call(verb, arguments)
            os.makedirs("kept", exist_ok=True)
            os.replace(f"out/{written}", f"kept/{written}")
        for verb, arguments, written in verbs:
            faults_of(verb, arguments, written)
        os.chdir("/")
    print(f"1..{number}")


main()
