"""docs/promises.md says what the tests promise, no more and no less."""

import re

import pytest

from tests.docs.promises import DOCUMENT, MARK, ROOT, Promise, document, modules, promises_of

ALL = [one for module in modules() for one in promises_of(module)]


def test_the_document_is_what_the_tests_say() -> None:
    """If this fails: python -m tests.docs.promises --write."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_each_promise_is_a_question_with_an_answer(one: Promise) -> None:
    """As a user would ask it."""
    assert one.question.endswith("?")
    assert one.answer


def test_each_file_that_is_named_by_hand_is_there() -> None:
    """Tests, benchmarks and documents move; what names them must move along."""
    by_hand = DOCUMENT.read_text(encoding="utf-8").partition(MARK)[0]
    named = re.findall(r"`((?:tests|benchmarks|asyncsdk|docs)/[\w/.]+)(?:::(\w+))?`", by_hand)
    assert len(named) >= 10
    for file, test in named:
        path = ROOT / file
        assert path.exists(), file
        assert not test or f"def {test}(" in path.read_text(encoding="utf-8"), test
