"""Check what a researcher sees of an upload: a bar, what Ctrl-C leaves, a limit in parameters."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from tests.studies import dataset, diagnose
from workbench.errors import TooLarge
from workbench.space.requests import uploading
from workbench.views import live


@pytest.fixture(scope="module")
def seeds():
    return itertools.count()


@pytest.fixture
def graph(site, seeds):
    """A graph of 8 MB that no other test has sent: of a known one nothing is sent again."""
    torch.manual_seed(next(seeds))
    model = nn.Sequential(nn.Linear(30, 60_000), nn.Linear(60_000, 2))
    return diagnose.export(model, dataset(site.client()))


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(uploading, "_SHOWN_AFTER_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
def test_ctrl_c_says_that_it_goes_on_and_then_a_bar_shows_the_rest(
    site, graph, capsys, monkeypatch
):
    tell = live._Bar.tell

    def pressed(self, words, step=None):
        tell(self, words, step)
        if step and step > 2:
            raise KeyboardInterrupt

    client = site.client()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(live._Bar, "tell", pressed)
        uploading.upload(client, graph)
    first = capsys.readouterr()
    assert "submit the same again and it goes on" in first.out
    assert "upload to hospital-a" in first.err
    uploading.upload(client, graph)
    second = capsys.readouterr()
    assert "8/8" in second.err
    assert "the domain checks it" in second.err


def test_a_short_upload_and_one_without_progress_show_nothing(site, graph, capsys):
    uploading.upload(site.client(), graph, progress=False)
    small = diagnose.export(nn.Linear(30, 2), dataset(site.client()))
    uploading.upload(site.client(), small)
    assert capsys.readouterr() == ("", "")


class TestLimits:
    @pytest.fixture(autouse=True)
    def narrow(self, site, monkeypatch):
        """The domain takes 100 parameters, and nothing may be uploaded."""
        graphs = site.domain.folder.config.graphs.__dict__
        monkeypatch.setitem(graphs, "max_parameters", 100)

    @pytest.fixture
    def data(self, site, monkeypatch):
        client = site.client()
        monkeypatch.setattr(client, "upload", lambda *_: pytest.fail("it was uploaded"))
        return dataset(client)

    @pytest.mark.parametrize("act", ["submit", "rehearse", "expected"])
    def test_a_large_model_is_refused_before_it_is_sent(self, data, act):
        options = {"epsilon": 1.0, "purpose": "DUO:0000007"} if act == "submit" else {}
        words = "124 parameters; at most 100 at domain 'hospital-a'"
        with pytest.raises(TooLarge, match=words) as caught:
            getattr(diagnose, act)(nn.Linear(30, 4), data, **options)
        for advice in ("smaller model", "max_parameters", "wb.lora", "Frozen"):
            assert advice in caught.value.hint

    def test_frozen_parameters_count(self, data):
        model = nn.Linear(30, 4)
        model.weight.requires_grad_(False)
        with pytest.raises(TooLarge, match="124 parameters; at most 100"):
            diagnose.rehearse(model, data)

    def test_a_model_that_is_just_small_enough_is_not_refused(self, data):
        diagnose.rehearse(nn.Linear(30, 2), data)

    def test_a_domain_that_tells_no_limit_is_asked_by_uploading(self, site, monkeypatch):
        client = site.client()
        told = {n: v for n, v in client.info().items() if n != "max_parameters"}
        monkeypatch.setattr(client, "info", lambda: told)
        with pytest.raises(TooLarge, match="124 parameters; at most 100"):
            diagnose.submit(
                nn.Linear(30, 4), dataset(client), epsilon=1.0, purpose="DUO:0000007 cancer"
            )
