"""Tenants with environments of their own: the same rule, deployed by two of them, runs on Debian's numpy and on another."""

import contextlib
import subprocess
import sys

import pytest
from conftest import PYTHON, lack, needs_numpy
from server import Server
from test_rules_deploy import FROM

pytestmark = needs_numpy

OWN_NUMPY = "2.1.3"
VERSION = '''import numpy as np
from busbar import rule

MAJOR, MINOR = (int(part) for part in np.__version__.split(".")[:2])


@rule(inputs="1-1:1.29.0", window="1d")
def version(w):
    """Every value becomes the version of numpy."""
    w.correct(w.new, MAJOR + MINOR / 100, "numpy_" + np.__version__.replace(".", "_"))
'''
READINGS = ("usage_point,channel,timestamp,value,unit,interval\n"
            "A,1-1:1.29.0,2026-03-01T00:15:00Z,1,kWh,15m\nA,1-1:1.29.0,2026-03-01T00:30:00Z,2,kWh,15m\n")


@pytest.fixture(scope="session")
def environments(tmp_path_factory):
    """A folder with a virtual environment of the tenant `own`, and none of the tenant `debian`."""
    folder = tmp_path_factory.mktemp("environments")
    for command in ([sys.executable, "-m", "venv", folder / "own"],
                    [folder / "own/bin/pip", "install", "-q", "--disable-pip-version-check", f"numpy=={OWN_NUMPY}"]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            lack(f"no package is to be had here: {done.stderr[-300:]}")
    return folder


def debians_numpy():
    told = subprocess.run([PYTHON, "-I", "-c", "import numpy; print(numpy.__version__)"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def number(version):
    major, minor = version.split(".")[:2]
    return float(f"{major}.{int(minor):02d}")


@pytest.mark.parametrize("served", [False, True], ids=["alone", "served"])
def test_two_tenants_two_numpys(plant, environments, served):
    expected = {"own": OWN_NUMPY, "debian": debians_numpy()}
    assert number(expected["own"]) != number(expected["debian"])
    config = plant.file("busbar.yaml", f"rules: {{environments: {environments}}}\n")
    path = plant.file("version.py", VERSION)
    readings = plant.file("readings.csv", READINGS)

    def of(tenant, *arguments):
        return plant.run("--config", config, "--tenant", tenant, *arguments, expect=0)

    for tenant in expected:
        of(tenant, "ingest", readings)
    with Server(plant, "--config", config) if served else contextlib.nullcontext():
        told = {tenant: deploy_and_read(of, tenant, path) for tenant in expected}
    for tenant, version in expected.items():
        rows, listed = told[tenant]
        assert [float(row["value"]) for row in rows] == [number(version)] * 2, (tenant, rows)
        assert all(row["quality"].startswith("substituted") for row in rows), rows
    ids = {tenant: listed[0]["version"] for tenant, (_, listed) in told.items()}
    assert ids["own"] != ids["debian"], "the environment is part of a version"


def deploy_and_read(of, tenant, path):
    of(tenant, "rules", "deploy", path, "--from", FROM, "--reason", "who has which", "--yes")
    query = of(tenant, "query", "--usage-point", "A", "--channel", "1-1:1.29.0", "--lane", "vee", "--format", "csv").rows()
    return query, of(tenant, "--json", "list", "rules").json()


def test_a_folder_that_is_no_environment_is_named(plant, tmp_path):
    (tmp_path / "environments" / "acme").mkdir(parents=True)
    config = plant.file("busbar.yaml", f"rules: {{environments: {tmp_path / 'environments'}}}\n")
    plant.ingest(plant.file("readings.csv", READINGS))
    path = plant.file("version.py", VERSION)
    refused = plant.run("--config", config, "--tenant", "acme", "rules", "deploy", path, "--reason", "x", "--yes", expect=4)
    assert "BB-5002" in refused.err and "environments/acme" in refused.err
    plant.run("--config", config, "rules", "diff", path, "--from", FROM, expect=0)  # another tenant has nothing to do with it
