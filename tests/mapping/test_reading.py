"""Reading a mapping: what is wrong is told by its place, once, when it is read."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from asyncsdk import ConfigurationError
from asyncsdk.mapping import NO_VALUE, Context, Mapping, calls, merge, resolve
from tests.mapping.events import event, of_rule


async def awaited(_value: Any, _context: Context) -> bool:
    """Be a function that mapping cannot call."""
    return True


class Awaited:
    """A function that is an object."""

    async def __call__(self, _value: Any, _context: Any) -> Any:
        """Wait for nothing."""


WRONG: list[tuple[Any, str]] = [
    ({"data": {"map": {"total": {"loops": 1}}}}, 'data.map.total: unknown key "loops"'),
    ({"data": 5}, "data: a path, an object or a list is needed, this is int"),
    ({"data": {"key": 5}}, "data.key: a path is needed"),
    ({"data": {"map": ["a"]}}, "data.map: an object is needed"),
    ({"data": {"set": "a"}}, "data.set: a list is needed"),
    ({"data": {"set": [{"oops": 1}]}}, 'data.set[0]: unknown key "oops"'),
    ({"data": {"loop": ["nested"]}}, "data.loop: a list of two is needed"),
    ({"data": {"loop": ["nested", {"kay": "a"}]}}, 'data.loop[1]: unknown key "kay"'),
    ({"data": [["a", ["b"]]]}, "data[0][1]: a list cannot stand in a list within a list"),
    ({"data": {"key": "a", "consent": ["x"]}}, "data.consent: an object of purposes"),
    ({"data": {"key": "a", "fn": "trim"}}, 'data.fn: no function is registered as "trim"'),
    ({"data": {"key": "a", "fn": 5}}, "data.fn: a function, or the name of one"),
    ({"data": {"key": "a", "fn": awaited}}, "data.fn: mapping never waits"),
    ({"data": {"key": "a", "validate": "colour"}}, "data.validate: no function is registered"),
    ({"data": {"key": "a", "condition": 1}}, "data.condition: a function, or the name of one"),
    ({"condition": {"key": "a", "operator": "is"}}, "condition: operator: one of eq, contains"),
    ({"condition": {"operator": "eq", "value": "x"}}, "condition: key: a path is needed"),
    ({"condition": {"key": "a", "operator": "eq"}}, "condition: value: a text, a number"),
    ({"condition": {"key": "a", "operator": "exists", "not": 1}}, "condition: not: true or false"),
    ({"condition": {"and": [{"or": 1}]}}, "condition.and[0].or: a list of conditions"),
    ({"condition": {"and": [], "or": []}}, 'condition: unknown key "or"'),
    ({"condition": {"key": "a", "operator": "regex", "value": "("}}, "no regular expression"),
    ({"condition": {"key": "a", "operator": "regex", "value": "a" * 501}}, "at most 500"),
    ({"silent": "yes"}, "silent: true or false is needed"),
    ({"name": 5}, "name: a text is needed"),
    ({"remove": "a"}, "remove: a list of texts is needed"),
    ({"include": [1]}, "include: a list of texts is needed"),
    ({"policy": []}, "policy: an object is needed"),
    ({"policy": {"data.x": {"kee": 1}}}, 'policy["data.x"]: unknown key "kee"'),
    ({"batch": {"wate": 1}}, 'batch: unknown key "wate"'),
    ({"batch": -1}, "batch: a number of 0 or more"),
    ({"consent": True}, "consent: an object of purposes"),
    ({"settings": {"identity": "a"}}, 'settings: unknown key "identity"'),
    ({"settings": {"page": {"map": {"name": {"x": 1}}}}}, "settings.page.map.name: unknown key"),
    ({"settings": 5}, "settings: an object is needed"),
    ({"extend": "x"}, "extend: an object is needed"),
    ({"data": {"key": "a", "fn": Awaited()}}, "data.fn: mapping never waits"),
    ({"condition": {"key": "a", "operator": ["eq"], "value": 1}}, "operator: one of eq, contains"),
    ({"naem": "x"}, 'unknown key "naem"'),
    ("a text", "a rule is an object"),
]


@pytest.mark.parametrize(("rule", "words"), WRONG)
def test_what_is_wrong_in_a_rule_is_told_by_its_place(rule: Any, words: str) -> None:
    """Where is my mistake? The error begins with the place, as in rules.order.complete.data.map."""
    with pytest.raises(ConfigurationError) as caught:
        of_rule(rule)
    assert str(caught.value).startswith("rules.order.complete")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"mappings": {}}, 'mapping: unknown key "mappings"'),
        ({"mapping": {}, "rules": {}}, "give one of them"),
        ({"mapping": {"order": "x"}}, "rules.order: an object is needed"),
        ({"mapping": {"order": {"view": [{}, {"nane": 1}]}}}, "rules.order.view[1]: unknown key"),
        ({"settings": {"userID": "user.id"}}, 'settings: unknown key "userID"'),
        ({"settings": {"userId": {"kay": 1}}}, 'settings.userId: unknown key "kay"'),
        ({"settings": {"flushAt": "20"}}, "settings.flushAt: a whole number is needed"),
        ({"settings": {"integrations": []}}, "settings.integrations: an object is needed"),
        ({"settings": []}, "settings: an object is needed"),
        ({"consent": {"marketing": "yes"}}, "consent: an object of purposes"),
        ({"queue": 1}, "queue: true or false"),
        ({"id": 5}, "id: a text is needed"),
        ({"data": {"map": {True: "a"}}}, "data.map: the key True is no text"),
        ([], "mapping: an object is needed"),
    ],
)
def test_what_is_wrong_elsewhere_is_told_too(config: Any, words: str) -> None:
    """The whole configuration is read at once; nothing is left for the first event to find."""
    with pytest.raises(ConfigurationError) as caught:
        Mapping(config)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("config", "defaults", "words"),
    [
        ({"mapping": ["x"]}, {}, "rules: an object is needed, this is list"),
        ({"mapping": {"order": "x"}}, {}, "rules.order: an object is needed"),
        ({"mapping": {}}, {"order": "x"}, "defaults.order: an object is needed"),
        ({"mapping": {}}, ["x"], "defaults: an object is needed"),
        (
            {"mapping": {"order": {"view": {"extend": ["x"]}}}},
            {"order": {"view": {}}},
            "rules.order.view.extend: an object is needed",
        ),
    ],
)
def test_what_is_wrong_in_defaults_is_told_by_its_place(
    config: Any, defaults: Any, words: str
) -> None:
    """Rules are laid over others before they are read; what is no rule is met there."""
    with pytest.raises(ConfigurationError) as caught:
        Mapping(config, defaults=defaults or {"page": {"view": {}}})
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(("base", "override"), [([], {}), ({}, []), ({}, {"extend": ["x"]})])
def test_only_objects_are_merged(base: Any, override: Any) -> None:
    """The error is the one that everything else raises."""
    with pytest.raises(ConfigurationError, match="an object is needed"):
        merge(base, {"remove": [], **override} if isinstance(override, dict) else override)


def test_a_small_file_that_becomes_endless_is_refused(tmp_path: Path) -> None:
    """Aliases of aliases: 30 short lines of YAML that would fill the memory when they are copied."""
    lines = ["a0: &a0 [x, x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 30)]
    (tmp_path / "m.yaml").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="more than 500,000 parts"):
        Mapping.load(tmp_path / "m.yaml")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    for name, text in (("m.json", "{}"), ("m.yaml", "mapping: {}")):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert Mapping.load(tmp_path / name).warnings == ()


def test_what_contains_itself_is_refused() -> None:
    """Python can make a mapping without end; reading it ends."""
    config: dict[str, Any] = {}
    config["data"] = config
    with pytest.raises(ConfigurationError, match="contains itself"):
        Mapping(config)
    deep: Any = "a"
    for _ in range(60):
        deep = {"map": {"x": deep}}
    with pytest.raises(ConfigurationError, match="nested more than 50 deep"):
        Mapping({"data": deep})


def test_the_original_lets_unknown_keys_pass() -> None:
    """Does compat="walkeros" read a file that the original reads? Yes, and it warns."""
    mapping = Mapping({"mapping": {"a": {"b": {"naem": 1}}}, "x": 1}, compat="walkeros")
    assert mapping.warnings == (
        'mapping: unknown key "x"',
        'rules.a.b: unknown key "naem"',
    )
    assert resolve({"a": 1}, {"loops": 1}, compat="walkeros") == {"a": 1}


def test_only_the_original_can_be_asked_for() -> None:
    """A typing error in compat must not pass for the default."""
    with pytest.raises(ConfigurationError, match="compat"):
        Mapping({}, compat="walker")  # type: ignore[arg-type]  # that is the point


def test_what_has_no_effect_is_warned_of() -> None:
    """Is my batch setting obeyed? No: RudderStack's destination has no batch, ours neither."""
    mapping = Mapping({"batch": 5, "env": {}, "loadScript": True, "include": ["dada"]})
    assert mapping.warnings == (
        "batch: has no effect here",
        "env: has no effect here",
        "loadScript: has no effect here",
        'include: there is no section "dada"',
    )


def test_later_changes_of_the_config_do_not_show() -> None:
    """May I build the next mapping from the same dict? It was read; nothing of it is kept."""
    config = {"mapping": {"order": {"complete": {"data": {"map": {"a": "data.id"}}}}}}
    mapping = Mapping(config)
    config["mapping"]["order"]["complete"]["data"]["map"]["a"] = "data.total"
    (track,) = calls(event(), mapping, mapping.memory())
    assert track.properties == {"a": "o-1"}


def test_json_and_yaml_say_the_same(tmp_path: Path) -> None:
    """One file or the other: the same mapping."""
    rule = {"name": "Order Completed", "data": {"map": {"total": "data.total"}}}
    config = {"mapping": {"order": {"complete": rule}}}
    (tmp_path / "m.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "m.yaml").write_text(
        "mapping:\n  order:\n    complete:\n      name: Order Completed\n"
        "      data:\n        map:\n          total: data.total\n",
        encoding="utf-8",
    )
    for name in ("m.json", "m.yaml"):
        mapping = Mapping.load(tmp_path / name)
        (track,) = calls(event(), mapping, mapping.memory())
        assert (track.event, track.properties) == ("Order Completed", {"total": 19.95})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("m.json", "{", "not JSON"),
        ("m.json", "[]", "an object is needed"),
        ("m.yaml", "a: [", "not YAML"),
        ("m.yaml", "a: !!python/object/apply:os.getcwd []", "not YAML"),
        ("m.yaml", "mapping: {order: {on: {}}}", "the key True is no text"),
        ("m.toml", "", "a name that ends with .json, .yaml or .yml"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    """Does YAML make objects? Never: only its safe part is read."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        Mapping.load(tmp_path / name)


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    """The error names the file and what is wrong."""
    with pytest.raises(ConfigurationError, match=r"m\.json: cannot be read"):
        Mapping.load(tmp_path / "m.json")
    (tmp_path / "m.json").write_bytes(b" " * (4 * 1024 * 1024 + 1))
    with pytest.raises(ConfigurationError, match="larger than"):
        Mapping.load(tmp_path / "m.json")


def test_yaml_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What if the extra is not installed? The error says how to get it."""
    (tmp_path / "m.yaml").write_text("{}", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigurationError, match=r'pip install "asyncsdk\[yaml\]"'):
        Mapping.load(tmp_path / "m.yaml")


def test_text_is_never_run_as_code() -> None:
    """What if a file says fn: "__import__('os')…"? It is the name of no function."""
    with pytest.raises(ConfigurationError, match="Text is never run as code"):
        of_rule({"data": {"fn": "__import__('os').getcwd()"}})


def test_a_mapping_shows_no_key() -> None:
    """A mapping file may hold the write key; a repr of what is made of it does not."""
    settings = {"writeKey": "planted-key-123", "dataPlaneUrl": "https://example.com"}
    mapping = Mapping({"settings": settings, "id": "main"})
    assert "planted" not in f"{mapping!r} {mapping.plan.settings!r} {vars(mapping)!r}"


def test_no_value_is_false_and_shows_itself() -> None:
    """What is NO_VALUE? What the original calls undefined."""
    assert (bool(NO_VALUE), repr(NO_VALUE)) == (False, "NO_VALUE")
