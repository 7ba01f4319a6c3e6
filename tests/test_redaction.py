"""A secret shows in no text, however it is spelled there."""

from __future__ import annotations

import base64
import html
import json
import random
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_rsvp import redaction
from airflow_provider_rsvp.exceptions import EventNotFoundError, InvalidInputError, RsvpError
from airflow_provider_rsvp.redaction import blotted, forget_secrets, keep_out
from airflow_provider_rsvp.services.wire import excerpt

pytestmark = pytest.mark.any_airflow

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in capitals": lambda text: text.translate(str.maketrans(string.ascii_lowercase, string.ascii_uppercase)),
    "percent": lambda text: quote(text, safe=""),
    "percent in lower case": lambda text: "".join(
        letter if letter.isascii() and letter.isalnum() else quote(letter, safe="").lower() for letter in text
    ),
    "percent throughout": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON of PHP": lambda text: json.dumps(text)[1:-1].replace("/", r"\/"),
    "JSON throughout": lambda text: "".join(
        f"\\u{unit:04X}" for unit in memoryview(text.encode("utf-16-le")).cast("H")
    ),
    "HTML": html.escape,
    "HTML numbers": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "HTML hex numbers": lambda text: "".join(f"&#x{ord(letter):X};" for letter in text),
    "repr": lambda text: ascii(text)[1:-1],
    "folded": lambda text: "\r\n ".join(text[place : place + 7] for place in range(0, len(text), 7)),
    "Basic": lambda text: base64.b64encode(f"client-7:{text}".encode()).decode(),
    "Basic of a form": lambda text: base64.b64encode(f"me:{quote_plus(text)}".encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(f"a:{text}:z".encode()).decode(),
}
LETTERS = st.sampled_from(string.ascii_letters + string.digits + "-._~+/=%&'\"\\<> éß漢😀") | st.characters(
    exclude_categories=["Cs", "Cc", "Cf", "Zs", "Zl", "Zp"]
)
SECRETS = st.text(LETTERS, min_size=12, max_size=80).filter(
    lambda text: sum(letter.isascii() and letter.isalnum() for letter in text) >= 10
)
IN_BASE64 = {"Basic", "Basic of a form", "base64 for addresses"}

OF_LETTERS = {"in capitals", "folded"}
"""What would break the escapes of another spelling in two."""

FEW = settings(max_examples=40)


def know_only(*secrets: str) -> None:
    forget_secrets()
    assert not redaction.knows_any()
    keep_out(*secrets)


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    know_only()
    yield
    know_only()


@pytest.mark.parametrize("spelling", SPELLINGS)
@FEW
@given(secret=SECRETS, before=st.sampled_from(["", "the secret ", "x=", '{"error":"', "é: "]))
@example(secret="8fe%41%2541&amp;\\u0041/+ =b", before="")
@example(secret="caf\xe9/\U0001f600+%zz 0123456789", before="the secret ")
def test_a_secret_is_blotted_out(spelling: str, secret: str, before: str) -> None:
    know_only(secret)
    written = SPELLINGS[spelling](secret)

    said = blotted(f"{before}{written}, and no more")

    assert written not in said
    assert "***" in said
    assert said.startswith(before.rstrip()) or before == "x="
    assert said.endswith(", and no more")


@FEW
@given(
    secret=st.text(string.ascii_letters + string.digits + "/+= ", min_size=12, max_size=40).filter(
        lambda text: len(text.replace(" ", "").replace("+", "")) >= 8 and text == text.strip()
    ),
    first=st.sampled_from(sorted(SPELLINGS.keys() - IN_BASE64)),
    then=st.lists(st.sampled_from(sorted(SPELLINGS.keys() - IN_BASE64 - OF_LETTERS)), min_size=1, max_size=2),
)
def test_one_that_is_spelled_twice_over_is_blotted_out(secret: str, first: str, then: list[str]) -> None:
    know_only(secret)
    written = secret
    for spelling in (first, *then):
        written = SPELLINGS[spelling](written)

    said = blotted(f"<{written}>")

    assert said == "<***>"


@FEW
@given(secret=SECRETS, seed=st.integers(0, 1000))
def test_one_that_is_spelled_differently_letter_by_letter_is_blotted_out(secret: str, seed: int) -> None:
    know_only(secret)
    dice = random.Random(seed)
    each = ("percent throughout", "JSON throughout", "HTML numbers", "HTML hex numbers")
    written = "".join(SPELLINGS[dice.choice(each)](letter) for letter in secret)

    assert blotted(f"refused: {written}.") == "refused: ***."


@FEW
@given(text=st.text(max_size=300), secret=SECRETS)
def test_other_texts_stay_as_they_are(text: str, secret: str) -> None:
    know_only(secret)
    if redaction.bare(secret)[:4] not in redaction.bare(text):
        assert blotted(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the password test is wrong", "the password *** is wrong"),
        ("'test'", "'***'"),
        ("%74est", "***"),
        ("the latest protest", "the latest protest"),
    ],
)
def test_a_short_secret_is_one_only_as_a_word(text: str, said: str) -> None:
    keep_out("test", "", None)
    assert blotted(text) == said


def test_no_message_of_ours_holds_one() -> None:
    keep_out("sesame/4711")
    for kind in (RsvpError, InvalidInputError, EventNotFoundError):
        error = kind("Could not read: sesame%2F4711")
        assert str(error) == "Could not read: ***"
        assert "sesame" not in repr(error)


def test_one_that_an_excerpt_would_cut_in_two_is_blotted_out() -> None:
    keep_out("sesame-4711-open")
    said = excerpt("x" * 195 + "sesame-4711-open")
    assert "sesam" not in said


def test_a_process_remembers_those_it_used_last_and_no_more() -> None:
    keep_out("the-first-secret", "the-second-secret")
    others = [f"{number:05}-another-secret" for number in range(redaction.MOST_SECRETS - 1)]
    for other in others:
        keep_out(other)
        keep_out("the-first-secret")

    assert {blotted(other) for other in others} == {"***"}
    assert blotted("the-first-secret") == "***"
    assert blotted("the-second-secret") == "the-second-secret"


def test_a_long_text_is_looked_through_in_bounded_work() -> None:
    keep_out(*(f"secret-{number:08}" for number in range(2000)))
    assert len(blotted("secret-%30" * 10**6)) <= redaction.LONGEST_TEXT
