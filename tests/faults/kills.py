"""Kill the program with SIGKILL at random moments, resume, compare: python3 kills.py HEADFLOW [KILLS], prints TAP.

`sgd`, `run` and `run` under mpirun are each killed KILLS times (3, or 50 with HEADFLOW_FULL=1), with all their processes,
at a moment drawn uniformly from the time that an uninterrupted call takes, and started again with the same arguments, `run`
with --resume. What is in the file at the end must be what an uninterrupted call writes, number for number; the dates and
seconds of its attributes may differ.
"""
import os, random, shutil, signal, subprocess, sys, tempfile, time

from content import differences, read

program = os.path.abspath(sys.argv[1])
full = os.environ.get("HEADFLOW_FULL") == "1"
kills = int(sys.argv[2]) if len(sys.argv) > 2 else 50 if full else 3
cases = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cases")
environment = {**os.environ, "HEADFLOW_CASES": cases, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
               "OMP_WAIT_POLICY": "passive", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
               "OMPI_MCA_rmaps_base_oversubscribe": "1", "OMPI_MCA_mpi_yield_when_idle": "1", "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
               "LSAN_OPTIONS": "detect_leaks=0"}  # OpenMPI keeps memory to the end
run = [program, "run", "retrieval", "--quiet", "--set", "grid.cells=[48, 48]", "--set", "time.end=4", "--set",
       "checkpoint.every=0.25"]
subjects = [
    ("sgd", [program, "sgd", "retrieval", "--quiet", "--set", "particles.heads=[16, 64, 256]", "--set", "particles.step=[0.1]",
             "--set", "particles.batch=[8]", "--set", "particles.seeds=20"], [], "particles.nc"),
    ("run", run, ["--resume"], "solution.nc"),
    ("mpirun -n 2 run", ["mpirun", "-n", "2", *run], ["--resume"], "solution.nc"),
]


def start(command):
    return subprocess.Popen([*command, "-o", "out"], env=environment, start_new_session=True, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def kill_session(leader):
    """SIGKILL to every process of a session: ranks are in process groups of their own."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                session = int(file.read().rsplit(")", 1)[1].split()[3])
            if session == leader:
                os.kill(int(entry), signal.SIGKILL)
        except (OSError, ValueError):
            pass  # it has ended


def finish(command, expected):
    done = start(command)
    message = done.communicate(timeout=300)[1]
    return [] if done.returncode == expected else [f"exit {done.returncode}: {message.strip()}"]


def killed(command, after):
    """Whether the call was still running when it was killed."""
    victim = start(command)
    time.sleep(after)
    running = victim.poll() is None
    kill_session(victim.pid)
    victim.communicate()
    return running


def subject(number, what, command, resume, written):
    shutil.rmtree("out", ignore_errors=True)
    begun = time.monotonic()
    wrong = finish(command, 0)
    seconds = time.monotonic() - begun
    expected = read(f"out/{written}") if not wrong else {}
    done = equal = tries = 0
    while not wrong and done < kills and tries < 20 * kills:
        tries += 1
        shutil.rmtree("out", ignore_errors=True)
        if not killed(command, random.uniform(0.02, seconds)):
            continue
        done += 1
        broken = finish(command + resume, 0)
        broken = broken or differences(expected, read(f"out/{written}"))
        left = [] if broken else sorted(set(os.listdir("out")) - {written})
        equal += not broken and not left
        wrong += [f"kill {done}: {broken} {left}"] if broken or left else []
    print(f"{'not ok' if wrong else 'ok'} {number} - {what}: killed {done} times in {seconds:.2g} s, {equal} recovered with equal content", flush=True)
    for line in wrong[:5]:
        print(f"# {line[:400]}")


def main():
    random.seed(7)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        resumes = "--resume" in subprocess.run([program, "run", "--help"], capture_output=True, text=True).stdout
        mpirun = shutil.which("mpirun") is not None
        for number, (what, command, resume, written) in enumerate(subjects, 1):
            if resume and not resumes or command[0] == "mpirun" and not mpirun:
                print(f"ok {number} - {what} # SKIP it cannot be resumed here")
            else:
                subject(number, what, command, resume, written)
        os.chdir("/")
    print(f"1..{len(subjects)}")


main()
