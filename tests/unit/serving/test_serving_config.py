"""A service is safe before anybody has thought of it."""

import pytest

from lineament.core.errors import UsageError
from lineament.serving.config import LEAST_TOKEN, ServeConfig

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    assert ServeConfig(host=host).is_local


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", ""])
def test_other_machines_are_let_in_only_when_somebody_says_so(host: str) -> None:
    with pytest.raises(UsageError) as caught:
        ServeConfig(host=host)

    assert str(caught.value) == (
        f"{host} can be reached from other machines, and nothing says who may ask.\n"
        "  fix: Give a `--token`, or say `--allow-public` where everybody may."
    )
    assert not ServeConfig(host=host, token=TOKEN).is_local
    assert not ServeConfig(host=host, allow_public=True).is_local


def test_token_that_can_be_guessed_is_refused() -> None:
    assert len(TOKEN) == LEAST_TOKEN
    with pytest.raises(UsageError, match="15 characters, and can be guessed"):
        ServeConfig(token=TOKEN[1:])


@pytest.mark.parametrize("letter", ["ü", "\n", "\x00"])
def test_token_that_no_header_can_carry_is_refused(letter: str) -> None:
    with pytest.raises(UsageError, match="letters that a header cannot carry"):
        ServeConfig(token=TOKEN + letter)


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(UsageError, match="A request of 16 photos never fits in a queue of 15"):
        ServeConfig(queue=15)
    with pytest.raises(UsageError, match="A request of 20 MB never fits in uploads of 19 MB"):
        ServeConfig(max_uploads_megabytes=19.0)
    with pytest.raises(UsageError, match="one alone was given"):
        ServeConfig(certificate="a.pem")


def test_names_of_this_machine_are_known_and_no_others() -> None:
    own = ServeConfig().host_names

    assert own == frozenset({"localhost", "127.0.0.1", "[::1]"})
    assert ServeConfig(host="::1").host_names == own
    assert ServeConfig(allow_hosts=("Proxy.Example",)).host_names == own | {"proxy.example"}


def test_public_service_is_reached_under_any_name_unless_names_are_given() -> None:
    public = ServeConfig(host="0.0.0.0", allow_public=True)
    named = ServeConfig(host="0.0.0.0", token=TOKEN, allow_hosts=("faces.example",))

    assert public.host_names is None
    assert named.host_names is not None
    assert "faces.example" in named.host_names
