"""Errors with the shape and the status codes of Stripe's."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """An error answer.

    *saved*: whether the answer is kept under the request's idempotency key. Stripe keeps what an
    operation answered once it had begun, and keeps nothing when the request was refused before.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        saved: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.saved = saved
        self.headers = dict(headers or {})

    def body(self) -> Json:
        fields = {"code": self.code, "message": self.message, "param": self.param}
        present = {name: value for name, value in fields.items() if value is not None}
        return {"error": {**present, "type": self.kind}}


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """400: the parameters can never be right, whatever the state."""
    return StripeError(400, message, code=code, param=param)


def refused(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """400: the parameters are right, but the object's state does not allow it."""
    return StripeError(400, message, code=code, param=param, saved=True)


def missing(noun: str, object_id: str, param: str, status: int = 400) -> StripeError:
    """There is no such object: 404 when it was the address, 400 when a parameter named it."""
    return StripeError(
        status, f"No such {noun}: '{object_id}'", code="resource_missing", param=param
    )


def not_modelled(what: str, param: str | None = None) -> StripeError:
    """501: Stripe can do this, the stand-in cannot; never a silent success."""
    return StripeError(
        501,
        f"The stand-in for Stripe has not modelled {what}. See NOT_MODELLED.md beside its code.",
        param=param,
        headers={"Stripe-Should-Retry": "false"},
    )


def unauthorised(message: str) -> StripeError:
    return StripeError(401, message)


class GuardBreach(Exception):
    """The stand-in was about to send something that Stripe's specification does not allow."""

    def __init__(self, where: str, problems: list[str]) -> None:
        super().__init__(f"{where}: {'; '.join(problems)}")
        self.where = where
        self.problems = problems
