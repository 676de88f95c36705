"""`leadline report`: a page about a run, or about several side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from leadline.atomic import atomic_write, check_writable
from leadline.benchmark.contest import Contest
from leadline.benchmark.machine import machine_line
from leadline.benchmark.models import benchmark
from leadline.evaluation.protocols import find_protocol
from leadline.options import BenchmarkOptions, ReportOptions
from leadline.report.measured import Measured, measure_runs
from leadline.report.page import html_page, report_body
from leadline.report.run import read_runs

_ROUNDS = 5


def report_command(options: ReportOptions) -> None:
    """Measure the runs' models, and write the page.

    Raises:
        UsageError: a folder that holds no run, or an unknown protocol.
        ModelFileError: a damaged model.
        OutputError: no space or no permission.
    """
    console = Console(stderr=True)
    protocol = find_protocol(options.protocol)
    check_writable(options.out)
    runs = read_runs(options.runs, model=options.model)
    machine = machine_line()  # before: it tells the load that others make
    measured, missing = measure_runs(
        runs, protocol, data=options.data, device=options.device, backend=options.backend, console=console
    )
    body = report_body(
        runs,
        measured,
        missing,
        protocol=protocol,
        contest=_contest(measured, options) if options.speed and measured else None,
        machine=f"{machine}; turns taken by all models",
        pictures=options.pictures,
        worst=options.worst,
    )
    with atomic_write(options.out) as part:
        part.write_text(html_page(" and ".join(run.name for run in runs), body), encoding="utf-8")
    print(f"{options.out}: {len(measured)} of {len(runs)} runs measured, {options.out.stat().st_size / 1e6:.1f} MB")


def _contest(measured: Sequence[Measured], options: ReportOptions) -> Contest:
    models = tuple(str(one.run.model) for one in measured)
    device = "cpu" if options.device == "auto" else options.device
    return benchmark(BenchmarkOptions(models, backend=(options.backend,), rounds=_ROUNDS, device=device))
