class WrongState(Exception):
    """The order is not in a state that allows this; somebody was quicker."""
