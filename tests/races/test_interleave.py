"""The tool that forces interleavings does what it says, or says that it did not."""

import threading

import pytest

from tests.races import interleave
from tests.races.interleave import NotAsPlanned, at_once, let_in, meet

HERE = f"{__name__}.step"
said: list[str] = []


def step(word: str = "first") -> str:
    said.append(word)
    return word


@pytest.fixture(autouse=True)
def _silence() -> None:
    said.clear()


def here(word: str = "first") -> str:
    """Come to the point as the shop does: by its name, when it is called."""
    return step(word)


def rival() -> str:
    said.append("rival")
    return "done"


@pytest.mark.parametrize(
    ("after", "order"), [(False, ["rival", "first"]), (True, ["first", "rival"])]
)
def test_a_rival_works_once_at_the_point(
    after: bool, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = let_in(monkeypatch, HERE, rival, after=after)
    assert here() == "first"
    assert one.result() == "done"
    assert said == order
    here("second")
    assert said == [*order, "second"]


def test_a_rival_can_let_some_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    let_in(monkeypatch, HERE, rival, nth=2)
    for word in ("one", "two", "three"):
        here(word)
    assert said == ["one", "rival", "two", "three"]


def test_a_rival_that_waits_goes_on_when_the_first_has_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock = threading.Lock()

    def waiting() -> None:
        with lock:
            said.append("rival")

    one = let_in(monkeypatch, HERE, waiting, waits=True)
    with lock:
        here()
        assert said == ["first"]
    one.result()
    assert said == ["first", "rival"]


def test_what_a_rival_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise LookupError("nothing there")

    one = let_in(monkeypatch, HERE, broken)
    here()
    with pytest.raises(LookupError, match="nothing there"):
        one.result()


def test_a_rival_that_does_not_do_as_planned_fails_the_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interleave, "LIMIT", 0.2)
    never = threading.Event()
    let_in(monkeypatch, HERE, lambda: never.wait(1))
    with pytest.raises(NotAsPlanned, match="the rival waits"):
        here()
    monkeypatch.undo()
    let_in(monkeypatch, HERE, rival, waits=True)
    with pytest.raises(NotAsPlanned, match="did not wait"):
        here()
    monkeypatch.undo()
    with pytest.raises(NotAsPlanned, match="nobody came"):
        let_in(monkeypatch, HERE, rival).result()


def test_two_meet_at_the_point(monkeypatch: pytest.MonkeyPatch) -> None:
    meet(monkeypatch, HERE)
    met = at_once(lambda: here("one"), lambda: here("two"))
    assert met == ["one", "two"]
    assert here("three") == "three"


def test_who_waits_in_vain_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleave, "LIMIT", 0.1)
    meet(monkeypatch, HERE)
    with pytest.raises(NotAsPlanned, match="not everybody came"):
        here()


def test_what_one_of_several_raises_stands_in_its_place() -> None:
    def broken() -> str:
        raise LookupError("nothing there")

    first, second = at_once(broken, lambda: "fine")
    assert isinstance(first, LookupError)
    assert second == "fine"
