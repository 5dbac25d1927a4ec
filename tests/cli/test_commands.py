"""Check the command line as somebody new to it would use it."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.processes import ServerSite, command_of, has_ended
from tests.support import Site, make_domain, wait_until
from workbench.documents import Approval
from workbench.domain.store.config import DomainFolder
from workbench.errors import InvalidConfiguration

WORKBENCH = [sys.executable, "-m", "workbench.cli"]


def run(*arguments, **options):
    return subprocess.run([*WORKBENCH, *arguments], capture_output=True, text=True, **options)


def test_a_key_is_made_once_and_shown(tmp_path):
    made = run("key", "create", str(tmp_path / "me.key"))
    assert made.returncode == 0
    assert made.stdout.startswith("ed25519:")
    assert run("key", "show", str(tmp_path / "me.key")).stdout == made.stdout
    again = run("key", "create", str(tmp_path / "me.key"))
    assert again.returncode == 1
    assert "error:" in again.stderr
    assert "never overwritten" in again.stderr
    assert "Traceback" not in again.stderr


@pytest.mark.parametrize(
    "arguments", [("demo", "--repeats", "0"), ("domain", "init", "d", "--port", "70000")]
)
def test_a_number_that_cannot_be_meant_is_refused_before_anything_is_done(tmp_path, arguments):
    refused = run(*arguments, cwd=tmp_path)
    assert refused.returncode == 2
    assert f"Invalid value for '{arguments[-2]}'" in refused.stderr
    assert not list(tmp_path.iterdir())


def test_wrong_input_gives_one_clear_message(tmp_path):
    first = run("domain", "init", str(tmp_path / "d"), "--name", "hospital-a")
    assert first.returncode == 0
    for arguments in (
        ("domain", "init", str(tmp_path / "d"), "--name", "hospital-a"),
        ("domain", "init", str(tmp_path / "e"), "--name", "Not A Name"),
        ("domain", "publish", str(tmp_path / "d"), "nothing"),
        ("domain", "publish", str(tmp_path / "nowhere"), "nothing"),
        ("verify", str(tmp_path / "nothing.json")),
        ("catalog", "--space", str(tmp_path / "space.toml")),
        ("demo", "--store", "/proc/demo"),
        ("audit", "--out", "/proc/x/audit.md"),
    ):
        answer = run(*arguments)
        assert answer.returncode == 1, arguments
        assert answer.stderr.startswith("error: "), answer.stderr
        assert "Traceback" not in answer.stderr


def test_a_domain_made_in_a_folder_that_is_there_is_its_owners_alone(tmp_path):
    root = tmp_path / "d"
    for folder in (root, root / "keys", root / "data"):
        folder.mkdir(mode=0o755)
    assert run("domain", "init", str(root), "--name", "hospital-a").returncode == 0
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (root, *root.rglob("*"))}
    public = root / "keys" / "domain.pub"
    assert {path.name for path in modes} >= {"domain.toml", "domain.key", "sealing.key", "state"}
    for path, mode in modes.items():
        assert mode == (0o700 if path.is_dir() else 0o600) or path == public, path


def test_a_password_that_others_can_read_is_not_used(tmp_path):
    root = make_domain(tmp_path / "d", database="postgresql+pg8000://me:secret@127.0.0.1:1/x")
    (root / "domain.toml").chmod(0o644)
    assert DomainFolder(root).config.name == "hospital-a"
    root.chmod(0o755)
    with pytest.raises(InvalidConfiguration, match="chmod 600"):
        DomainFolder(root)
    (root / "domain.toml").chmod(0o600)
    assert DomainFolder(root).config.name == "hospital-a"


def test_an_operator_reads_the_log_and_is_told_which_approval_was_kept(tmp_path):
    root = make_domain(tmp_path / "hospital-a")
    site = Site.open(root, start=False)
    site.client(site.steward).set_policy("breast-cancer", Approval())
    site.close()
    lines = json.loads(run("domain", "log", str(root), "--json").stdout)
    assert [line["event"] for line in lines] == ["policy", "admit", "admit", "publish"]
    shown = run("domain", "log", str(root), "--limit", "1").stdout
    assert "4 lines, each bound to the one before it" in shown
    # As revoking needs them.
    keys = [line["subject"] for line in lines if line["event"] == "admit"]
    every = run("domain", "log", str(root)).stdout
    assert all(f"\t{key}\t" in every for key in keys)
    assert lines[0]["hash"] in shown.replace("\n", "")
    published = run("domain", "publish", str(root), "breast-cancer").stdout
    assert "kept the approval that a steward set" in published
    assert (
        "kept"
        not in run("domain", "publish", str(root), "breast-cancer", "--approval", "file").stdout
    )
    assert run("domain", "publish", str(root), "breast-cancer", "--approval", "x").returncode == 2


@pytest.mark.slow
def test_a_steward_tries_a_policy_and_sets_it(tmp_path):
    site = ServerSite(tmp_path / "hospital-a").start()
    site.steward.save(tmp_path / "me.key")
    (tmp_path / "space.toml").write_text(
        f'key = "me.key"\n[[domains]]\nname = "hospital-a"\nurl = "{site.url}"\n'
        f'public_key = "{site.public_key}"\n'
    )
    which = ("hospital-a/breast-cancer", "--space", str(tmp_path / "space.toml"))
    wide = ("--epsilon", "1.5", "--purpose", "DUO:0000007")
    tried = json.loads(run("policy", "try", *which, *wide, "--json").stdout)
    assert (tried["considered"], tried["requests"]) == (0, [])
    assert json.loads(run("policy", "set", *which, *wide, "--json").stdout)["approval"] == {
        "mode": "policy",
        "epsilon": 1.5,
        "purposes": ["DUO:0000007"],
        "approvals": 1,
    }
    assert "approves up to epsilon 1.5 for DUO:0000007" in run("policy", "show", *which).stdout
    refused = run("policy", "set", *which, "--epsilon", "50", "--purpose", "DUO:0000007")
    assert refused.returncode == 1
    assert "the terms allow 2 on one run" in refused.stderr
    site.stop()


@pytest.mark.slow
def test_the_main_job_without_a_notebook(tmp_path):
    site = ServerSite(tmp_path / "hospital-a").start()
    site.researcher.save(tmp_path / "me.key")
    (tmp_path / "space.toml").write_text(
        f'key = "me.key"\n[[domains]]\nname = "hospital-a"\nurl = "{site.url}"\n'
        f'public_key = "{site.public_key}"\n'
    )
    (tmp_path / "study.py").write_text(
        "import torch.nn.functional as F\nfrom torch import nn\nimport workbench as wb\n"
        "@wb.training_function(steps=5, sample_rate=1.0, learning_rate=1.0)\n"
        "def diagnose(model, record):\n"
        "    logits = model(wb.features(record))\n"
        "    right = logits.argmax() == record['diagnosis']\n"
        "    return F.cross_entropy(logits, record['diagnosis']), {'accuracy': right}\n"
        "def model():\n    net = nn.Linear(30, 2)\n    nn.init.zeros_(net.weight)\n"
        "    nn.init.zeros_(net.bias)\n    return net\n"
    )
    space = ("--space", str(tmp_path / "space.toml"))
    cards = json.loads(run("catalog", "--json", *space).stdout)
    assert [card["name"] for card in cards] == ["breast-cancer"]
    target = ("--to", "hospital-a/breast-cancer", "--epsilon", "2", "--purpose", "DUO:0000007 x")
    rehearsed = run("submit", str(tmp_path / "study.py"), *target, *space, "--rehearse")
    assert "Rehearsal on synthetic records" in rehearsed.stdout
    sent = run("submit", str(tmp_path / "study.py"), *target, *space, "--json")
    (digest,) = json.loads(sent.stdout)
    out = tmp_path / "out"
    got = run("result", digest, "--out", str(out), "--json", *space)
    assert json.loads(got.stdout)["privacy"]["epsilon"] <= 2
    assert digest in {
        r["request_digest"] for r in json.loads(run("requests", "--json", *space).stdout)
    }
    assert run("verify", str(out / "evidence.json"), *space).returncode == 0
    assert run("verify", str(out / "evidence.json")).returncode == 2
    content = (out / "evidence.json").read_text()
    (out / "evidence.json").write_text(content.replace("released", "re1eased", 1)[:-1])
    assert run("verify", str(out / "evidence.json"), *space).returncode == 1
    budget = json.loads(run("domain", "budget", str(site.root), "--json").stdout)
    assert budget["breast-cancer"]["runs"] == 1
    refused = run(
        "submit",
        str(tmp_path / "study.py"),
        *target[:2],
        "--epsilon",
        "50",
        "--purpose",
        "DUO:0000007",
        *space,
    )
    assert "above the cap" in refused.stderr
    noise = ("--noise-multiplier", "0.05", "--purpose", "DUO:0000007")
    refused = run("submit", str(tmp_path / "study.py"), *target[:2], *noise, *space)
    assert "so little noise gives no privacy" in refused.stderr
    both = run("submit", str(tmp_path / "study.py"), *target, *noise[:2], *space)
    assert "each follows from the other" in both.stderr
    site.stop()


@pytest.mark.slow
def test_ctrl_c_stops_the_demo_and_all_its_processes(tmp_path):
    process = subprocess.Popen(
        [*WORKBENCH, "demo", "--store", str(tmp_path / "demo"), "--out", str(tmp_path / "runs")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[2],
    )
    everyone: set[psutil.Process] = set()

    def study_runs():
        everyone.update(psutil.Process(process.pid).children(recursive=True))
        return any("ipykernel" in " ".join(command_of(p)) for p in everyone)

    wait_until(study_runs, 60)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Nothing is left running" in errors
    wait_until(lambda: all(map(has_ended, everyone)), 20)


@pytest.mark.slow
def test_the_demo_opens_a_lab_for_each_person_and_leaves_nothing_running(tmp_path):
    output = tmp_path / "said.txt"
    with output.open("w") as said:
        process = subprocess.Popen(
            [*WORKBENCH, "demo", "--lab", "--store", str(tmp_path / "demo")],
            stdout=said,
            stderr=said,
            start_new_session=True,
            cwd=Path(__file__).parents[2],
            env={name: value for name, value in os.environ.items() if name != "DISPLAY"},
        )
    wait_until(lambda: "until you press Ctrl-C" in output.read_text(), 90)
    labs = dict(re.findall(r"JupyterLab of the (\w+): (\S+)", output.read_text()))
    assert set(labs) == {"researcher", "steward"}
    for address in labs.values():
        assert httpx.get(address, trust_env=False, follow_redirects=True).is_success
        assert httpx.get(address.split("?")[0], trust_env=False).status_code == 302
    everyone = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 130
    assert "Nothing is left running" in output.read_text()
    wait_until(lambda: all(map(has_ended, everyone)), 20)
