import pytest

from coco_flow.errors import DefinitionError
from coco_flow.validation import (
    NamingError,
    validate_app_namespace_name,
    validate_field_name,
    validate_flow_name,
    validate_full_flow_name,
    validate_identifier_name,
    validate_target_name,
)

VALIDATORS = [
    validate_app_namespace_name,
    validate_field_name,
    validate_flow_name,
    validate_full_flow_name,
    validate_target_name,
]


@pytest.mark.parametrize("validate", VALIDATORS)
@pytest.mark.parametrize("name", ["a", "_a", "A1_b", "x" * 64])
def test_names_that_pass(validate: object, name: str) -> None:
    validate(name)  # type: ignore[operator] - one of the functions above


@pytest.mark.parametrize("validate", VALIDATORS)
@pytest.mark.parametrize("name", ["", "1a", "a-b", " a", "a\n", "é", "__a", "x" * 65])
def test_names_that_do_not(validate: object, name: str) -> None:
    with pytest.raises(NamingError, match="name"):
        validate(name)  # type: ignore[operator]


def test_dots_are_for_full_names_of_flows() -> None:
    validate_full_flow_name("staging.docs")
    for validate in set(VALIDATORS) - {validate_full_flow_name}:
        with pytest.raises(NamingError, match=r"'staging\.docs'"):
            validate("staging.docs")


def test_the_problem_is_told() -> None:
    assert validate_identifier_name("abc") is None
    assert "double underscores" in str(validate_identifier_name("__a"))
    assert "maximum length of 3" in str(validate_identifier_name("abcd", max_length=3))
    assert issubclass(NamingError, DefinitionError)
    assert issubclass(NamingError, ValueError)
