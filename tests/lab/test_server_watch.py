"""Check what a page is told when domains hang, end, come back or are old, or a space appears."""

from __future__ import annotations

import time

import pytest

from tests.lab.servers import News, OpenDomain, jupyter_server, write_space
from tests.support import META, wait_until
from workbench.documents import PrivateKey

pytestmark = pytest.mark.slow

SECONDS = 30


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    root = tmp_path_factory.mktemp("two")
    first = OpenDomain(root / "hospital-a")
    second = OpenDomain(root / "hospital-b", "hospital-b", ("diabetes",), like=first)
    yield first, second
    first.close()
    second.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory, two):
    root = tmp_path_factory.mktemp("lab") / "root"
    write_space(root, two[0].site.researcher, *two)
    with jupyter_server(root) as found:
        yield found


@pytest.fixture
def news(lab, two):
    found = News(lab)
    wait_until(lambda: [found.state(d.name) for d in two] == ["up", "up"], SECONDS)
    yield found
    found.close()


def domain(news, name):
    return next(d for d in news.last["session"]["domains"] if d["name"] == name)


def paths(lab):
    return [entry["path"] for entry in lab.json("catalog")["datasets"]]


def test_the_first_news_is_everything_and_then_only_changes_come(news):
    assert {event for event, _ in news.seen} == {"session", "catalog", "requests", "studies"}
    wait_until(lambda: news.alive >= 1, SECONDS)
    count = len(news.seen)
    wait_until(lambda: news.alive >= 2, SECONDS)
    assert len(news.seen) == count


def test_domains_are_asked_while_a_page_watches_and_not_otherwise(lab, two):
    first, second = two
    watching = News(lab)
    before = len(first.calls)
    wait_until(lambda: len(first.calls) > before + 6, SECONDS)
    watching.close()
    # The round under way and the stream's end.
    wait_until(lambda: quiet(first, 2.5) and quiet(second, 2.5), SECONDS)
    counts = [len(d.calls) for d in two]
    assert quiet(first, 4)
    assert [len(d.calls) for d in two] == counts


def quiet(one: OpenDomain, seconds: float) -> bool:
    """Return whether no call comes for some seconds."""
    count, end = len(one.calls), time.monotonic() + seconds
    while time.monotonic() < end:
        if len(one.calls) != count:
            return False
        time.sleep(0.05)
    return True


def test_one_that_hangs_is_slow_then_down_and_slows_nobody(lab, two, news):
    first, second = two
    second.hang()
    try:
        # It may have begun in the middle of a round, where the next word is "down".
        wait_until(lambda: news.state("hospital-b") in ("slow", "down"), SECONDS)
        # All that the others are asked for still comes at once.
        began = time.monotonic()
        assert lab.json("datasets/hospital-a/breast-cancer")["entry"]["records"] == 280
        lab.json("session")
        lab.json("catalog")
        assert time.monotonic() - began < 3
        before = len(first.calls)
        wait_until(lambda: len(first.calls) > before + 10, SECONDS)
        assert news.state("hospital-a") == "up"

        wait_until(lambda: news.state("hospital-b") == "down", SECONDS)
        assert domain(news, "hospital-b")["message"]
        assert domain(news, "hospital-b")["hint"]
    finally:
        second.go_on()
    wait_until(lambda: news.state("hospital-b") == "up", SECONDS)


def test_many_calls_of_one_that_hangs_leave_threads_for_the_others(lab, two):
    import threading

    _, second = two
    second.hang()
    try:
        calls = [
            threading.Thread(target=lambda: lab.get("datasets/hospital-b/diabetes"), daemon=True)
            for _ in range(40)
        ]
        for call in calls:
            call.start()
        wait_until(lambda: sum("datasets" in c for c in second.calls[-6:]) >= 1, SECONDS)
        began = time.monotonic()
        lab.json("datasets/hospital-a/breast-cancer")
        assert time.monotonic() - began < 3
    finally:
        second.go_on()
    for call in calls:
        call.join(60)


def test_one_that_is_down_keeps_its_entries_with_a_word_and_is_seen_when_it_is_back(lab, two, news):
    _, second = two
    version = news.last["catalog"]["version"]
    lab.json("datasets/hospital-b/diabetes")
    second.stop()
    try:
        wait_until(lambda: news.state("hospital-b") == "down", SECONDS)
        since = domain(news, "hospital-b")["since"]
        wait_until(lambda: news.last["catalog"]["version"] != version, SECONDS)
        assert "hospital-b/diabetes" in paths(lab)
        [problem] = lab.json("catalog")["problems"]
        assert problem["domain"] == "hospital-b"
        assert "does not answer" in problem["message"]
        # Card and snippet are known; what only the domain can say is not made up.
        known = lab.json("datasets/hospital-b/diabetes")
        assert known["snippet"]["rows"]
        assert known["budget"]["epsilon_left"] is None
        assert lab.json("datasets/hospital-b/diabetes/starter")["code"]
        wait_until(lambda: news.alive >= 1, SECONDS)
        assert domain(news, "hospital-b")["since"] == since
    finally:
        second.start()
    wait_until(lambda: news.state("hospital-b") == "up", SECONDS)
    wait_until(lambda: news.last["catalog"]["version"] == version, SECONDS)
    assert lab.json("catalog")["problems"] == []


def test_an_older_domain_says_what_will_not_work(lab, two, news):
    _, second = two
    second.older = True
    try:
        wait_until(lambda: domain(news, "hospital-b")["api"] == 1, SECONDS)
        warning = domain(news, "hospital-b")["warning"]
        assert "older" in warning
        assert "changing a policy" in warning
        assert news.state("hospital-b") == "up"
        assert "hospital-b/diabetes" in paths(lab)
        answer = lab.get("steward/hospital-b/log")
        assert answer.status_code == 409
        assert "older" in answer.json()["error"]["message"]
    finally:
        second.older = False
    wait_until(lambda: domain(news, "hospital-b")["api"] == 3, SECONDS)
    assert domain(news, "hospital-b")["warning"] == ""


def test_a_new_dataset_appears_by_itself(lab, two, news):
    import shutil

    first, _ = two
    version = news.last["catalog"]["version"]
    root = first.site.domain.folder.root
    shutil.copytree(META / "digits", root / "datasets" / "digits")
    first.site.domain.operator.publish("digits")
    wait_until(lambda: news.last["catalog"]["version"] != version, SECONDS)
    assert "hospital-a/digits" in paths(lab)


def test_without_a_space_file_the_session_says_what_to_do_and_goes_on_when_it_appears(
    tmp_path, two
):
    root = tmp_path / "root"
    root.mkdir()
    with jupyter_server(root) as lab:
        news = News(lab)
        problem = news.last["session"]["problem"]
        assert problem["code"] == "invalid-configuration"
        assert "space.toml" in problem["message"]
        assert "c.WorkbenchLab.space" in problem["hint"]
        assert lab.json("requests") == {"requests": []}
        answer = lab.get("catalog")
        assert (answer.status_code, answer.json()["error"]) == (422, problem)

        write_space(root, two[0].site.researcher, two[0])
        wait_until(lambda: news.last["session"]["problem"] is None, SECONDS)
        wait_until(lambda: news.state("hospital-a") == "up", SECONDS)
        assert lab.json("catalog")["datasets"]

        # Another domain is added, then the file is broken, then another person's key is put in.
        write_space(root, two[0].site.researcher, *two)
        wait_until(lambda: news.state("hospital-b") == "up", SECONDS)
        (root / "space.toml").write_text("key = ")
        wait_until(lambda: news.last["session"]["problem"] is not None, SECONDS)
        assert "space.toml" in news.last["session"]["problem"]["message"]
        stranger = PrivateKey.create()
        write_space(root, stranger, two[0], name="stranger.key")
        wait_until(lambda: news.state("hospital-a") == "denied", SECONDS)
        assert news.last["session"]["key_id"] == stranger.key_id
        assert domain(news, "hospital-a")["role"] is None
        assert "admit your public key" in domain(news, "hospital-a")["hint"]
        news.close()


def test_the_environment_names_the_space_for_the_server_and_its_notebooks(tmp_path, two):
    (tmp_path / "root").mkdir()
    file = write_space(tmp_path / "elsewhere", two[0].site.researcher, two[0])
    with jupyter_server(tmp_path / "root", WORKBENCH_SPACE=str(file)) as lab:
        assert lab.json("session")["domains"][0]["name"] == "hospital-a"
        assert "wb.connect()" in lab.json("datasets/hospital-a/breast-cancer/starter")["code"]


def test_a_domain_with_another_key_is_denied_and_said(tmp_path, two):
    root = tmp_path / "root"
    file = write_space(root, two[0].site.researcher, two[0])
    wrong = str(PrivateKey.create().public)
    text = file.read_text().replace(str(two[0].site.domain.key.public), wrong)
    file.write_text(text)
    with jupyter_server(root) as lab:
        [found] = lab.json("session")["domains"]
        assert found["state"] == "denied"
        assert "Compare the domain's public key" in found["hint"]
        assert lab.json("catalog")["datasets"] == []
