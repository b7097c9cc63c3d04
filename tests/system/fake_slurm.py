"""A Slurm of two scripts: `sbatch` runs an array's tasks in the background, two at a time, and `squeue` lists them."""

import os

import sweeps

# The state is files JOB_TASK with one word in them; a task that is over has no file.
SBATCH = '''
import os, signal, subprocess, sys, time
folder = {folder!r}
words = sys.argv[1:]
with open(os.path.join(folder, "calls"), "a") as calls:
    calls.write(" ".join(words) + "\\n")
if "--refuse" in words:
    sys.exit("sbatch: error: Batch job submission failed: Invalid account")
script = words[-1]
last = int(next(word for word in words if word.startswith("--array=")).split("-")[-1])
job = str(100 + sum("--array" in line for line in open(os.path.join(folder, "calls"))))

def note(task, state):
    with open(os.path.join(folder, f"{{job}}_{{task}}"), "w") as file:
        file.write(state)

with open(os.path.join(folder, f"script_{{job}}"), "w") as file:
    file.write(script)
for task in range(last + 1):
    note(task, "PENDING")
if os.path.exists(os.path.join(folder, "kill-the-driver")):
    os.kill(os.getppid(), signal.SIGKILL)
else:
    print(f"Submitted batch job {{job}}", flush=True)
if os.fork():
    sys.exit()
os.setsid()
null = os.open(os.devnull, os.O_RDWR)
for number in range(3):
    os.dup2(null, number)
waiting, running = list(range(last + 1)), {{}}
while waiting or running:
    while waiting and len(running) < 2:
        task = waiting.pop(0)
        note(task, "RUNNING")
        running[task] = subprocess.Popen(["/bin/bash", script], env=dict(os.environ, SLURM_ARRAY_TASK_ID=str(task)))
    for task, process in list(running.items()):
        if process.poll() is not None:
            os.remove(os.path.join(folder, f"{{job}}_{{task}}"))
            del running[task]
    time.sleep(0.1)
'''

SQUEUE = '''
import os, sys
folder = {folder!r}
if os.path.exists(os.path.join(folder, "down")):
    sys.exit("slurm_load_jobs error: Unable to contact slurm controller")
assert "--me" in sys.argv and "--format=%i %T %o" in sys.argv, sys.argv
for name in sorted(os.listdir(folder)):
    if name[0].isdigit():
        try:
            with open(os.path.join(folder, name)) as state, open(os.path.join(folder, "script_" + name.split("_")[0])) as script:
                print(name, state.read(), script.read())
        except FileNotFoundError:
            pass
'''


def install(folder):
    """Puts both into a folder for PATH, and returns it with the folder of their state."""
    state = os.path.join(folder, "queue")
    os.makedirs(state)
    programs = os.path.join(folder, "bin")
    sweeps.write_program(programs, "sbatch", SBATCH.format(folder=state))
    sweeps.write_program(programs, "squeue", SQUEUE.format(folder=state))
    return programs, state


def submissions(state):
    try:
        with open(os.path.join(state, "calls")) as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []
