"""The guard catches what Stripe's specification does not allow."""

from collections import Counter
from copy import deepcopy
from functools import partial
from random import Random
from typing import Any

import httpx2
import pytest

from shop.sandbox.stand_in.errors import GuardBreach, StripeError
from shop.sandbox.stand_in.guard import Guard
from shop.sandbox.stand_in.parameters import coerce, decode
from shop.sandbox.stand_in.quick import Quick
from shop.sandbox.stand_in.server import StandInServer
from shop.sandbox.stand_in.spec import convert, the_spec
from tests.sandbox.conftest import connect
from tests.sandbox.tools import order, pay

GUARD = Guard(the_spec())


def a_charge(stand_in: StandInServer) -> dict[str, Any]:
    client = connect(stand_in.url)
    session = client.v1.checkout.sessions.create(order())
    stand_in.control(f"sessions/{session.id}/pay")
    charge: dict[str, Any] = client.v1.charges.list().data[0].to_dict()
    return charge


def breach(charge: dict[str, Any]) -> str:
    with pytest.raises(GuardBreach) as caught:
        GUARD.check_object("charge", charge)
    return "; ".join(caught.value.problems)


def test_a_good_object_passes(stand_in: StandInServer) -> None:
    GUARD.check_object("charge", a_charge(stand_in))


def test_planted_faults_in_an_object_are_caught(stand_in: StandInServer) -> None:
    charge = a_charge(stand_in)

    assert "colour" in breach(charge | {"colour": "red"})
    assert "amount" in breach(charge | {"amount": "23100"})
    assert "status" in breach(charge | {"status": "paid"})
    without = {key: value for key, value in charge.items() if key != "failure_code"}
    assert "'failure_code' is a required property" in breach(without)
    nested = charge["billing_details"] | {"fax": "1"}
    assert "fax" in breach(charge | {"billing_details": nested})


def test_a_breach_of_its_own_is_500_and_undoes_everything(
    stand_in: StandInServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Break it once, to see that somebody would notice."""
    spec = the_spec()
    blank = spec.blank

    def careless(schema: str, **values: Any) -> dict[str, Any]:
        made = blank(schema, **values)
        if schema == "checkout.session":
            made["colour"] = "red"
        return made

    monkeypatch.setattr(spec, "blank", careless)
    with pytest.raises(Exception, match="broke Stripe's specification"):
        connect(stand_in.url).v1.checkout.sessions.create(order())
    monkeypatch.undo()

    (violation,) = stand_in.violations()
    assert violation["place"] == "answer PostCheckoutSessions"
    assert "colour" in violation["problems"][0]
    assert stand_in.log() == []
    stand_in.reset()


def samples(stand_in: StandInServer) -> list[dict[str, Any]]:
    """One object of each kind, as the stand-in shows them."""
    client = connect(stand_in.url)
    url = "http://127.0.0.1:9/webhooks"
    client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    payment = pay(client, stand_in, 100_000, card="4000000000000077")
    pay(client, stand_in, card="4000000000000259")
    client.v1.refunds.create({"payment_intent": payment, "amount": 100})
    stand_in.control("clock", advance=5)
    stand_in.control("payouts/run", outcome="failed")
    listed: Any = [
        client.v1.checkout.sessions, client.v1.payment_intents, client.v1.charges,
        client.v1.refunds, client.v1.disputes, client.v1.payouts, client.v1.balance_transactions,
        client.v1.webhook_endpoints, client.v1.events,
    ]  # fmt: skip
    return [resource.list({"limit": 1}).data[0].to_dict() for resource in listed]


def spoiled(value: Any, chance: Random) -> Any:
    """*value* with one thing in it changed, taken away or added."""
    path, found = [], value
    while isinstance(found, dict | list) and found and chance.random() < 0.8:
        key = chance.choice(list(found) if isinstance(found, dict) else range(len(found)))
        path.append((found, key))
        found = found[key]
    if not path:
        return value | {"colour": "red"}
    holder, key = path[-1]
    wrong = chance.choice([None, 1, 1.5, -1, "", "x" * 5001, True, [], {}, [1], {"a": 1}, "gone"])
    if wrong == "gone" and isinstance(holder, dict):
        del holder[key]
    else:
        holder[key] = wrong
    return value


def test_what_fits_quickly_fits_and_the_other_way_round(stand_in: StandInServer) -> None:
    chance, verdicts = Random(4), Counter[bool]()
    for sample in samples(stand_in):
        schema = sample["object"]
        reference = {"$ref": f"#/components/schemas/{schema}"}
        checker = GUARD._checker(f"object {schema}", partial(dict, reference))
        assert checker.fits(sample)
        for _ in range(300):
            other = spoiled(deepcopy(sample), chance)
            verdict = checker.validator.is_valid(other)
            assert checker.fits(other) is verdict, other
            verdicts[verdict] += 1
    assert min(verdicts.values()) > 50


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [0, -1], [True, 1.5, "1", None]),
        ({"type": "number"}, [0, 1.5], [True, "1"]),
        ({"type": "boolean"}, [True, False], [0, 1, "true"]),
        ({"type": "null"}, [None], [0, ""]),
        ({"type": "array", "items": {"type": "string"}}, [[], ["a"]], [[1], "a", {}]),
        ({"enum": ["a", True]}, ["a", True], ["b", 1, False, None, []]),
        ({"maxLength": 2, "minLength": 1}, ["a", "ab", 5], ["", "abc"]),
        ({"pattern": "^/v1"}, ["/v1/x", 5], ["x/v1"]),
        ({"minimum": 1, "maximum": 2.5}, [1, 2.5, "0", True], [0, 3]),
        ({"anyOf": [{"type": "null"}, {"enum": ["a"]}, {"enum": ["b"]}]}, [None, "a", "b"], ["c"]),
        ({"required": ["a"]}, [{"a": 1, "b": 2}, 5], [{}, {"b": 1}]),
        ({"properties": {"a": {"type": "null"}}}, [{}, {"b": 1}, {"a": None}], [{"a": 1}]),
        ({"properties": {}, "additionalProperties": False}, [{}], [{"a": 1}]),
        ({"additionalProperties": {"type": "null"}}, [{}, {"a": None}], [{"a": 1}]),
        ({"additionalProperties": True}, [{"a": 1}], []),
        ({"$ref": "#/components/schemas/tree"}, [{}, {"next": {"next": {}}}], [{"next": {"a": 1}}]),
    ],
)
def test_each_keyword_of_the_quick_check(
    schema: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    reference = {"$ref": "#/components/schemas/tree"}
    tree = {"type": "object", "properties": {"next": reference}, "additionalProperties": False}
    fits = Quick({"tree": tree}).compile(schema)
    assert [fits(value) for value in good] == [True] * len(good)
    assert [fits(value) for value in bad] == [False] * len(bad)


@pytest.mark.parametrize(
    "schema", [{"not": {}}, {"oneOf": []}, {"enum": [1]}, {"$ref": "elsewhere"}, {"type": "date"}]
)
def test_what_the_quick_check_does_not_know_it_refuses(schema: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        Quick({}).compile(schema)


def test_every_schema_with_fields_is_closed_and_its_nulls_are_required() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": {"type": "string"},
            "b": {"type": "string", "nullable": True},
            "c": {"type": "object", "properties": {"d": {"type": "integer"}}},
            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }

    converted = convert(schema)

    assert converted["additionalProperties"] is False
    assert converted["required"] == ["a", "b"]
    assert converted["properties"]["b"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert converted["properties"]["c"]["additionalProperties"] is False
    assert "properties" not in converted["properties"]["metadata"]
    assert convert(schema, nulls_required=False)["required"] == ["a"]


def test_a_form_becomes_typed_values() -> None:
    encoded = (
        "mode=payment&line_items[0][quantity]=2&line_items[1][quantity]=1&metadata[a]=%C3%A4"
        "&adaptive_pricing[enabled]=false&expand[]=payment_intent&expand[]=line_items"
    )
    found = the_spec().find("POST", "/v1/checkout/sessions")
    assert found is not None

    assert coerce(found[0].params, decode(encoded)) == {
        "mode": "payment",
        "line_items": [{"quantity": 2}, {"quantity": 1}],
        "metadata": {"a": "ä"},
        "adaptive_pricing": {"enabled": False},
        "expand": ["payment_intent", "line_items"],
    }


@pytest.mark.parametrize(
    ("encoded", "param"),
    [
        ("line_items=1", "line_items"),
        ("line_items[a][quantity]=1", "line_items"),
        ("line_items[0][quantity]=two", "line_items[0][quantity]"),
        ("adaptive_pricing[enabled]=yes", "adaptive_pricing[enabled]"),
        ("mode[a]=payment", "mode"),
        ("metadata=x", "metadata"),
        ("mode=payment&mode=payment", "mode"),
        ("mode=payment&mode[a]=payment", "mode[a]"),
        ("[a]=1", "[a]"),
        ("expires_at=1.5", "expires_at"),
    ],
)
def test_a_form_that_does_not_fit_names_the_parameter(encoded: str, param: str) -> None:
    found = the_spec().find("POST", "/v1/checkout/sessions")
    assert found is not None
    with pytest.raises(StripeError) as caught:
        coerce(found[0].params, decode(encoded))
    assert (caught.value.status, caught.value.param) == (400, param)


def test_json_is_no_form(stand_in: StandInServer) -> None:
    response = httpx2.post(
        f"{stand_in.url}/v1/checkout/sessions",
        json={"mode": "payment"},
        headers={"Authorization": "Bearer sk_test_x"},
    )
    assert response.status_code == 400
    assert "application/x-www-form-urlencoded" in response.json()["error"]["message"]
