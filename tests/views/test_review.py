"""What a steward reads of a request on a terminal."""

from __future__ import annotations

from tests.studies import submit_progression
from tests.support import Site, make_domain
from workbench.views.review import review_lines


def test_a_steward_reads_all_facts_in_some_lines_of_text(tmp_path):
    site = Site.open(make_domain(tmp_path / "hospital-b", "hospital-b", ("diabetes",)), start=False)
    handle = submit_progression(site.client(), epsilon=3.0, purpose="DUO:0000007 early signs")
    lines = review_lines(site.client(site.steward).review(handle.digest))
    site.close()
    told, name = {}, ""
    for line in lines:
        name = line[:12].strip() or name
        told[name] = f"{told.get(name, '')} {line[12:]}"
    for name, words in {
        "request": f"{handle.digest.removeprefix('sha256:')}, pending",
        "who": f"{handle.status.researcher}, 20",
        "function": "progression",
        "purpose": "DUO:0000007 early signs",
        "dataset": "diabetes, version ",
        "graph": "11 trained of 11 numbers",
        "operators": "linear",
        "plan": "steps 30",
        "privacy": "asks epsilon 3, computed here ",
        "budget": "spent or set aside, 1 run so far",
        "leaves": "",
        "terms": "",
        "rehearsal": "",
        "before": "this function was not approved before",
        "data": "",
        "approvals": "1 needed",
    }.items():
        assert words in told[name], told[name]
    assert len(lines) < 40
    assert max(map(len, lines)) <= 100
