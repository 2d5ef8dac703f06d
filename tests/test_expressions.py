import pytest

from fercore.expressions import EXPRESSIONS, Expression, from_bu3dfe_code


def test_order_is_the_one_that_checkpoints_were_trained_with() -> None:
    names = ["anger", "disgust", "fear", "happiness", "sadness", "surprise"]
    assert [e.value for e in EXPRESSIONS] == names
    assert [e.position for e in EXPRESSIONS] == list(range(6))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_bu3dfe_codes_come_back(expression: Expression) -> None:
    assert from_bu3dfe_code(expression.bu3dfe_code) is expression
    assert from_bu3dfe_code(expression.bu3dfe_code.lower()) is expression


def test_neutral_is_no_expression_and_junk_is_refused() -> None:
    assert from_bu3dfe_code("NE") is None
    with pytest.raises(ValueError, match="XX"):
        from_bu3dfe_code("XX")
