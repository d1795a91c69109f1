"""What a task pays before its own work where it inherits nothing, as in a Kubernetes pod: `python benchmarks/pod.py`.

Each task gets a process of its own, which imports what a pod's does (`airflow.sdk.execution_time.execute_workload`),
and forks the task's, which imports a Dag file's modules and what the functions of `usage_ledger/airflow/tasks.py`
import. Nothing is asked of an API server, a provider or a warehouse. Prints, of the fastest of some rounds: seconds,
seconds of processor, and the most memory that each of the two processes held; then which large packages the task's has.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS = ROOT / "usage_ledger" / "airflow" / "tasks.py"
TASKS = ("extract", "transform", "validate", "load", "repair")
LATER = {"validate": ("usage_ledger.pipeline.expectations",)}
"""What a step imports only when it runs, for the sake of commands, which run it otherwise."""
LARGE = ("pyarrow", "pandas", "scipy", "great_expectations", "boto3", "azure", "google.auth")

SCRIPT = """
import json, os, resource, sys, time
begun = time.perf_counter()
import airflow.sdk.execution_time.execute_workload
from airflow.executors import workloads
from airflow.executors.base_executor import BaseExecutor
from airflow.sdk.execution_time import supervisor
import airflow.settings
reader, writer = os.pipe()
if not os.fork():
    import importlib
    from airflow.sdk.execution_time import task_runner
    for name in sys.argv[1:]:
        importlib.import_module(name)
    told = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(sys.modules), sorted(sys.modules)]
    os.write(writer, json.dumps(told).encode() + b"\\n")
    os._exit(0)
os.close(writer)
with os.fdopen(reader) as answer:
    own, modules, names = json.load(answer)
os.wait()
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({
    "seconds": time.perf_counter() - begun,
    "processor": sum(one.ru_utime + one.ru_stime for one in used),
    "supervisor": used[0].ru_maxrss / 1024,
    "task": own,
    "modules": modules,
    "names": names,
}))
"""


def imported_by(task: str) -> list[str]:
    """The modules that a task's process imports: a Dag file's, and those within its function and what that calls."""
    tree = ast.parse(FUNCTIONS.read_text(encoding="utf-8"))
    functions: dict[str, ast.AST] = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    modules = ["usage_ledger.airflow.dag", *LATER.get(task, ())]
    waiting = [task]
    while waiting:
        for node in ast.walk(functions.pop(waiting.pop(), ast.Module([], []))):
            if isinstance(node, ast.ImportFrom) and node.module:
                modules.append(node.module)
            elif isinstance(node, ast.Name) and node.id.startswith("_"):
                waiting.append(node.id)
    return list(dict.fromkeys(modules))


def measured(task: str) -> dict[str, object]:
    """One start of a task's two processes, in an environment without what opens Airflow."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "USAGE_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *imported_by(task)],
        env=environment | {"AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        stdout=subprocess.PIPE,
        check=True,
    )
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    rounds = options.parse_args().rounds
    sys.stdout.write("task        seconds  processor s  supervisor MB  task MB  modules  large packages\n")
    for task in TASKS:
        best = min((measured(task) for _ in range(rounds)), key=lambda one: float(str(one["processor"])))
        names = set(map(str, best["names"]))  # type: ignore[call-overload]
        large = ", ".join(name for name in LARGE if name in names)
        figures = "{seconds:9.1f}  {processor:11.1f}  {supervisor:13.0f}  {task:7.0f}  {modules:7}".format(**best)
        sys.stdout.write(f"{task:10}{figures}  {large}\n")


if __name__ == "__main__":
    main()
