"""Models and protocols as the server knows them: asked for by one name, told apart where only a model will do."""

import json
from dataclasses import asdict, replace

import pytest

from contour.errors import NotFoundError
from contour.jobs.work import ModelFacts, ProtocolFacts, ProtocolRow, model_from_json
from contour.server.contouring_service import model_named, only_models

MODEL = ModelFacts(name="hn", version="1.2", structures=("Brainstem",), summary="s", card="c", is_default=True)
PROTOCOL = replace(
    MODEL,
    name="neck",
    is_default=False,
    protocol=ProtocolFacts(
        models=("hn",), rows=(ProtocolRow(name="Brainstem", how="from hn", keep=True),), toml="schema = 1"
    ),
)


def test_a_protocol_is_asked_for_as_a_model_is():
    assert model_named((MODEL, PROTOCOL), "neck") is PROTOCOL
    assert model_named((MODEL, PROTOCOL), "") is MODEL


def test_where_only_a_model_will_do_a_protocol_is_not_one():
    with pytest.raises(NotFoundError, match="model 'neck' asked for; installed: hn"):
        model_named(only_models((MODEL, PROTOCOL)), "neck")


@pytest.mark.parametrize("facts", [MODEL, PROTOCOL])
def test_facts_pass_through_the_workers_pipe(facts):
    assert model_from_json(json.loads(json.dumps(asdict(facts)))) == facts
