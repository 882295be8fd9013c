"""A bound on how long something may be thought about, counted in steps: no clock, no surprise."""


class BudgetSpentError(Exception):
    """There is more to compare than allowed."""


class Budget:
    """Steps that are left."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps. Raise BudgetSpentError when there are not as many."""
        self._left -= steps
        if self._left < 0:
            raise BudgetSpentError
