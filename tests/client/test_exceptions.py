"""What is told of an error: its causes and its source, bounded, and never the value of a variable."""

from __future__ import annotations

import json
import linecache
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from asyncsdk import AsyncAnalytics, Message, PostHog, ValidationError
from asyncsdk.client.exceptions import (
    MAX_ERRORS,
    MAX_FRAMES,
    MAX_FRAMES_IN_ALL,
    MAX_NAME,
    MAX_WORDS,
    exception_properties,
)
from asyncsdk.client.frames import MAX_LINE, MAX_READ_BYTES, MAX_SOURCE_BYTES
from asyncsdk.wire.encoding import encode
from tests.client.street import NOWHERE, rudder


def told(error: BaseException) -> list[dict[str, Any]]:
    """Return what is told of an error and of those behind it."""
    found: list[dict[str, Any]] = exception_properties(error, True, None)["$exception_list"]  # noqa: FBT003
    return found


def frames(error: BaseException) -> list[dict[str, Any]]:
    """Return the frames of an error."""
    found: list[dict[str, Any]] = told(error)[0]["stacktrace"]["frames"]
    return found


def raised(error: BaseException, *, cause: BaseException | None = None) -> BaseException:
    """Return *error*, raised here."""
    try:
        raise error from cause
    except BaseException as caught:  # noqa: BLE001 - whatever it is
        return caught


def test_an_error_is_told_with_its_type_its_text_and_where_it_came_from() -> None:
    """What the error page shows first."""
    (one,) = told(raised(ValueError("boom")))
    stack = one.pop("stacktrace")
    assert one == {
        "type": "ValueError",
        "value": "boom",
        "module": None,
        "mechanism": {
            "type": "generic",
            "handled": True,
            "synthetic": False,
            "exception_id": 0,
        },
    }
    (frame,) = stack["frames"]
    assert stack["type"] == "raw"
    assert (frame["function"], frame["module"]) == ("raised", __name__)
    assert frame["context_line"] == "        raise error from cause"
    assert frame["pre_context"][-1] == "    try:"
    assert frame["post_context"][0].startswith("    except BaseException")
    assert (len(frame["pre_context"]), len(frame["post_context"])) == (5, 5)
    assert (frame["abs_path"], frame["in_app"]) == (os.path.abspath(__file__), True)  # noqa: PTH100
    assert frame["filename"] == "tests/client/test_exceptions.py"


class ShopError(Exception):
    """An error of an application's own."""


def test_an_error_of_a_module_names_it() -> None:
    """Two libraries may have errors of the same name."""
    (one,) = told(raised(ShopError()))
    assert (one["type"], one["module"], one["value"]) == ("ShopError", __name__, "")


def test_a_cause_stands_behind_its_error() -> None:
    """What was raised last comes first, and says by number what led to it."""
    middle = raised(KeyError("b"), cause=raised(ValueError("a")))
    three = told(raised(RuntimeError("c"), cause=middle))
    assert [one["value"] for one in three] == ["c", "'b'", "a"]
    links = [one["mechanism"] for one in three[1:]]
    assert [(one["type"], one["source"], one["parent_id"]) for one in links] == [
        ("chained", "cause", 0),
        ("chained", "cause", 1),
    ]
    assert [one["exception_id"] for one in links] == [1, 2]
    assert all("handled" not in one for one in links)


def test_what_an_error_came_in_the_middle_of_is_told_unless_hidden() -> None:
    """``raise … from None`` says that it does not matter."""

    def fail(*, hide: bool) -> BaseException:
        """Fail while failing."""
        try:
            try:
                raise ValueError("a")
            except ValueError:
                if hide:
                    raise KeyError("b") from None
                raise KeyError("b")  # noqa: B904 - on purpose
        except KeyError as error:
            return error

    assert [one["value"] for one in told(fail(hide=False))] == ["'b'", "a"]
    assert told(fail(hide=False))[1]["mechanism"]["source"] == "context"
    assert [one["value"] for one in told(fail(hide=True))] == ["'b'"]


def test_the_members_of_a_group_are_told() -> None:
    """As a task group raises them; a member without a traceback has no stack."""
    inner = ExceptionGroup("inner", [TypeError("b")])
    group = raised(BaseExceptionGroup("outer", [raised(ValueError("a")), inner]))
    four = told(group)
    assert [one["value"] for one in four] == ["outer", "a", "inner", "b"]
    parents = [one["mechanism"].get("parent_id") for one in four]
    assert parents == [None, 0, 0, 2]
    assert [one["mechanism"].get("is_exception_group") for one in four] == [True, None, True, None]
    assert ["stacktrace" in one for one in four] == [True, True, False, False]


def test_errors_that_lead_to_each_other_are_told_once() -> None:
    """A circle would be told for ever."""
    one, two = raised(ValueError("a")), raised(ValueError("b"))
    one.__cause__, two.__cause__ = two, one
    assert [error["value"] for error in told(one)] == ["a", "b"]


def test_an_error_that_was_never_raised_came_from_the_call() -> None:
    """What happens when I make an error only to report it?"""
    (one,) = told(ValueError("boom"))
    assert one["mechanism"]["synthetic"] is True
    names = [frame["function"] for frame in one["stacktrace"]["frames"]]
    assert names[-2:] == ["test_an_error_that_was_never_raised_came_from_the_call", "told"]


def deep(depth: int) -> None:
    """Fail far down."""
    if depth == 0:
        raise ValueError("bottom")
    deep(depth - 1)


def test_a_deep_stack_is_cut_in_its_middle() -> None:
    """Where it began and where it ended say most."""
    with pytest.raises(ValueError, match="bottom") as caught:
        deep(400)
    found = frames(caught.value)
    assert len(found) == MAX_FRAMES
    assert found[0]["function"] == "test_a_deep_stack_is_cut_in_its_middle"
    assert found[-1]["context_line"] == '        raise ValueError("bottom")'


def test_whatever_the_error_is_like_what_is_told_is_bounded() -> None:
    """An event above 900 KiB would be refused, and the error with it."""
    error: BaseException | None = None
    for _ in range(200):
        try:
            deep(100)
        except ValueError as caught:
            caught.args = ("x" * 1_000_000,)
            caught.__cause__ = error
            error = caught
    assert error is not None
    many = [raised(BaseExceptionGroup("one of many", [error])) for _ in range(50)]
    found = told(BaseExceptionGroup("many", many))
    assert len(found) == MAX_ERRORS
    stacks = [one["stacktrace"]["frames"] for one in found if "stacktrace" in one]
    assert sum(map(len, stacks)) <= MAX_FRAMES_IN_ALL
    assert max(len(one["value"]) for one in found) == MAX_WORDS
    assert len(encode(found)) < 500_000


def test_no_value_of_a_variable_is_told() -> None:
    """A stack holds passwords and card numbers; the source lines do not."""
    password = "".join(["planted", "-", "password"])
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads(password)
    found = json.dumps(told(caught.value))
    assert password not in found
    assert "json.loads(password)" in found


def test_python_and_what_is_installed_are_not_the_application() -> None:
    """Its own frames are unfolded, the others are not."""
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{")
    found = frames(caught.value)
    assert [frame["in_app"] for frame in found] == [True, False, False, False]
    assert [frame["filename"] for frame in found[1:]] == ["__init__.py", *["json/decoder.py"] * 2]
    with pytest.raises(TypeError) as installed:
        pytest.param(1, id=5)  # type: ignore[arg-type]
    ours, *theirs = [frame["in_app"] for frame in frames(installed.value)]
    assert ours
    assert theirs
    assert not any(theirs)


def run(text: str, path: str, name: str = "loaded") -> BaseException:
    """Run *text* as if it were the file *path*; return its error."""
    module = ModuleType(name)
    try:
        exec(compile(text, path, "exec"), module.__dict__)  # noqa: S102 - it is our own
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("it does not fail")


def test_source_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """What happens when the code came from a text, or its file is gone?"""
    for path in ("<string>", str(tmp_path / "gone.py"), "/dev/zero", str(tmp_path)):
        last = frames(run("1 / 0", path))[-1]
        assert (last["abs_path"], last["lineno"]) == (path, 1)
        assert "context_line" not in last


def test_source_that_is_huge_is_not_read(tmp_path: Path) -> None:
    """The call must not wait for a generated file of a gigabyte; a usual one is read once."""
    huge, usual = tmp_path / "huge.py", tmp_path / "usual.py"
    text = "1 / 0\n"
    huge.write_text(text + "#" * MAX_SOURCE_BYTES)
    usual.write_text(text)
    assert "context_line" not in frames(run(text, str(huge)))[-1]
    assert str(huge) not in linecache.cache
    assert frames(run(text, str(usual)))[-1]["context_line"] == "1 / 0"
    usual.unlink()  # a file is read once
    assert frames(run(text, str(usual)))[-1]["context_line"] == "1 / 0"


def test_one_call_is_not_the_first_to_read_a_whole_application(tmp_path: Path) -> None:
    """A stack through many files: the outermost are read now, the others by a later call."""
    error: BaseException | None = None
    text = "1 / 0\n"
    for number in range(5):
        path = tmp_path / f"large_{number}.py"
        path.write_text(text + "#" * (MAX_READ_BYTES // 4))
        failed = run(text, str(path))
        failed.__cause__, error = error, failed
    assert error is not None

    def read() -> list[bool]:
        """Say of each error whether its source is there."""
        return ["context_line" in one["stacktrace"]["frames"][-1] for one in told(error)]

    assert read() == [True, True, True, False, False]
    assert read() == [True] * 5


def test_a_long_line_is_cut(tmp_path: Path) -> None:
    """Generated code has lines of megabytes."""
    text = "1 / 0  # " + "x" * 10_000 + "\n"
    path = tmp_path / "long.py"
    path.write_text(text)
    assert frames(run(text, str(path)))[-1]["context_line"] == text[:MAX_LINE]


def test_a_loader_that_fails_costs_the_source_and_nothing_else() -> None:
    """What a foreign import hook raises must not hide the error."""

    class Loader:
        """A loader whose sources are away."""

        def get_source(self, _name: str) -> str:
            """Fail."""
            raise RuntimeError("no source")

    module: dict[str, Any] = {"__name__": "odd", "__loader__": Loader()}
    with pytest.raises(ZeroDivisionError) as caught:
        exec(compile("1 / 0", "/nowhere/odd.py", "exec"), module)  # noqa: S102 - it is our own
    last = frames(caught.value)[-1]
    assert (last["module"], "context_line" in last) == ("odd", False)


def test_a_text_that_cannot_be_made_does_not_hide_the_error() -> None:
    """Errors of databases fail when they are printed after their session has ended."""

    class BrokenError(Exception):
        """An error without words."""

        def __str__(self) -> str:
            """Fail."""
            raise RuntimeError("no text")

    (one,) = told(raised(BrokenError()))
    assert one["value"].startswith("<unprintable ")


class EndlessText(str):
    """A text that cannot be cut."""

    __slots__ = ()

    def __getitem__(self, _: object) -> str:
        """Return all of it."""
        return self


def test_an_error_whose_class_is_odd_is_told_like_any_other() -> None:
    """Proxies and generated classes answer for the fields that Python keeps, or fail to."""

    def fail(_: object) -> object:
        raise RuntimeError("not now")

    answers: list[object] = [property(fail), 5]
    for answer in answers:
        for field in ("__cause__", "__context__", "__suppress_context__", "__traceback__"):
            odd = type("Odd", (Exception,), {field: answer})("odd")
            assert [one["value"] for one in told(raised(odd))] == ["odd"]
        group = type("OddGroup", (ExceptionGroup,), {"exceptions": answer})
        members = [one["value"] for one in told(group("many", [ValueError("a")]))]
        assert members == ["many", "a"]


def test_names_and_texts_of_odd_classes_are_bounded() -> None:
    """What is in them is not ours to choose."""
    (one,) = told(type("N" * 1_000_000, (Exception,), {"__module__": "m" * 1_000_000})("x"))
    assert (len(one["type"]), len(one["module"])) == (MAX_NAME, MAX_NAME)
    (one,) = told(type("Odd", (Exception,), {"__module__": object()})("x"))
    assert one["module"] is None
    (one,) = told(type("Odd", (Exception,), {"__str__": lambda _: EndlessText("x" * 1_000_000)})())
    assert len(one["value"]) == MAX_WORDS


def test_whether_the_application_lives_on_can_be_said() -> None:
    """A handler of last resort knows that it does not."""
    found = exception_properties(ValueError("boom"), False, None)  # noqa: FBT003
    assert found["$exception_list"][0]["mechanism"]["handled"] is False


def test_the_callers_own_properties_win() -> None:
    """Level and fingerprint are theirs to say."""
    own = {"$exception_level": "warning", "$exception_fingerprint": "f", "order": 7}
    found = exception_properties(ValueError("boom"), True, own)  # noqa: FBT003
    assert own.items() <= found.items()
    plain = exception_properties(ValueError("boom"), True, None)  # noqa: FBT003
    assert plain["$exception_level"] == "error"
    assert "$exception_fingerprint" not in plain


def test_an_error_can_be_changed_before_it_is_sent() -> None:
    """A message of an error may hold what nobody should see."""
    seen: list[Message] = []
    client = AsyncAnalytics(PostHog("phc_1234567890", host=NOWHERE), before_send=[seen.append])
    client.capture_exception(raised(ValueError("boom")), "u")
    ((one,),) = [message.properties["$exception_list"] for message in seen]
    assert (seen[0].type, one["value"]) == ("exception", "boom")


def test_only_posthog_takes_errors() -> None:
    """Beside it others are skipped and counted; alone they refuse."""
    with pytest.raises(ValidationError, match="RudderStack has no capture_exception"):
        AsyncAnalytics(rudder(NOWHERE)).capture_exception(ValueError("boom"), "u")


def test_it_is_quick_enough_for_a_request() -> None:
    """Fifty frames are told in a few milliseconds at the very most, once their source is read."""
    with pytest.raises(ValueError, match="bottom") as caught:
        deep(45)
    told(caught.value)
    calls = 0

    def count(_frame: object, event: str, _arg: object) -> None:
        """Count the calls; a clock would measure the machine."""
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    told(caught.value)
    sys.setprofile(before)
    assert calls < 60 * 100
