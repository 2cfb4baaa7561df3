"""Definitions and persons made up at random: sensible, odd, and on the edges."""

from random import Random
from typing import Any

Json = Any

OPERATORS = (
    "exact", "is_not", "is_set", "is_not_set", "icontains", "not_icontains", "starts_with",
    "not_starts_with", "ends_with", "not_ends_with", "regex", "not_regex", "gt", "gte", "lt", "lte",
    "is_date_before", "is_date_after", "semver_eq", "semver_neq", "semver_gt", "semver_gte",
    "semver_lt", "semver_lte", "semver_tilde", "semver_caret", "semver_wildcard",
)  # fmt: skip
ODD_OPERATORS = (None, "", "in", "between", "EXACT", "flag_evaluates_to", 7)

YES_OR_NOT = (True, True, False, None)
DEPENDENCY_VALUES = (True, True, False, "red", "blue", "Red", 1, None, "true")

NAMES = ("plan", "email", "age", "version", "born", "odd", "empty", "elsewhere")
TEXTS = (
    "", "a", "A", "pro", "Pro", "PRO", "free", "true", "True", "FALSE", "false", "null", "None",
    "1", "1.0", "01", "-3", "+4", ".5", "5.", "1e3", "1e400", "0x10", " 1", "1 ", "nan", "inf",
    "joe@example.com", "JOE@EXAMPLE.COM", "é", "É", "ß", "ẞ", "İ", "\u0131", "Σας", "日本", "٣", "²", "½",
    "a b", "a\n", "\n", "a\tb", "\x1c", "\x85", "\u200d", "e\u0301", "[]", "[1,2]", '["a"]', "{}",
    '{"a":1}', "a.b", "a+b", "aaa", "abab", "(a)", "\\", "'", '"', "10px", "12_3",
)  # fmt: skip
DATES = (
    "2022-05-01", "2022-05-01T10:00:00", "2022-05-01T10:00:00Z", "2022-05-01 10:00:00 UTC",
    "2022-05-01 10:00:00 utc", "2022-05-01 10:00:00 +02:00", "2022-05-01T10:00:00.123456+05:30",
    "20220501", "20220501T100000", "2022-W18-7", "2022W187", "2022-W18", "2022", "1999", "0000",
    "2024-02-29", "2023-02-29", "2022-5-1", "2022-05", "2022-05-01T", "2022-05-01T24:00:00",
    "2022-05-01T24:00", "2022-05-01T10", "2022-05-01T10:00:60", "2022-05-01x10:00", " 2022-05-01 ",
    "2022-05-01T10:00:00,5", "2022-05-01T10:00:00.1234567", "2022-05-01T10:00:00 GMT", "now",
    "-3d", "3d", "-1h", "2w", "-1m", "13m", "-1y", "0d", "-9999d", "10000d", "-9999y", "3000y",
    "-2D", "--1d", "3s", "1d ", "-1d\n", "-00001d", "1.5d", "-٣d", "\uff12\uff10\uff12\uff12", "2022-05-01T10:00:00+25:00",
)  # fmt: skip
VERSIONS = (
    "1.2.3", "v1.2.3", "V2", "1", "1.2", "1.2.", "1..3", "1.2.3.4", "1.2.3-rc.1", "1.2.3+b5",
    "01.2.3", "1.02.3", "0.0.3", "0.2.3", "0.0.0", "1.2.*", "1.*", "*", "1.2.3.*", "1.x", "", "v",
    "-1.2.3", " 1.2.3 ", "1.2.3 ", "vv1.2.3", "²", "1.٣.0", "10.0.0", "9.9.9", "1.2.3-", "..", "1.*.3",
)  # fmt: skip
PATTERNS = (
    "", "a", "^a", "a$", "^a$", "a+", "^a+$", "a*", "(a+)+", "(a|b)", "^(a|b)$", "(?:a|b)+$", "[ab]",
    "[^a]", "[a-z]+", "[z-a]", "[", "]", "(", ")", "*a", "a**", "a++", "a{2}", "a{2,}", "a{,2}",
    "a{2,1}", "{2}", "a{2}{3}", "(ab){2}", "((a){2}){2}", r"\d", r"\D", r"\w+", r"\W", r"\s", r"\S",
    r"[\d]", r"[\w.]+", r"[\W]", r"[\s\S]", r"[^\W\d]", r"[\D]", r"[^\s]", r"\bfoo\b", r"\.", r"\-",
    r"\_", r"\x41", r"\x4", r"[\x41]", r"\n", r"\t", r"[\n]", r"\q", r"\1", "(?i)a", "(?=a)", "(?P<x>a)",
    r"\Aa", r"a\z", "$", "^", "^$", "^*", "$?", "()", "()*", "a|", "|a", ".", ".+", "^.$", "[.]",
    "[a-]", "[-a]", r"[a-\d]", r"[\d-a]", "[a&&b]", "[a||b]", "[a--b]", "[[a]]", "[]", "[^]", "[]a]",
    "é", "[é-ï]", r"\p{L}", "a?b", "a??", "a+?", "a{2}?", "a{1001}", "(a|aa)+$", "(a|aa)+", "{", "}",
    "a{1", r"\\", "\\", r"@example\.com$", r"^[\w.+-]+@example\.com$", r"[\]]", r"[\^a]", r"[\b]", r"[\-]",
    r"[\@]", "^(a+)(b+)$", "(a*)(b*)$", "a\nb", "ß", "'", '"', "(?:)", "(?:a)", "((a))", "a|b$",
)  # fmt: skip
ODD_VALUES: tuple[Json, ...] = (
    None, True, False, 0, 1, -1, 2, 30, 3.5, 1.0, -0.0, 1e21, 1e-7, 1.5e-5, 1e16, 123456789012345678901,
    [], [True], ["true", False], ["pro", "free"], [1, "1"], [[]], [None], {}, {"a": 1}, {"b": [1.0], "a": None},
    ["Pro", True], 1e400, [1e400], 9007199254740993, 9007199254740992.0, {"é": "É"},
)  # fmt: skip

FLAGS = ("one", "two", "three", "four", "five")
COHORTS = ("1", "2", "3")
GROUPS = ("company", "team")


class Inventor:
    """Makes things up, as *chance* has it.

    Nothing depends on itself: theirs goes in such circles for hours.
    """

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._flags: tuple[str, ...] = ()
        self._cohorts: tuple[str, ...] = ()

    def definitions(self) -> dict[str, Json]:
        """Return a definitions answer with a few flags and cohorts."""
        # The last flag depends on nothing, cohorts on it, flags on later ones.
        cohorts = {}
        self._flags = FLAGS[-1:]
        for at, name in enumerate(COHORTS):
            self._cohorts = COHORTS[at + 1 :]
            cohorts[name] = self._cohort()
        flags = []
        for at, key in enumerate(FLAGS):
            self._flags = FLAGS[at + 1 :]
            self._cohorts = COHORTS if self._flags else ()
            flags.append(self._flag(at, key))
        return {
            "flags": flags,
            "cohorts": {name: one for name, one in cohorts.items() if self._maybe(0.85)},
            "group_type_mapping": {"0": "company", "1": "team"},
            "property_matching_version": self._one(1, 1, 2, 2.0, 3),
        }

    def person(self) -> dict[str, Json]:
        """Return the arguments of one evaluation, but for the flag."""
        groups = [name for name in GROUPS if self._maybe(0.6)]
        return {
            "distinct_id": f"user-{self._chance.randrange(200)}",
            "groups": {name: self._one("acme", "globex", "zoo") for name in groups},
            "person_properties": self._properties(),
            "group_properties": {name: self._properties() for name in groups if self._maybe(0.8)},
            "device_id": self._one(None, None, "", "device-1", "device-2"),
        }

    def _maybe(self, share: float) -> bool:
        return self._chance.random() < share

    def _one(self, *things: Json) -> Json:
        return self._chance.choice(things)

    def _properties(self) -> dict[str, Json]:
        return {name: self._given(name) for name in NAMES[:-1] if self._maybe(0.75)}

    def _given(self, name: str) -> Json:
        if self._maybe(0.15):
            return self._one(*ODD_VALUES)
        by_name = {"version": VERSIONS, "born": DATES, "age": (18, 30, 30.5, "30", "age", None)}
        return self._one(*by_name.get(name, TEXTS))

    def _filter(self) -> dict[str, Json]:
        operator = self._one(*OPERATORS) if self._maybe(0.97) else self._one(*ODD_OPERATORS)
        return {
            "key": self._key(operator),
            "operator": operator,
            "value": self._wanted(operator),
            "type": self._one("person", "person", "group", None, "event"),
        }

    def _key(self, operator: Json) -> str:
        if self._maybe(0.3):
            return str(self._one(*NAMES))
        text = str(operator)
        if text.startswith("semver"):
            return "version"
        return (
            "born" if text.startswith("is_date") else str(self._one("plan", "email", "age", "odd"))
        )

    def _wanted(self, operator: Json) -> Json:
        if self._maybe(0.12):
            return self._one(*ODD_VALUES)
        text = str(operator)
        if "regex" in text:
            return self._one(*PATTERNS)
        if text.startswith("semver"):
            return self._one(*VERSIONS)
        if text.startswith("is_date"):
            return self._one(*DATES)
        if self._maybe(0.3):
            return [self._one(*TEXTS) for _ in range(self._chance.randrange(4))]
        return self._one(*TEXTS)

    def _any_filter(self) -> dict[str, Json]:
        draw = self._chance.random()
        if draw < 0.15 and self._cohorts:
            return self._cohort_filter()
        return self._dependency() if 0.15 < draw < 0.25 and self._flags else self._filter()

    def _cohort_filter(self) -> dict[str, Json]:
        return {
            "key": "id",
            "type": "cohort",
            "value": self._one(*self._cohorts, int(self._cohorts[-1]), 9),
            "operator": self._one("in", "exact", None, "not_in", "not_in", "is_not"),
        }

    def _dependency(self) -> dict[str, Json]:
        key = self._one(*self._flags, "unknown" if self._maybe(0.2) else self._flags[0])
        chain = [self._one(*self._flags) for _ in range(self._chance.randrange(2))]
        found: dict[str, Json] = {
            "key": key,
            "type": "flag",
            "operator": "flag_evaluates_to" if self._maybe(0.95) else "exact",
            "value": self._one(*DEPENDENCY_VALUES),
            "dependency_chain": [*chain, key]
            if self._maybe(0.9)
            else self._one([], None, "one", chain),
        }
        if self._maybe(0.03):
            del found["dependency_chain"]
        return found

    def _cohort(self) -> Json:
        if self._maybe(0.06):
            return self._one(None, [], {}, "cohort", {"values": []}, {"type": "OR", "values": None})
        return self._group(0)

    def _group(self, depth: int) -> dict[str, Json]:
        count = self._chance.randrange(4)
        return {
            "type": self._one("AND", "OR") if self._maybe(0.97) else self._one("XOR", None),
            "values": [self._entry(depth) for _ in range(count)],
        }

    def _entry(self, depth: int) -> Json:
        if self._maybe(0.02):
            return self._one(None, "x", [], {})
        if depth < 2 and self._maybe(0.3):
            return self._group(depth + 1)
        found = self._any_filter()
        if self._maybe(0.3):
            found["negation"] = self._one(*YES_OR_NOT)
        return found

    def _condition(self) -> dict[str, Json]:
        found: dict[str, Json] = {
            "properties": [self._any_filter() for _ in range(self._one(0, 1, 1, 2, 3))],
            "rollout_percentage": self._one(None, 0, 25, 50, 50.5, 99.9, 100, 100, 100, 120),
        }
        if self._maybe(0.2):
            found["variant"] = self._one("red", "blue", "green", "", None)
        if self._maybe(0.1):
            found["aggregation_group_type_index"] = self._one(0, 1, None, 2)
        if self._maybe(0.05):
            found["properties"] = None
        return found

    def _flag(self, number: int, key: str) -> dict[str, Json]:
        filters: dict[str, Json] = {
            "groups": [self._condition() for _ in range(self._one(0, 1, 1, 2, 3))],
            "multivariate": self._multivariate(),
            "payloads": {"true": '{"a": 1}', "red": '"text"', "false": "[1]", "blue": "no json"},
        }
        flag = {"id": number, "key": key, "active": self._maybe(0.92), "filters": filters}
        if self._maybe(0.15):
            filters["aggregation_group_type_index"] = self._one(0, 1, 2, None)
        if self._maybe(0.15):
            filters["early_exit"] = self._one(*YES_OR_NOT)
        if self._maybe(0.1):
            filters["holdout"] = self._holdout()
        if self._maybe(0.04):
            filters["feature_enrollment"] = True
        if self._maybe(0.1):
            self._one(flag, filters)["bucketing_identifier"] = self._one("device_id", "distinct_id")
        if self._maybe(0.04):
            flag["ensure_experience_continuity"] = True
        return flag

    def _holdout(self) -> Json:
        share = self._one(0, 10, 50, 100, 150, -5, "30", None)
        return self._one({"id": 7, "exclusion_percentage": share}, {}, None)

    def _multivariate(self) -> Json:
        if self._maybe(0.6):
            return None
        shares = self._one((50, 50, 0), (33.3, 33.3, 33.4), (10, 20, 0.5), (0, 0, 0), (100, 50, 1))
        keys = ("red", "blue", self._one("green", ""))
        variants = [
            {"key": key, "rollout_percentage": share}
            for key, share in zip(keys, shares, strict=True)
        ]
        return {"variants": variants}
