"""sbatch, squeue and scancel that run array jobs as processes of this machine.

FAKE_SLURM is the folder of their state; a file `broken` there ends every job at once, and a file
`silent` makes squeue fail.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

STATE = Path(os.environ.get("FAKE_SLURM", "."))


def put_on_path(folder, monkeypatch):
    """Make the three commands, in a folder that comes first on PATH."""
    for name in ("sbatch", "squeue", "scancel"):
        command = folder / name
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {__file__} {name} "$@"\n')
        command.chmod(0o755)
    (folder / "jobs").mkdir()
    monkeypatch.setenv("FAKE_SLURM", str(folder / "jobs"))
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder / "jobs"


def sbatch(options):
    told = dict(option.removeprefix("--").split("=", 1) for option in options if "=" in option)
    job = 100 + len(list(STATE.glob("*.options")))
    (STATE / f"{job}.options").write_text("\n".join(options))
    wrapped = told["wrap"]
    if (STATE / "broken").exists():
        wrapped = "echo first line; echo the disk of this machine is full; exit 1"
    for number in told["array"].split("%")[0].split(","):
        path = STATE / f"{job}_{number}"
        script = f"(sh -c 'echo $$ > {path}.pid; {wrapped}'); touch {path}.end"
        with Path(told["output"].replace("%a", number)).open("a") as log:
            subprocess.Popen(
                ["sh", "-c", script],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "SLURM_ARRAY_TASK_ID": number},
                start_new_session=True,
            )
        path.touch()
    print(job)


def squeue(_):
    if (STATE / "silent").exists():
        sys.exit("slurm_load_jobs error: Unable to contact slurm controller")
    for path in STATE.iterdir():
        if not path.suffix and "_" in path.name and not path.with_name(path.name + ".end").exists():
            print(path.name.replace("_", " "))


def scancel(jobs):
    for job in jobs:
        for path in STATE.glob(f"{job}_*.pid"):
            if not path.with_suffix(".end").exists():
                os.kill(int(path.read_text()), signal.SIGTERM)


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2:])
