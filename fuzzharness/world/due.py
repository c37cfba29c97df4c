"""When what is done by halves is checked by doing all of it."""


def is_due(number: int) -> bool:
    """Whether everything is looked at in turn ``number``: the first, the fourth, the sixteenth and so on."""
    return number & (number - 1) == 0 and number.bit_length() % 2 == 1
