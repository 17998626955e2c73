import pytest

pytest.register_assert_rewrite("tests.crashes.afterwards", "tests.crashes.stage")
