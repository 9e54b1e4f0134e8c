"""A Slurm of one node, unpacked from Debian's packages into a folder: nothing is installed."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager

PACKAGES = [
    "slurmctld",
    "slurmd",
    "slurm-client",
    "slurm-wlm-basic-plugins",
    "munge",
    "libmunge2",
    "libhwloc15",
    "liblua5.1-0",
]

CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={port}
SlurmdPort={node_port}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={top}/munge.socket
PluginDir={lib}/slurm-wlm
StateSaveLocation={top}/state
SlurmdSpoolDir={top}/spool
SlurmctldPidFile={top}/slurmctld.pid
SlurmdPidFile={top}/slurmd.pid
SlurmctldLogFile={top}/slurmctld.log
SlurmdLogFile={top}/slurmd.log
ProctrackType=proctrack/pgid
JobAcctGatherType=jobacct_gather/none
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=5
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=3 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES State=UP
"""


class Unavailable(Exception):
    """Why there is no Slurm here."""


def unpack(top):
    """Fetch the packages and unpack them; the folder that holds usr/."""
    if os.geteuid() != 0:
        raise Unavailable("only root can start slurmd")
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise Unavailable("this is no Debian")
    debs, root = top / "debs", top / "root"
    debs.mkdir(parents=True)
    fetch = ["apt-get", "download", *PACKAGES]
    done = subprocess.run(fetch, cwd=debs, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise Unavailable(f"the packages cannot be had: {done.stderr.strip()[-200:]}")
    for deb in debs.glob("*.deb"):
        subprocess.run(["dpkg", "-x", deb, root], check=True)
    return root


def free_port():
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


@contextmanager
def one_node(top, environ):
    """A running Slurm; `environ` gets what its commands need.

    Raises:
        Unavailable: if it cannot be had, or does not start.
    """
    root = unpack(top)
    lib = next((root / "usr/lib").glob("*-linux-gnu"))
    (top / "state").mkdir()
    (top / "spool").mkdir()
    conf = top / "slurm.conf"
    host = socket.gethostname().split(".")[0]
    ports = {"port": free_port(), "node_port": free_port()}
    conf.write_text(CONF.format(top=top, lib=lib, host=host, **ports))
    environ["SLURM_CONF"] = str(conf)
    environ["LD_LIBRARY_PATH"] = f"{lib}:{lib}/slurm-wlm"
    environ["PATH"] = f"{root}/usr/bin:{os.environ['PATH']}"
    sbin = root / "usr/sbin"
    key = top / "munge.key"
    key.write_bytes(os.urandom(64))
    key.chmod(0o400)
    daemons = [
        [sbin / "munged", "-F", "--force", f"--socket={top}/munge.socket", f"--key-file={key}"],
        [sbin / "slurmctld-wlm", "-D", "-f", conf],
        [sbin / "slurmd-wlm", "-D", "-f", conf, "-N", host, "-d", sbin / "slurmstepd-wlm"],
    ]
    daemons[0] += [f"--pid-file={top}/munged.pid", f"--log-file={top}/munged.log"]
    daemons[0] += [f"--seed-file={top}/munged.seed"]
    started = []
    try:
        for words in daemons:
            with (top / f"{words[0].name}.out").open("w") as log:
                process = subprocess.Popen(
                    words, env={**os.environ, **environ}, stdout=log, stderr=log
                )
            started.append(process)
            time.sleep(1)
        wait_until_idle(top, environ)
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_idle(top, environ):
    ask = ["sinfo", "--noheader", "--format=%T"]
    for _ in range(60):
        done = subprocess.run(
            ask, env={**os.environ, **environ}, capture_output=True, text=True, timeout=60
        )
        if done.stdout.strip() == "idle":
            return
        time.sleep(0.5)
    logs = [path.read_text()[-400:] for path in sorted(top.glob("*.log"))]
    raise Unavailable(f"it does not start: {done.stdout}{done.stderr} {' '.join(logs)}")
