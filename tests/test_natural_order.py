from fercore.io.files import natural_key


def test_names_are_in_the_order_of_their_numbers() -> None:
    names = ["a2", "a10", "a1b20", "a1b3", "B1", "b01", "10", "9", "x\u00b2", "x1"]
    expected = ["9", "10", "a1b3", "a1b20", "a2", "a10", "B1", "b01", "x1", "x\u00b2"]
    assert sorted(names, key=natural_key) == expected
