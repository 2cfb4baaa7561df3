"""From words to options."""

import pytest

from asyncsdk.cli.arguments import CollectOptions, DemoOptions, FileOptions, MapOptions, parse


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("demo", DemoOptions()),
        (
            "demo --events 3,000 --seed 7 --patience 1.5",
            DemoOptions(events=3_000, seed=7, patience=1.5),
        ),
        (
            "demo --fault 503 --fault reset,times=1",
            DemoOptions(faults=("503", "reset,times=1")),
        ),
        ("demo --fault none", DemoOptions(faults=())),
        ("map m.yaml", MapOptions(mapping="m.yaml", events="-")),
        ("map m.yaml --check", MapOptions(mapping="m.yaml", check=True)),
        (
            "map m.yaml e.ndjson --compat walkeros --functions shop:functions",
            MapOptions(
                mapping="m.yaml", events="e.ndjson", walkeros=True, functions="shop:functions"
            ),
        ),
        (
            "demo --ndjson f --to http://x --write-key k",
            FileOptions(file="f", to="http://x", write_key="k"),
        ),
        (
            "demo --ndjson - --destination segment --write-key k --allow-insecure-http",
            FileOptions(
                file="-",
                to="https://api.segment.io",
                write_key="k",
                destination="segment",
                allow_insecure_http=True,
            ),
        ),
        (
            "demo --ndjson f --destination posthog --write-key k",
            FileOptions(
                file="f", to="https://us.i.posthog.com", write_key="k", destination="posthog"
            ),
        ),
        ("collect", CollectOptions()),
        (
            "collect --port 8080 --host ::1 --write-key a --write-key b --fault 503"
            " --flag-definitions flags.json",
            CollectOptions(
                host="::1",
                port=8080,
                write_keys=("a", "b"),
                faults=("503",),
                flag_definitions="flags.json",
            ),
        ),
    ],
)
def test_words_become_options(
    words: str, options: DemoOptions | FileOptions | CollectOptions
) -> None:
    """Each option has a default that works."""
    assert parse(words.split(), {}) == options


def test_the_key_may_come_from_the_environment() -> None:
    """Other users of a machine can read its command lines; and no repr shows it."""
    words = ["demo", "--ndjson", "f", "--to", "http://x"]
    options = parse(words, {"ASYNCSDK_WRITE_KEY": "secret-1"})
    assert isinstance(options, FileOptions)
    assert options.write_key == "secret-1"
    assert "secret-1" not in repr(options)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("", "required: COMMAND"),
        ("dance", "invalid choice"),
        ("demo --events 0", "'0' is not a whole number from 1 to 1,000,000"),
        ("demo --events 1000001", "is not a whole number"),
        ("demo --events ten", "is not a whole number"),
        ("demo --events 9999999999999999999999", "is not a whole number"),
        ("demo --patience -1", "is not a number of seconds"),
        ("demo --patience nan", "is not a number of seconds"),
        ("demo --patience soon", "is not a number of seconds"),
        ("demo --fault explode", "'explode': a status or one of"),
        ("demo --to http://x", "--to goes with --ndjson"),
        ("demo --write-key k", "--write-key goes with --ndjson"),
        ("demo --destination segment", "--destination goes with --ndjson"),
        ("demo --ndjson f --write-key k", "needs --to URL"),
        ("demo --ndjson f --to http://x", "needs --write-key KEY, or ASYNCSDK_WRITE_KEY"),
        ("demo --ndjson f --to http://x --write-key k --destination mars", "invalid choice"),
        ("worker --store http://u:p@h", "--store: a URL begins with redis://"),
        ("deadletters list --store s --to f", "--to goes with export"),
        ("deadletters list --store s --since 99999999d", "'99999999d' is no time"),
        ("deadletters list --store s --since 9999999999d", "'9999999999d' is no time"),
        ("collect --port 70000", "'70000' is not a whole number from 0 to 65,535"),
    ],
)
def test_a_mistake_is_named(words: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the usage, and exit code 2."""
    with pytest.raises(SystemExit) as ended:
        parse(words.split(), {})
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err
